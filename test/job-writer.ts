import { join } from 'node:path'
import { systemGrant } from '#access'
import { auditMigrations, openAudit } from '#audit'
import { Secret, systemClock, systemRandom } from '#base'
import { hubMigrations, jobDefaults, openHub } from '#hub'
import { encodeFact, openJournal, systemDisk } from '#journal'
import { openStore } from '#store'
import { identity } from './device-rows.ts'
import { keyWrap } from './key-wrap.ts'

/** Devices of the fleet that jobs work on while their process is killed. */
export const jobDevices = 300

/** The device of a number. */
export const jobDevice = (n: number) => identity(`d${String(n).padStart(4, '0')}`)

/** A hub with jobs on a real journal and store in a directory, and how to close all of it. `trouble` is what it complained of. */
export async function openJobHub(directory: string, devicesPerSecond: number) {
  const { signal } = new AbortController()
  const clock = systemClock
  const key = new Secret(Buffer.alloc(32, 7))
  const migrations = [...auditMigrations, ...hubMigrations]
  const store = await openStore({ file: join(directory, 'hub.db'), key, migrations }, { clock }, signal)
  const journal = await openJournal(
    { directory: join(directory, 'journal'), retentionBytes: Infinity, retentionMs: Infinity },
    { disk: systemDisk, clock, random: systemRandom, ...keyWrap('vault', systemRandom) },
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
      tell: (fact) => void journal.append(encodeFact(fact)),
      changed: async () => ({ closed: 0, of: 0, elapsedMs: 0, transports: {} }),
      jobs: {
        permits: { twin: systemGrant('twin.write', 'jobs'), method: systemGrant('method.invoke', 'jobs') },
        settings: { ...jobDefaults, devicesPerSecond },
      },
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

// A process to be killed: its devices answer methods, and it prints each one that was called. Argument: directory.
if (process.argv[1] === import.meta.filename) {
  const { hub } = await openJobHub(process.argv[2] ?? '', 600)
  for (let n = 0; n < jobDevices; n++) {
    const link = hub.methods.attach(jobDevice(n), {
      call(rid) {
        process.stdout.write(`${n}\n`)
        link.answer(rid, 200, Buffer.from('null'))
      },
    })
  }
}
