import { type Brand, type Instant, type Result, instant, ok, refuse } from '#base'
import { secretLimits } from './limits.ts'

/** The name of a secret: 1 to 127 letters, digits and hyphens. Case is kept and does not count. */
export type SecretName = Brand<string, 'SecretName'>

/** What may be said of a version besides its value. Times in milliseconds; `notBefore` and `expiresAt` inform, they close nothing (as in Key Vault). */
export type SecretAttributes = {
  readonly contentType: string | undefined
  readonly tags: ReadonlyMap<string, string>
  readonly enabled: boolean
  readonly notBefore: Instant | undefined
  readonly expiresAt: Instant | undefined
}

/** One version of a secret, without its value. */
export type SecretVersion = SecretAttributes & {
  readonly name: SecretName
  /** 32 hexadecimal digits. */
  readonly version: string
  readonly createdAt: Instant
  readonly updatedAt: Instant
  /** When it will be disabled because a later version took its place; undefined: no such plan. */
  readonly retiresAt: Instant | undefined
}

/** A secret that was deleted and can be recovered until `purgesAt`: its newest version. */
export type DeletedSecret = { readonly item: SecretVersion; readonly deletedAt: Instant; readonly purgesAt: Instant }

/** Changes of a version; what is undefined stays. Null takes a time away. */
export type AttributeChange = {
  readonly contentType?: string | undefined
  readonly tags?: ReadonlyMap<string, string> | undefined
  readonly enabled?: boolean | undefined
  readonly notBefore?: Instant | null | undefined
  readonly expiresAt?: Instant | null | undefined
}

const namePattern = /^[0-9A-Za-z-]{1,127}$/
const versionPattern = /^[0-9a-f]{32}$/

/** Reads the name of a secret. Refuses `vault/secret-name`. */
export function parseSecretName(text: string): Result<SecretName> {
  return isSecretName(text) ? ok(text) : refuse('vault/secret-name', 'The name of a secret has 1 to 127 letters, digits and hyphens.')
}

function isSecretName(text: string): text is SecretName {
  return namePattern.test(text)
}

/** Whether this is how versions are named. */
export function isVersion(text: string): boolean {
  return versionPattern.test(text)
}

/** The name by which secrets are told apart. */
export function keyOf(name: string): string {
  return name.toLowerCase()
}

/** Judges what came with a value or a change. Refuses `vault/secret-attributes` with the member that is wrong. */
export function checkAttributes(change: AttributeChange): Result<void> {
  const no = (why: string) => refuse('vault/secret-attributes', why)
  if (change.contentType !== undefined && change.contentType.length > secretLimits.contentTypeCharacters)
    return no(`A content type has at most ${secretLimits.contentTypeCharacters} characters.`)
  const tags = change.tags ?? new Map<string, string>()
  if (tags.size > secretLimits.tags) return no(`A secret has at most ${secretLimits.tags} tags.`)
  for (const [name, value] of tags)
    if (name === '' || name.length > secretLimits.tagCharacters || value.length > secretLimits.tagCharacters)
      return no(`A tag has a name, and at most ${secretLimits.tagCharacters} characters in name and value each.`)
  for (const at of [change.notBefore, change.expiresAt])
    if (at !== undefined && at !== null && !(at >= 0 && at < 253_402_300_800_000)) return no('A time lies between 1970 and 9999.')
  return ok(undefined)
}

/** Attributes of a new version of which only some are said. */
export function attributesOf(change: AttributeChange): SecretAttributes {
  return {
    contentType: change.contentType,
    tags: change.tags ?? new Map(),
    enabled: change.enabled ?? true,
    notBefore: change.notBefore ?? undefined,
    expiresAt: change.expiresAt ?? undefined,
  }
}

/** A version with its attributes changed. */
export function changed(item: SecretVersion, change: AttributeChange, now: Instant): SecretVersion {
  const time = (was: Instant | undefined, is: Instant | null | undefined) =>
    is === undefined ? was : is === null ? undefined : instant(is)
  return {
    ...item,
    contentType: change.contentType ?? item.contentType,
    tags: change.tags ?? item.tags,
    enabled: change.enabled ?? item.enabled,
    // Who enables a version that was to retire wants it to stay.
    retiresAt: change.enabled === true ? undefined : item.retiresAt,
    notBefore: time(item.notBefore, change.notBefore),
    expiresAt: time(item.expiresAt, change.expiresAt),
    updatedAt: now,
  }
}
