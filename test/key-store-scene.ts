import { Secret, ok, systemClock } from '#base'
import { type HardwarePlace, type KeyStore, type KeyStoreState, openHardwareKeys } from '#pki'

/** Seals nothing: for tests that look at what is sealed. The purpose stands in front. */
export const openSealing = {
  seal: (purpose: string, plaintext: Uint8Array) => Buffer.concat([Buffer.from(`${purpose}\n`), plaintext]),
  unseal: (purpose: string, sealed: Buffer) => ok(new Secret(Buffer.from(sealed.subarray(purpose.length + 1)))),
}

/** A store in hardware with a way to wait for its next states. */
export type WatchedStore = AsyncDisposable & {
  readonly store: KeyStore
  readonly states: readonly KeyStoreState[]
  /** Resolves once the store is in this state. */
  until(kind: KeyStoreState['kind']): Promise<KeyStoreState>
}

/** Opens a place of keys with the real clock. */
export async function openWatched(where: HardwarePlace, environment: Readonly<Record<string, string>> = {}): Promise<WatchedStore> {
  const states: KeyStoreState[] = []
  let wake: (() => void)[] = []
  const store = await openHardwareKeys(where, {
    ...openSealing,
    clock: systemClock,
    environment: { PATH: process.env['PATH'], ...environment },
    changed(state) {
      states.push(state)
      for (const one of wake.splice(0)) one()
    },
  })
  // The clock's timers keep no process alive, and here nothing else might.
  const alive = setInterval(() => {}, 60_000)
  return {
    store,
    states,
    async until(kind) {
      while (store.state().kind !== kind) await new Promise<void>((resolve) => wake.push(resolve))
      return store.state()
    },
    async [Symbol.asyncDispose]() {
      clearInterval(alive)
      wake = []
      await store[Symbol.asyncDispose]()
    },
  }
}
