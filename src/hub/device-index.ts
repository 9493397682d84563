import type { DeviceId } from '#base'
import { type Device, type DeviceStatus, thumbprintsOf } from './device.ts'
import { Thumbprints } from './registry-thumbprints.ts'

/** What a listing asks for: devices after an id, whose id contains `search`, in a status. */
export type DeviceQuery = {
  readonly after?: string | undefined
  readonly limit: number
  readonly search?: string | undefined
  readonly status?: DeviceStatus | undefined
}

/** How many devices there are. */
export type DeviceStatistics = { readonly total: number; readonly enabled: number; readonly disabled: number }

/** The registry in memory, so that a connecting device costs a `Map` lookup. Guards that its views agree. */
export class DeviceIndex {
  readonly #devices = new Map<string, Device>()
  readonly #thumbprints = new Thumbprints()
  readonly #sealedKeys = new Map<DeviceId, Buffer>()
  #disabled = 0
  /** In order, but with ids that are gone; and those that came since. A listing puts the two together, so that adding costs nothing. */
  #sorted: readonly string[] = []
  #added: string[] = []
  #gone = 0

  get statistics(): DeviceStatistics {
    const total = this.#devices.size
    return { total, enabled: total - this.#disabled, disabled: this.#disabled }
  }

  /** The device of this name. */
  find(id: string): Device | undefined {
    return this.#devices.get(id)
  }

  /** Every device that accepts a certificate with this SHA-256 thumbprint. */
  withThumbprint(print: string): readonly DeviceId[] {
    return this.#thumbprints.with(print)
  }

  /** Adds devices, or puts them in the place of those of their name. */
  put(devices: readonly Device[]): void {
    for (const device of devices) {
      const before = this.#devices.get(device.id)
      if (before === undefined) this.#added.push(device.id)
      else this.#leave(before)
      this.#devices.set(device.id, device)
      this.#thumbprints.add(device.id, thumbprintsOf(device.authentication))
      if (device.status === 'disabled') this.#disabled++
    }
  }

  /** Takes a device out. */
  remove(id: DeviceId): void {
    const device = this.#devices.get(id)
    if (device === undefined) return
    this.#leave(device)
    this.#devices.delete(id)
    this.#sealedKeys.delete(id)
    this.#gone++
  }

  /** Keeps the sealed keys of a device until it is removed; null: it has none any more. */
  keep(id: DeviceId, sealed: Buffer | null): void {
    if (sealed === null) this.#sealedKeys.delete(id)
    else this.#sealedKeys.set(id, sealed)
  }

  /** The sealed keys of a device. */
  sealedKeys(id: DeviceId): Buffer | undefined {
    return this.#sealedKeys.get(id)
  }

  /**
   * Devices in the order of their ids, and the id to go on after; `total` counts all that match. Without a filter it costs what the page holds; with
   * one it looks at every device, to say how many match.
   */
  list(query: DeviceQuery): { readonly devices: readonly Device[]; readonly next: string | null; readonly total: number } {
    const sorted = this.#inOrder()
    const start = query.after === undefined ? 0 : positionAfter(sorted, query.after)
    if (query.status === undefined && (query.search === undefined || query.search === '')) {
      const devices = sorted.slice(start, start + query.limit).map((id) => this.#listed(id))
      return { devices, total: sorted.length, next: start + query.limit < sorted.length ? (devices.at(-1)?.id ?? null) : null }
    }
    const devices: Device[] = []
    let total = 0
    let more = false
    for (const [at, id] of sorted.entries()) {
      const device = this.#listed(id)
      if (!matches(device, query)) continue
      total++
      if (at < start) continue
      if (devices.length < query.limit) devices.push(device)
      else more = true
    }
    return { devices, total, next: more ? (devices.at(-1)?.id ?? null) : null }
  }

  #listed(id: string): Device {
    const device = this.#devices.get(id)
    if (device === undefined) throw new Error('bug: a device is listed and is not there')
    return device
  }

  /** All devices, in no order. */
  all(): Iterable<Device> {
    return this.#devices.values()
  }

  #leave(device: Device): void {
    this.#thumbprints.drop(device.id, thumbprintsOf(device.authentication))
    if (device.status === 'disabled') this.#disabled--
  }

  /** The ids of all devices in order: what came since the last listing is sorted by itself and merged in. */
  #inOrder(): readonly string[] {
    if (this.#added.length === 0 && this.#gone === 0) return this.#sorted
    const added = this.#added.sort()
    const merged: string[] = []
    let next = 0
    const take = (id: string) => {
      // A name that went and came again stands in both lists.
      if (this.#devices.has(id) && merged.at(-1) !== id) merged.push(id)
    }
    for (const id of this.#sorted) {
      while (next < added.length && (added[next] ?? '') < id) take(added[next++] ?? '')
      take(id)
    }
    while (next < added.length) take(added[next++] ?? '')
    this.#sorted = merged
    this.#added = []
    this.#gone = 0
    return merged
  }
}

/** The first position whose id comes after `id`. */
function positionAfter(sorted: readonly string[], id: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] ?? '') <= id) low = middle + 1
    else high = middle
  }
  return low
}

function matches(device: Device, query: DeviceQuery): boolean {
  if (query.status !== undefined && device.status !== query.status) return false
  return query.search === undefined || query.search === '' || device.id.toLowerCase().includes(query.search.toLowerCase())
}
