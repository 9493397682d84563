import { Secret } from '#base'
import type { Json } from '#wire/json'
import type { AzureDevice, AzureModule } from './device-json.ts'
import { readScopes } from './device-rules.ts'
import { type Device, capabilitiesOf } from './device.ts'
import type { Module, ModuleAuthentication } from './module.ts'
import type { GivenKeys, SharedKeys } from './shared-keys.ts'
import type { ImportDifference } from './transfer.ts'
import { isTwinObject } from './twin-rules.ts'

/** Differences that an entry names; more are not of use to anybody. */
const maxDifferences = 50

/** Longest value that a difference shows, in characters of JSON. */
const maxShown = 512

/** Gathers differences, up to the most that an entry names. */
export class Differences {
  readonly #found: ImportDifference[] = []

  get found(): readonly ImportDifference[] {
    return this.#found
  }

  /** Compares two values, members of objects one by one. Undefined: not there, which is null. */
  compare(field: string, here: Json | undefined, there: Json | undefined): void {
    if (this.#found.length >= maxDifferences) return
    if (isTwinObject(here) && isTwinObject(there)) {
      for (const key of new Set([...Object.keys(here), ...Object.keys(there)]))
        this.compare(
          `${field}.${key}`,
          Object.hasOwn(here, key) ? here[key] : undefined,
          Object.hasOwn(there, key) ? there[key] : undefined,
        )
      return
    }
    if (canonical(here ?? null) !== canonical(there ?? null)) this.add(field, here ?? null, there ?? null)
  }

  add(field: string, here: Json, there: Json): void {
    if (this.#found.length < maxDifferences) this.#found.push({ field, here: shown(here), there: shown(there) })
  }
}

/** JSON text that is the same for the same value, whatever the order of members. */
export function canonical(json: Json): string {
  if (Array.isArray(json)) return `[${json.map(canonical).join(',')}]`
  if (!isTwinObject(json)) return JSON.stringify(json)
  const members = Object.keys(json).toSorted()
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(json[key] ?? null)}`).join(',')}}`
}

/** What a device would become, held against what it is. `keys`: those that it has. */
export function compareDevice(differences: Differences, before: Device, said: AzureDevice, keys: SharedKeys | undefined): void {
  const { capabilities, deviceScope, parentScopes } = said
  if (said.status !== undefined) differences.compare('status', before.status, said.status)
  if (said.statusReason !== undefined) differences.compare('statusReason', before.statusReason, said.statusReason)
  compareProof(differences, before.authentication, said.authentication, keys, said.keys)
  const isEdge = capabilities?.iotEdge ?? before.capabilities.iotEdge
  differences.compare('capabilities.iotEdge', before.capabilities.iotEdge, isEdge)
  // As the registry reads a change of them.
  const scopes = readScopes({
    capabilities: capabilitiesOf(isEdge),
    deviceScope: deviceScope !== undefined ? deviceScope : before.capabilities.iotEdge ? null : before.deviceScope,
    parentScopes: parentScopes ?? (deviceScope === undefined || isEdge ? before.parentScopes : []),
  })
  if (!scopes.ok) return
  if (!isEdge) differences.compare('deviceScope', before.deviceScope, scopes.value.deviceScope)
  differences.compare('parentScopes', before.parentScopes, scopes.value.parentScopes)
}

/** What a module would become, held against what it is. */
export function compareModule(differences: Differences, before: Module, said: AzureModule, keys: SharedKeys | undefined): void {
  if (said.managedBy !== undefined) differences.compare('managedBy', before.managedBy, said.managedBy)
  compareProof(differences, before.authentication, said.authentication, keys, said.keys)
}

function compareProof(
  differences: Differences,
  before: ModuleAuthentication,
  after: ModuleAuthentication | undefined,
  keys: SharedKeys | undefined,
  given: GivenKeys | undefined,
): void {
  if (after === undefined) return
  differences.compare('authentication', proofJson(before), proofJson(after))
  if (before.type !== 'sas' || after.type !== 'sas') return
  for (const place of ['primary', 'secondary'] as const)
    if (!isKept(keys?.[place], given?.[place])) differences.add(`authentication.symmetricKey.${place}Key`, 'another key', 'the given key')
}

/** Keys that an import does not name stay as they are. */
function isKept(key: Secret | undefined, given: GivenKeys['primary']): boolean {
  if (!(given instanceof Secret)) return true
  return key !== undefined && given.use((bytes) => key.equals(bytes))
}

function proofJson(authentication: ModuleAuthentication): Json {
  if (authentication.type !== 'selfSigned') return { type: authentication.type }
  const { type, primaryThumbprint, secondaryThumbprint } = authentication
  return { type, primaryThumbprint, secondaryThumbprint }
}

function shown(json: Json): Json {
  const text = JSON.stringify(json)
  return text.length <= maxShown ? json : `${text.slice(0, maxShown)}...`
}
