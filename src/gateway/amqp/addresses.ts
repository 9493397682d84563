import { type Action, type DeviceId, type Result, identityOf, ok, parseDeviceId, parseModuleId, refuse } from '#base'

/*
 * Every address of AMQP, in one table: who may attach to it, and in which role. `{d}`, `{m}`, `{group}` and `{partition}` stand for what the client
 * chooses; `{entity}` is a name of the built-in endpoint for events. What is not in the table cannot be attached.
 */

/** What a link is for. */
export type Purpose =
  | 'cbs'
  | 'telemetry'
  | 'messages'
  | 'methods'
  | 'twin'
  | 'inputs'
  | 'send'
  | 'feedback'
  | 'file-notifications'
  | 'events-management'
  | 'events'

/**
 * One address. `role` is the client's. `who`: `anyone`; `device`, and only the one that the address names; `module`, the same; or a right that a
 * back end must have.
 */
export type AddressRow = {
  readonly purpose: Purpose
  readonly pattern: string
  readonly role: 'sender' | 'receiver' | 'both'
  readonly who: 'anyone' | 'device' | 'module' | Action
}

/** The table. Keywords compare without regard to case (azure-wire 4.3). */
export const addressTable: readonly AddressRow[] = [
  { purpose: 'cbs', pattern: '$cbs', role: 'both', who: 'anyone' },
  { purpose: 'telemetry', pattern: 'devices/{d}/messages/events', role: 'sender', who: 'device' },
  { purpose: 'messages', pattern: 'devices/{d}/messages/devicebound', role: 'receiver', who: 'device' },
  { purpose: 'methods', pattern: 'devices/{d}/methods/devicebound', role: 'both', who: 'device' },
  { purpose: 'twin', pattern: 'devices/{d}/twin', role: 'both', who: 'device' },
  { purpose: 'telemetry', pattern: 'devices/{d}/modules/{m}/messages/events', role: 'sender', who: 'module' },
  // What comes here is sent by an edge hub alone; the hub lets the link be and has nothing to say on it (azure-wire 2.13).
  { purpose: 'inputs', pattern: 'devices/{d}/modules/{m}/messages/events', role: 'receiver', who: 'module' },
  { purpose: 'messages', pattern: 'devices/{d}/modules/{m}/messages/devicebound', role: 'receiver', who: 'module' },
  { purpose: 'methods', pattern: 'devices/{d}/modules/{m}/methods/devicebound', role: 'both', who: 'module' },
  { purpose: 'twin', pattern: 'devices/{d}/modules/{m}/twin', role: 'both', who: 'module' },
  { purpose: 'send', pattern: 'messages/devicebound', role: 'sender', who: 'c2d.send' },
  { purpose: 'feedback', pattern: 'messages/servicebound/feedback', role: 'receiver', who: 'c2d.feedback' },
  { purpose: 'file-notifications', pattern: 'messages/servicebound/filenotifications', role: 'receiver', who: 'file.notifications' },
  { purpose: 'file-notifications', pattern: 'messages/servicebound/fileuploadnotifications', role: 'receiver', who: 'file.notifications' },
  { purpose: 'events-management', pattern: '$management', role: 'both', who: 'telemetry.read' },
  { purpose: 'events-management', pattern: '{entity}/$management', role: 'both', who: 'telemetry.read' },
  { purpose: 'events', pattern: '{entity}/consumergroups/{group}/partitions/{partition}', role: 'receiver', who: 'telemetry.read' },
]

/** An address, taken apart. `identity` is set where the row is for a device or a module; `path` is what a back end's token must cover. */
export type Address = {
  readonly row: AddressRow
  readonly path: readonly string[]
  readonly identity: DeviceId | undefined
  readonly group: string
  readonly partition: string
}

/** Longest address that is looked at, in characters. */
const maxAddressLength = 1_024

/**
 * Finds the row of an address for a client in `role`. `entities` are the names of the built-in endpoint, lower-case. Refuses
 * `gateway/amqp-address-unknown`, and `gateway/amqp-role` where the address is one but not for this role.
 */
export function parseAddress(text: string, role: 'sender' | 'receiver', entities: readonly string[]): Result<Address> {
  const segments = segmentsOf(text)
  const found = segments === undefined ? [] : addressTable.map((row) => match(row, segments, entities)).filter((one) => one !== undefined)
  const mine = found.find(({ row }) => row.role === 'both' || row.role === role)
  if (mine !== undefined) return ok(mine)
  const isEntity = segments !== undefined && entities.includes(segments.join('/').toLowerCase())
  if (found.length === 0 && !isEntity) return refuse('gateway/amqp-address-unknown', 'There is nothing at this address.')
  return refuse('gateway/amqp-role', `Nobody may attach to this address as a ${role}.`)
}

/** Where a message for a device or module goes: `/devices/{d}[/modules/{m}]/messages/devicebound` (azure-wire 5.9). Undefined for everything else. */
export function parseDestination(to: string): DeviceId | undefined {
  const address = parseAddress(to, 'receiver', [])
  return address.ok && address.value.row.purpose === 'messages' ? address.value.identity : undefined
}

/** Without a leading slash, and without scheme and host where somebody sends a whole URL; ids percent-decoded once. */
function segmentsOf(text: string): readonly string[] | undefined {
  if (text.length > maxAddressLength) return undefined
  const path = text.replace(/^amqps?:\/\/[^/]*/i, '').replace(/^\//, '')
  try {
    return path.split('/').map((segment) => decodeURIComponent(segment))
  } catch {
    return undefined
  }
}

function match(row: AddressRow, all: readonly string[], entities: readonly string[]): Address | undefined {
  let segments = all
  let pattern = row.pattern.split('/')
  if (pattern[0] === '{entity}') {
    // The name of an entity may itself have a slash.
    const length = all.length - pattern.length + 1
    if (length < 1 || !entities.includes(all.slice(0, length).join('/').toLowerCase())) return undefined
    segments = all.slice(length)
    pattern = pattern.slice(1)
  }
  if (pattern.length !== segments.length) return undefined
  const chosen = new Map<string, string>()
  for (const [at, expected] of pattern.entries()) {
    const segment = segments[at] ?? ''
    if (expected.startsWith('{')) chosen.set(expected, segment)
    else if (segment.toLowerCase() !== expected) return undefined
  }
  const identity = identityIn(chosen)
  if (chosen.has('{d}') && identity === undefined) return undefined
  return { row, path: all, identity, group: chosen.get('{group}') ?? '', partition: chosen.get('{partition}') ?? '' }
}

function identityIn(chosen: ReadonlyMap<string, string>): DeviceId | undefined {
  const device = parseDeviceId(chosen.get('{d}') ?? '')
  if (!device.ok) return undefined
  const name = chosen.get('{m}')
  if (name === undefined) return device.value
  const module = parseModuleId(name)
  return module.ok ? identityOf(device.value, module.value) : undefined
}
