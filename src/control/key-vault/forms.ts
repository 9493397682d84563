import { type Instant, type Result, instant, ok, refuse } from '#base'
import { type AttributeChange, type DeletedSecret, type SecretVersion, secretLimits } from '#vault'
import { type JsonObject, field, isObject } from '../azure/read.ts'

/** Where a vault is, as clients see it: `https://vault.example.com`. Identifiers of secrets begin with it. */
export type VaultAddress = string

/** A version with its attributes: what Key Vault calls a bundle, without the value. */
export function bundleOf(at: VaultAddress, item: SecretVersion): JsonObject {
  return { id: `${at}/secrets/${item.name}/${item.version}`, ...described(item) }
}

/** A line of a list of secrets: named without a version. */
export function itemOf(at: VaultAddress, item: SecretVersion): JsonObject {
  return { id: `${at}/secrets/${item.name}`, ...described(item) }
}

/** A deleted secret; `form` is the bundle or the line of a list. */
export function deletedOf(at: VaultAddress, { item, deletedAt, purgesAt }: DeletedSecret, form: typeof bundleOf): JsonObject {
  const recoveryId = `${at}/deletedsecrets/${item.name}`
  return { ...form(at, item), recoveryId, deletedDate: seconds(deletedAt), scheduledPurgeDate: seconds(purgesAt) }
}

function described(item: SecretVersion): JsonObject {
  return {
    ...(item.contentType === undefined ? {} : { contentType: item.contentType }),
    attributes: {
      enabled: item.enabled,
      ...(item.notBefore === undefined ? {} : { nbf: seconds(item.notBefore) }),
      ...(item.expiresAt === undefined ? {} : { exp: seconds(item.expiresAt) }),
      created: seconds(item.createdAt),
      updated: seconds(item.updatedAt),
      recoveryLevel: 'Recoverable+Purgeable',
      recoverableDays: secretLimits.retentionDays,
    },
    tags: Object.fromEntries(item.tags),
  }
}

function seconds(at: Instant): number {
  return Math.floor(at / 1000)
}

/** What a body says of a version: `contentType`, `tags`, `attributes`. Refuses `control/key-vault-body`. */
export function readAttributes(body: JsonObject): Result<AttributeChange> {
  const contentType = field(body, 'contentType')
  if (contentType !== undefined && typeof contentType !== 'string') return wrong('contentType must be text.')
  const tags = readTags(body)
  if (!tags.ok) return tags
  const given = field(body, 'attributes')
  if (given !== undefined && !isObject(given)) return wrong('attributes must be an object.')
  const attributes = given ?? {}
  const enabled = field(attributes, 'enabled')
  if (enabled !== undefined && typeof enabled !== 'boolean') return wrong('attributes.enabled must be true or false.')
  const notBefore = readTime(attributes, 'nbf')
  if (!notBefore.ok) return notBefore
  const expiresAt = readTime(attributes, 'exp')
  if (!expiresAt.ok) return expiresAt
  return ok({ contentType, tags: tags.value, enabled, notBefore: notBefore.value, expiresAt: expiresAt.value })
}

function readTags(body: JsonObject): Result<ReadonlyMap<string, string> | undefined> {
  const given = field(body, 'tags')
  if (given === undefined) return ok(undefined)
  if (!isObject(given)) return wrong('tags must be an object.')
  const tags = new Map<string, string>()
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== 'string') return wrong('tags must be texts.')
    tags.set(name, value)
  }
  return ok(tags)
}

function readTime(attributes: JsonObject, name: string): Result<Instant | undefined> {
  const value = field(attributes, name)
  if (value === undefined) return ok(undefined)
  return typeof value === 'number' && Number.isSafeInteger(value) && Math.abs(value) < 1e12
    ? ok(instant(value * 1000))
    : wrong(`attributes.${name} must be whole seconds since 1970.`)
}

/** No, this body cannot be read. */
export function wrong(message: string): Result<never> {
  return refuse('control/key-vault-body', message)
}
