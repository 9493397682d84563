import { join } from 'node:path'
import { auditMigrations, openAudit } from '#audit'
import { Secret, systemClock, systemRandom, refuse } from '#base'
import { egressMigrations, endpointKinds, openEgress } from '#egress'
import { telemetryForm, twinEventBody } from '#hub'
import { encodeTelemetry, openJournal, systemDisk } from '#journal'
import { openStore } from '#store'
import { keyWrap } from './key-wrap.ts'

/** Routing on a real journal, store and disk in a directory, with the endpoints that a hub has, and how to close all of it. */
export async function openRoutesIn(directory: string) {
  const { signal } = new AbortController()
  const clock = systemClock
  const key = new Secret(Buffer.alloc(32, 7))
  const store = await openStore(
    { file: join(directory, 'hub.db'), key, migrations: [...auditMigrations, ...egressMigrations] },
    { clock },
    signal,
  )
  const journal = await openJournal(
    { directory: join(directory, 'journal'), retentionBytes: Infinity, retentionMs: Infinity },
    { disk: systemDisk, clock, random: systemRandom, ...keyWrap('vault', systemRandom) },
    signal,
  )
  const audit = await openAudit({ store, clock }, signal)
  const trouble: string[] = []
  const egress = await openEgress(
    {
      store,
      journal,
      clock,
      random: systemRandom,
      commit: audit.commit,
      hubName: 'hub.example',
      telemetryForm,
      twinEvent: twinEventBody,
      twin: async () => undefined,
      secret: () => undefined,
      vaultSecret: async () => refuse('vault/secret-not-found', 'There is no such secret.'),
      mayReach: () => false,
      directory: join(directory, 'routes'),
      trouble: (what, error) => void trouble.push(`${what} ${String(error)}`),
      isOwn: () => false,
    },
    endpointKinds,
    signal,
  )
  const close = async () => {
    await egress[Symbol.asyncDispose]()
    await journal[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  }
  return { egress, journal, trouble, close }
}

/** One message of one of four devices. */
export function numbered(n: number): Buffer {
  return encodeTelemetry({
    kind: 'telemetry',
    time: systemClock.now(),
    device: `d${n % 4}`,
    auth: '{}',
    generation: '1',
    connection: 'c',
    transport: 'mqtts',
    topic: `devices/d${n % 4}/messages/events/n=${n}`,
    qos: 1,
    retain: false,
    dup: false,
    mqttVersion: 4,
    properties: Buffer.alloc(0),
    body: Buffer.from(`{"n":${n}}`),
  })
}

// A process to be killed: messages without end, and the number of those that are durable on stdout. Arguments: directory, first number.
if (process.argv[1] === import.meta.filename) {
  const { journal } = await openRoutesIn(process.argv[2] ?? '')
  for (let n = Number(process.argv[3] ?? 0); ; n += 50) {
    for (let i = 0; i < 50; i++) journal.append(numbered(n + i))
    await journal.flushed()
    process.stdout.write(`${n + 50}\n`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
