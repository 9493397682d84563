import type { DeviceId } from '#base'
import { type Device, type DeviceStatus, thumbprintsOf } from './device.ts'

/** Changes up to this many move single entries of the sorted list; above, it is sorted anew when next asked for. */
const maxSingleMoves = 64

/** What a listing asks for: devices after an id, whose id contains `search`, in a status. */
export type DeviceQuery = {
  readonly after?: string | undefined
  readonly limit: number
  readonly search?: string | undefined
  readonly status?: DeviceStatus | undefined
}

/** The registry in memory, so that a connecting device costs a `Map` lookup. Guards that its three views agree. */
export class DeviceIndex {
  readonly #devices = new Map<string, Device>()
  readonly #byThumbprint = new Map<string, readonly DeviceId[]>()
  readonly #sealedKeys = new Map<DeviceId, Buffer>()
  #sorted: string[] = []
  #stale = false

  get count(): number {
    return this.#devices.size
  }

  /** The device of this name. */
  find(id: string): Device | undefined {
    return this.#devices.get(id)
  }

  /** Every device that accepts a certificate with this SHA-256 thumbprint. */
  withThumbprint(print: string): readonly DeviceId[] {
    return this.#byThumbprint.get(print) ?? []
  }

  /** Adds devices, or puts them in the place of those of their name. */
  put(devices: readonly Device[]): void {
    const single = devices.length <= maxSingleMoves
    for (const device of devices) {
      const before = this.#devices.get(device.id)
      if (before !== undefined) this.#dropThumbprints(before)
      this.#devices.set(device.id, device)
      for (const print of thumbprintsOf(device.authentication))
        this.#byThumbprint.set(print, [...this.withThumbprint(print).filter((id) => id !== device.id), device.id])
      if (before === undefined && single && !this.#stale) this.#sorted.splice(this.#position(device.id), 0, device.id)
    }
    if (!single) this.#stale = true
  }

  /** Takes a device out. */
  remove(id: DeviceId): void {
    const device = this.#devices.get(id)
    if (device === undefined) return
    this.#dropThumbprints(device)
    this.#devices.delete(id)
    this.#sealedKeys.delete(id)
    if (!this.#stale) this.#sorted.splice(this.#position(id), 1)
  }

  /** Keeps the sealed keys of a device, until it is removed or {@link DeviceIndex.forgetKeys} is told. */
  keep(id: DeviceId, sealed: Buffer): void {
    this.#sealedKeys.set(id, sealed)
  }

  /** The sealed keys of a device. */
  sealedKeys(id: DeviceId): Buffer | undefined {
    return this.#sealedKeys.get(id)
  }

  /** The device has no keys any more. */
  forgetKeys(id: DeviceId): void {
    this.#sealedKeys.delete(id)
  }

  /** Devices in the order of their ids, and the id to go on after; `total` counts all that match. */
  list(query: DeviceQuery): { readonly devices: readonly Device[]; readonly next: string | null; readonly total: number } {
    if (this.#stale) {
      this.#sorted = [...this.#devices.keys()].sort()
      this.#stale = false
    }
    const devices: Device[] = []
    let total = 0
    let more = false
    for (const id of this.#sorted) {
      const device = this.#devices.get(id)
      if (device === undefined || !matches(device, query)) continue
      total++
      if (query.after !== undefined && id <= query.after) continue
      if (devices.length < query.limit) devices.push(device)
      else more = true
    }
    return { devices, total, next: more ? (devices.at(-1)?.id ?? null) : null }
  }

  /** All devices, in no order. */
  all(): Iterable<Device> {
    return this.#devices.values()
  }

  #dropThumbprints(device: Device): void {
    for (const print of thumbprintsOf(device.authentication)) {
      const left = this.withThumbprint(print).filter((id) => id !== device.id)
      if (left.length === 0) this.#byThumbprint.delete(print)
      else this.#byThumbprint.set(print, left)
    }
  }

  /** Where `id` stands, or would stand, in the sorted list. */
  #position(id: string): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#sorted[middle] ?? '') < id) low = middle + 1
      else high = middle
    }
    return low
  }
}

function matches(device: Device, query: DeviceQuery): boolean {
  if (query.status !== undefined && device.status !== query.status) return false
  return query.search === undefined || query.search === '' || device.id.toLowerCase().includes(query.search.toLowerCase())
}
