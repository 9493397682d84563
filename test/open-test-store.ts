import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secret } from '#base'
import { type Migration, type Store, openStore } from '#store'
import { FakeClock } from './fake-clock.ts'

/** A real store in a directory of its own that goes away with it. `reopen` closes it and opens the same file again. */
export async function openTestStore(
  migrations: readonly Migration[],
): Promise<{ store: Store; reopen: () => Promise<Store> } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'thingwall-test-'))
  const open = () =>
    openStore(
      { file: join(directory, 'hub.db'), key: new Secret(Buffer.alloc(32, 7)), migrations },
      { clock: new FakeClock() },
      new AbortController().signal,
    )
  let store = await open()
  return {
    get store() {
      return store
    },
    async reopen() {
      await store[Symbol.asyncDispose]()
      store = await open()
      return store
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
