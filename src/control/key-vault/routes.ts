import { type Caller, authorize } from '#access'
import { type Action, type Grant, type Result, Secret, ok } from '#base'
import type { Json } from '#wire/json'
import { type From, type Secrets, secretLimits } from '#vault'
import { type JsonObject, field, isObject } from '../azure/read.ts'
import { type VaultAddress, bundleOf, deletedOf, itemOf, readAttributes, wrong } from './forms.ts'

/** What a route gets: the right that it named, and what of the request concerns it. */
type Call<A extends Action> = {
  readonly secrets: Secrets
  readonly grant: Grant<A>
  readonly name: string
  readonly version: string | undefined
  readonly body: JsonObject
  readonly at: VaultAddress
  readonly from: From
  /** Where a list goes on, and how many it gives. */
  readonly page: { readonly after: string | undefined; readonly limit: number }
  /** The address of the next part of a list; undefined: there is none. */
  readonly next: (after: string | undefined) => string | undefined
}

/** The same before the caller's rights were asked. */
export type RawCall = Omit<Call<never>, 'grant'> & { readonly caller: Caller }

/** What is answered: 204 where there is nothing to say. */
export type Answered = Result<JsonObject | undefined>

/** One operation of Key Vault's REST interface. `shape` is its path with `{name}` and `{version}`; a version may be missing at its end. */
export type VaultRoute = {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE'
  readonly shape: string
  readonly needs: Action
  run(call: RawCall): Promise<Answered>
}

function route<const A extends Action>(
  method: VaultRoute['method'],
  shape: string,
  needs: A,
  work: (call: Call<A>) => Promise<Answered>,
): VaultRoute {
  return {
    method,
    shape,
    needs,
    async run({ caller, ...call }) {
      const granted = authorize(caller, needs, call.name === '' ? 'secrets' : `secret:${call.name}`)
      return granted.ok ? await work({ ...call, grant: granted.value }) : granted
    },
  }
}

/** Every operation on secrets (Key Vault 7.5 to 2026-04-01). Keywords come before names. */
export const vaultRoutes: readonly VaultRoute[] = [
  route('GET', '/secrets', 'secret.list', async ({ secrets, grant, page, at, next }) => {
    const found = await secrets.list(grant, page)
    if (!found.ok) return found
    return listed(
      found.value.items.map(({ newest }) => itemOf(at, newest)),
      next(found.value.next),
    )
  }),
  route('POST', '/secrets/restore', 'secret.write', async ({ secrets, grant, body, at, from }) => {
    const value = field(body, 'value')
    if (typeof value !== 'string') return wrong('value must be the text of a backup.')
    const restored = await secrets.restore(grant, Buffer.from(value, 'base64url'), from)
    return restored.ok ? ok(bundleOf(at, restored.value)) : restored
  }),
  route('PUT', '/secrets/{name}', 'secret.write', async ({ secrets, grant, name, body, at, from }) => {
    const text = field(body, 'value')
    if (typeof text !== 'string') return wrong('value must be text.')
    const attributes = readAttributes(body)
    if (!attributes.ok) return attributes
    using value = new Secret(Buffer.from(text, 'utf8'))
    const made = await secrets.set(grant, name, value, attributes.value, from)
    return made.ok ? ok({ value: text, ...bundleOf(at, made.value) }) : made
  }),
  route('DELETE', '/secrets/{name}', 'secret.write', async ({ secrets, grant, name, at, from }) => {
    const deleted = await secrets.delete(grant, name, from)
    return deleted.ok ? ok(deletedOf(at, deleted.value, bundleOf)) : deleted
  }),
  route('GET', '/secrets/{name}/versions', 'secret.list', async ({ secrets, grant, name, page, at, from, next }) => {
    const found = await secrets.versions(grant, name, page, from)
    if (!found.ok) return found
    return listed(
      found.value.items.map((item) => bundleOf(at, item)),
      next(found.value.next),
    )
  }),
  route('POST', '/secrets/{name}/backup', 'secret.read', async ({ secrets, grant, name, from }) => {
    const saved = await secrets.backup(grant, name, from)
    return saved.ok ? ok({ value: saved.value.toString('base64url') }) : saved
  }),
  route('GET', '/secrets/{name}/{version}', 'secret.read', async ({ secrets, grant, name, version, at, from }) => {
    const read = await secrets.read(grant, name, version, from)
    if (!read.ok) return read
    using value = read.value.value
    return ok({ value: value.use((bytes) => bytes.toString('utf8')), ...bundleOf(at, read.value.item) })
  }),
  route('PATCH', '/secrets/{name}/{version}', 'secret.write', async ({ secrets, grant, name, version, body, at, from }) => {
    const change = readAttributes(body)
    if (!change.ok) return change
    const updated = await secrets.update(grant, name, version, change.value, from)
    return updated.ok ? ok(bundleOf(at, updated.value)) : updated
  }),
  route('GET', '/deletedsecrets', 'secret.list', async ({ secrets, grant, page, at, next }) => {
    const found = await secrets.deleted(grant, page)
    if (!found.ok) return found
    return listed(
      found.value.items.map((one) => deletedOf(at, one, itemOf)),
      next(found.value.next),
    )
  }),
  route('GET', '/deletedsecrets/{name}', 'secret.read', async ({ secrets, grant, name, at, from }) => {
    const found = await secrets.deletedOne(grant, name, from)
    return found.ok ? ok(deletedOf(at, found.value, bundleOf)) : found
  }),
  route('DELETE', '/deletedsecrets/{name}', 'secret.write', async ({ secrets, grant, name, from }) => {
    const purged = await secrets.purge(grant, name, from)
    return purged.ok ? ok(undefined) : purged
  }),
  route('POST', '/deletedsecrets/{name}/recover', 'secret.write', async ({ secrets, grant, name, at, from }) => {
    const recovered = await secrets.recover(grant, name, from)
    return recovered.ok ? ok(bundleOf(at, recovered.value)) : recovered
  }),
]

function listed(value: readonly JsonObject[], nextLink: string | undefined): Answered {
  return ok({ value, nextLink: nextLink ?? null })
}

/** The longest body of a request: a backup is long, everything else is one value (JSON may write a byte as six) and its attributes. */
export function bodyBytesOf(method: string, path: string): number {
  if (/^\/secrets\/restore\/?$/i.test(path)) return Math.ceil(secretLimits.backupBytes / 8)
  return method === 'PUT' || method === 'PATCH' ? secretLimits.valueBytes * 6 + 64 * 1024 : 1_024
}

/** A body, or an object without members for none. */
export function objectOf(json: Json): Result<JsonObject> {
  return isObject(json) ? ok(json) : wrong('The body must be a JSON object.')
}
