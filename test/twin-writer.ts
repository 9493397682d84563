import { join } from 'node:path'
import { Secret, systemClock, systemRandom } from '#base'
import { hubMigrations } from '#hub'
import { openJournal, systemDisk } from '#journal'
import { openStore } from '#store'
import { openTwins } from '../src/hub/twins.ts'
import { DeviceRows, identity } from './device-rows.ts'
import { keyWrap } from './key-wrap.ts'

/** Twins on a real journal and store in a directory, with what has to be closed in the end. */
export async function openTwinsIn(directory: string) {
  const { signal } = new AbortController()
  const clock = systemClock
  const key = new Secret(Buffer.alloc(32, 7))
  const store = await openStore({ file: join(directory, 'hub.db'), key, migrations: hubMigrations }, { clock }, signal)
  const ports = { disk: systemDisk, clock, random: systemRandom, ...keyWrap('vault', systemRandom) }
  const journal = await openJournal(
    { directory: join(directory, 'journal'), retentionBytes: Infinity, retentionMs: Infinity },
    ports,
    signal,
  )
  const devices = await new DeviceRows(store).load()
  const trouble: string[] = []
  const twins = await openTwins(
    {
      journal,
      store,
      clock,
      registered: (id) => devices.find(id),
      audit: async () => undefined,
      trouble: (what, error) => void trouble.push(`${what} ${String(error)}`),
    },
    signal,
  )
  const close = async () => {
    await twins[Symbol.asyncDispose]()
    await journal[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  }
  return { twins, devices, trouble, close }
}

/** How many devices the process to be killed has. */
export const writtenDevices = 40

// A process to be killed: each device reports for ever, counting, and every answer is printed: device, count, version. Argument: directory.
if (process.argv[1] === import.meta.filename) {
  const { twins } = await openTwinsIn(process.argv[2] ?? '')
  const report = async (n: number) => {
    const id = identity(`d${n}`)
    for (;;) {
      const before = (await twins.get(id))?.reported
      const count = Number(before?.properties['count'] ?? 0) + 1
      const outcome = await twins.patchReported(id, { count, [`k${count % 5}`]: count }, before?.version)
      if (!outcome.ok) throw new Error(outcome.error.code)
      process.stdout.write(`${n} ${count} ${outcome.value.version}\n`)
    }
  }
  await Promise.all(Array.from({ length: writtenDevices }, (_, n) => report(n)))
}
