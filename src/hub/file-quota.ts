import { type Result, ok, refuse } from '#base'

/** What bounds the bytes that are kept. */
export type Quotas = { readonly deviceBytes: number; readonly hubBytes: number }

/** What even an empty block costs: a file on the disk. */
const leastBytes = 4096

/** Bytes that count against a quota for a file of `bytes`. */
export function chargeOf(bytes: number): number {
  return Math.max(leastBytes, bytes)
}

/** Who has taken how many bytes: stored files, blocks that wait, and writes that run. Only devices that have any cost memory. */
export class FileQuota {
  readonly #quotas: Quotas
  readonly #byDevice = new Map<string, number>()
  #total = 0

  constructor(quotas: Quotas) {
    this.#quotas = quotas
  }

  /** Takes `bytes` for a device. Refuses `hub/file-quota`. */
  take(device: string, bytes: number): Result<void> {
    const taken = this.#byDevice.get(device) ?? 0
    if (taken + bytes > this.#quotas.deviceBytes) return refuse('hub/file-quota', 'The device has no room left for files.')
    if (this.#total + bytes > this.#quotas.hubBytes) return refuse('hub/file-quota', 'The hub has no room left for files.')
    this.charge(device, bytes)
    return ok(undefined)
  }

  /** Counts what is there already, whether there is room or not. */
  charge(device: string, bytes: number): void {
    this.#byDevice.set(device, (this.#byDevice.get(device) ?? 0) + bytes)
    this.#total += bytes
  }

  /** Gives bytes back. */
  release(device: string, bytes: number): void {
    const left = (this.#byDevice.get(device) ?? 0) - bytes
    if (left > 0) this.#byDevice.set(device, left)
    else this.#byDevice.delete(device)
    this.#total -= bytes
  }

  /** Whether a device could take one more byte. */
  hasRoom(device: string): boolean {
    return (this.#byDevice.get(device) ?? 0) < this.#quotas.deviceBytes && this.#total < this.#quotas.hubBytes
  }
}
