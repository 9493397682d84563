import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type DeviceId, Secret, type Result, ok, systemClock, systemRandom } from '#base'
import { openJournal, systemDisk } from '#journal'
import { openStore } from '#store'
import { DeviceRows, identity } from '../../test/device-rows.ts'
import { hubMigrations } from './migrations.ts'
import { openTwins } from './twins.ts'

/*
 * node --conditions=source src/hub/twin.bench.ts [devices] [seconds] [directory]
 * Reported patches on the real journal and store, each device with one in flight, as they come from devices: how many are durable a second, and what the
 * process spends on each, the copies in rows included. Then a burst of desired properties to every device, as a job makes it.
 */

const count = Number(process.argv[2] ?? 10_000)
const seconds = Number(process.argv[3] ?? 5)
const directory = mkdtempSync(join(process.argv[4] ?? '.', 'twin-bench-'))
const { signal } = new AbortController()

try {
  await using store = await openStore(
    { file: join(directory, 'hub.db'), key: new Secret(systemRandom.bytes(32)), migrations: hubMigrations },
    { clock: systemClock },
    signal,
  )
  await using journal = await openJournal(
    { directory: join(directory, 'journal'), retentionBytes: 1024 ** 3, retentionMs: Infinity },
    { disk: systemDisk, clock: systemClock, random: systemRandom, wrapKey: copyOf, unwrapKey: secretOf },
    signal,
  )
  const rows = new DeviceRows(store)
  const names = Array.from({ length: count }, (_, n) => `pump-${n}`)
  for (let at = 0; at < count; at += 1_000) await rows.add(...names.slice(at, at + 1_000))
  const devices = names.map(identity)
  await using twins = await openTwins(
    {
      journal,
      store,
      clock: systemClock,
      registered: (id) => rows.find(id),
      audit: async () => undefined,
      trouble: (what, error) => console.error(what, error),
    },
    signal,
  )
  for (const inFlight of [count, 1_000, 100]) {
    const over = performance.now() + seconds * 1_000
    const patch = (n: number) => ({
      telemetryInterval: n % 60,
      firmware: { version: '1.2.3', state: n % 2 === 0 ? 'idle' : 'busy' },
      temperature: n / 10,
    })
    let done = 0
    const act = async (device: DeviceId) => {
      while (performance.now() < over) {
        const outcome = await twins.patchReported(device, patch(done))
        if (outcome.ok) done++
        else await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await measured(`reported patches, ${inFlight} of ${count} twins at a time`, async () => {
      await Promise.all(devices.slice(0, inFlight).map(act))
      return done
    })
  }
  await measured(`desired properties for ${count} twins at once`, async () => {
    const cause = { kind: 'configuration', id: 'bench' } as const
    const order = { desired: { interval: 5 }, configurations: { bench: 'Applied' } } as const
    const outcomes = await Promise.all(devices.map((device) => twins.configure(device, order, cause.id)))
    return outcomes.filter((outcome) => outcome.ok).length
  })
  await measured('flush of the rows', async () => {
    await twins.flushed()
    return 1
  })
  console.log(`${Math.round(process.memoryUsage.rss() / 1024 / 1024)} MB`)
} finally {
  rmSync(directory, { recursive: true })
}

async function measured(name: string, work: () => Promise<number>): Promise<void> {
  const began = performance.now()
  const cpu = process.cpuUsage()
  const done = await work()
  const elapsed = (performance.now() - began) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  const cores = (user + system) / 1e6 / elapsed
  console.log(
    `${name}: ${done} in ${elapsed.toFixed(2)} s, ${Math.round(done / elapsed)}/s, ${cores.toFixed(2)} cores, ${((user + system) / done).toFixed(1)} us CPU each`,
  )
}

function copyOf(key: Secret): Buffer {
  return key.use((bytes) => Buffer.from(bytes))
}

function secretOf(wrapped: Buffer): Result<Secret> {
  return ok(new Secret(Buffer.from(wrapped)))
}
