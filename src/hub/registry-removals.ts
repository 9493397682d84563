import type { DeviceId } from '#base'
import type { Statement } from '#store'

/** What of others goes with an identity. Guards who has asked to be told. */
export class Removals {
  readonly #statementsFor = new Set<(identity: DeviceId) => readonly Statement[]>()
  readonly #listeners = new Set<(identity: DeviceId) => void>()

  /** Rows that go in the same commit as a device or module. Returns how to take it back. */
  onRemoving(statementsFor: (identity: DeviceId) => readonly Statement[]): () => void {
    this.#statementsFor.add(statementsFor)
    return () => void this.#statementsFor.delete(statementsFor)
  }

  /** Told when a device or module is gone for good, before its sessions end. Returns how to stop listening. */
  onRemoved(listener: (identity: DeviceId) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Everything that is deleted together with these identities. */
  statements(identities: readonly DeviceId[]): readonly Statement[] {
    return identities.flatMap((identity) => [...this.#statementsFor].flatMap((statementsFor) => statementsFor(identity)))
  }

  /** Says that they are gone. */
  tell(identities: readonly DeviceId[]): void {
    for (const identity of identities) for (const listener of this.#listeners) listener(identity)
  }
}
