import { Secret, instant } from '#base'
import type { Json } from '#wire/json'
import { secretLimits } from './limits.ts'
import { type SecretVersion, parseSecretName } from './secret.ts'

/** A version with its value, on its way into a backup or out of one. */
export type SavedVersion = { readonly item: SecretVersion; readonly value: Secret }

/** The text of a backup, before it is sealed: JSON. */
export function encodeBackup(versions: readonly SavedVersion[]): Secret {
  const list = versions.map(({ item, value }) => ({
    ...item,
    tags: [...item.tags],
    value: value.use((bytes) => bytes.toString('base64')),
  }))
  return new Secret(Buffer.from(JSON.stringify({ format: 'thingwall-secret-1', versions: list }), 'utf8'))
}

/** Versions of a backup, none where it cannot be read. Dispose of it to zero the values. */
export function decodeBackup(json: Json): Disposable & { readonly versions: readonly SavedVersion[] } {
  const { format, versions }: { format?: unknown; versions?: unknown } = Object(json)
  const list: readonly unknown[] = format === 'thingwall-secret-1' && Array.isArray(versions) ? versions : []
  const read = list.length > secretLimits.versions ? [] : list.flatMap((one) => versionOf(one) ?? [])
  const dispose = () => {
    for (const { value } of read) value[Symbol.dispose]()
  }
  if (read.length === list.length) return { versions: read, [Symbol.dispose]: dispose }
  dispose()
  return { versions: [], [Symbol.dispose]: () => {} }
}

function versionOf(json: unknown): SavedVersion | undefined {
  const { name, version, contentType, tags, enabled, notBefore, expiresAt, createdAt, updatedAt, retiresAt, value } = Object(json)
  const parsed = typeof name === 'string' ? parseSecretName(name) : undefined
  if (parsed?.ok !== true || typeof version !== 'string' || typeof value !== 'string') return undefined
  if (typeof createdAt !== 'number' || typeof updatedAt !== 'number') return undefined
  const time = (at: unknown) => (typeof at === 'number' && Number.isFinite(at) ? instant(at) : undefined)
  const item = {
    name: parsed.value,
    version,
    contentType: typeof contentType === 'string' ? contentType : undefined,
    tags: tagsOf(tags),
    enabled: enabled === true,
    notBefore: time(notBefore),
    expiresAt: time(expiresAt),
    createdAt: instant(createdAt),
    updatedAt: instant(updatedAt),
    retiresAt: time(retiresAt),
  }
  return { item, value: new Secret(Buffer.from(value, 'base64')) }
}

function tagsOf(json: unknown): ReadonlyMap<string, string> {
  const tags = new Map<string, string>()
  for (const pair of Array.isArray(json) ? json : []) {
    const [name, value]: readonly unknown[] = Array.isArray(pair) ? pair : []
    if (typeof name === 'string' && typeof value === 'string') tags.set(name, value)
  }
  return tags
}
