import { anything, flag, list, maybe, object, text } from '../shape.ts'

/** A version of a secret, as the hub shows it: no value. */
export const secret = object({
  name: text,
  version: text,
  contentType: maybe(text),
  tags: list(object({ name: text, value: text })),
  enabled: flag,
  notBefore: maybe(text),
  expiresAt: maybe(text),
  createdAt: text,
  updatedAt: text,
  retiresAt: maybe(text),
  rotation: anything,
  deletedAt: maybe(text),
  purgesAt: maybe(text),
})

/** {@link secret}. */
export type ApiSecret = ReturnType<typeof secret>

/** A part of a list. */
export const secrets = object({ secrets: list(secret), next: maybe(text) })

/** A value that was read, base64. */
export const secretValue = object({ secret, value: text })

/** The rules of access. */
export const rules = object({
  rules: list(object({ principal: text, secrets: text, rights: list(text), createdAt: text, createdBy: text })),
})
