import type { DeviceId } from '#base'
import type { DesiredChange } from '#hub'

/** Who wants to hear that its desired properties have changed: one connection of a device, by whichever protocol. */
export interface DesiredListener {
  desiredChanged(change: DesiredChange): void
}

/** Connections that want to hear of desired properties, by identity: a change costs a lookup, however many devices there are. */
export class DesiredListeners {
  readonly #listeners = new Map<DeviceId, Set<DesiredListener>>()

  /** Harmless to call twice. */
  add(identity: DeviceId, listener: DesiredListener): void {
    const all = this.#listeners.get(identity)
    if (all === undefined) this.#listeners.set(identity, new Set([listener]))
    else all.add(listener)
  }

  /** Harmless where it was never added. */
  remove(identity: DeviceId, listener: DesiredListener): void {
    const all = this.#listeners.get(identity)
    if (all?.delete(listener) === true && all.size === 0) this.#listeners.delete(identity)
  }

  /** Tells whoever it concerns. */
  tell(change: DesiredChange): void {
    for (const listener of this.#listeners.get(change.identity) ?? []) listener.desiredChanged(change)
  }
}
