import { join } from 'node:path'
import { auditMigrations, openAudit } from '#audit'
import { Secret, systemClock, systemRandom } from '#base'
import { hubMigrations, openHub } from '#hub'
import { openJournal, systemDisk } from '#journal'
import { openStore } from '#store'
import { identity } from './device-rows.ts'
import { keyWrap } from './key-wrap.ts'

/** A hub on a real journal and store in a directory, and how to close all of it. `trouble` is what it complained of. */
export async function openHubIn(directory: string) {
  const { signal } = new AbortController()
  const clock = systemClock
  const key = new Secret(Buffer.alloc(32, 7))
  const store = await openStore(
    { file: join(directory, 'hub.db'), key, migrations: [...auditMigrations, ...hubMigrations] },
    { clock },
    signal,
  )
  const ports = { disk: systemDisk, clock, random: systemRandom, ...keyWrap('vault', systemRandom) }
  const journal = await openJournal(
    { directory: join(directory, 'journal'), retentionBytes: Infinity, retentionMs: Infinity },
    ports,
    signal,
  )
  const audit = await openAudit({ store, clock }, signal)
  const trouble: string[] = []
  const hub = await openHub(
    {
      store,
      clock,
      random: systemRandom,
      journal,
      commit: audit.commit,
      tell: () => undefined,
      changed: async () => ({ closed: 0, of: 0, elapsedMs: 0, transports: {} }),
      trouble: (what, error) => void trouble.push(`${what} ${String(error)}`),
    },
    signal,
  )
  const close = async () => {
    await hub[Symbol.asyncDispose]()
    await journal[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  }
  return { hub, trouble, close }
}

/** How many devices the process to be killed has. */
export const writtenDevices = 40

/** Resolves when the pipe has the line: what waits in this process would be lost with it, and its device be further than anybody was told. */
function printed(line: string): Promise<void> {
  return new Promise((resolve) => void process.stdout.write(line, () => resolve()))
}

// A process to be killed: each device reports for ever, counting, and every answer is printed before its next report: device, count, version.
// Argument: directory.
if (process.argv[1] === import.meta.filename) {
  const { twins } = (await openHubIn(process.argv[2] ?? '')).hub
  const report = async (n: number) => {
    const id = identity(`d${n}`)
    for (;;) {
      const before = (await twins.get(id))?.reported
      const count = Number(before?.properties['count'] ?? 0) + 1
      const outcome = await twins.patchReported(id, { count, [`k${count % 5}`]: count }, before?.version)
      if (!outcome.ok) throw new Error(outcome.error.code)
      await printed(`${n} ${count} ${outcome.value.version}\n`)
    }
  }
  await Promise.all(Array.from({ length: writtenDevices }, (_, n) => report(n)))
}
