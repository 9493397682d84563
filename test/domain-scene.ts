import { systemGrant } from '#access'
import { auditMigrations, openAudit } from '#audit'
import { type DeviceId, type Instant, Secret, ok, parseDeviceId, refuse } from '#base'
import { type DeviceChange, type Hub, type HubPorts, type JobSettings, hubMigrations, openHub } from '#hub'
import { type Journal, decodeRecord, encodeFact } from '#journal'
import type { Migration } from '#store'
import { FakeClock } from './fake-clock.ts'
import { openOn } from './journal-fixture.ts'
import { MemoryDisk } from './memory-disk.ts'
import { openTestStore } from './open-test-store.ts'
import { SeededRandom } from './seeded-random.ts'

/** A seal that binds bytes to a purpose, as the vault's does, without hiding them. */
export const openSeal = {
  seal: (purpose: string, bytes: Uint8Array) => Buffer.concat([Buffer.from(`${purpose}\n`), bytes]),
  unseal: (purpose: string, sealed: Buffer) =>
    sealed.subarray(0, purpose.length + 1).equals(Buffer.from(`${purpose}\n`))
      ? ok(new Secret(Buffer.from(sealed.subarray(purpose.length + 1))))
      : refuse('vault/damaged', 'no'),
}

/** A device id, or a failed test. */
export function idOf(text: string): DeviceId {
  const id = parseDeviceId(text)
  if (!id.ok) throw new Error(id.error.message)
  return id.value
}

/** Grants for the registry, as tests need them. */
export const registryGrants = {
  read: systemGrant('device.read', 'devices'),
  write: systemGrant('device.write', 'devices'),
  erase: systemGrant('device.delete', 'devices'),
} as const

/** What imports and exports over the service's interface may do. */
export const registryJobPermits = {
  readTwins: systemGrant('twin.read', 'jobs'),
  writeTwins: systemGrant('twin.write', 'jobs'),
  configurations: systemGrant('configuration.read', 'jobs'),
} as const

/** Until when shared keys are allowed; undefined: they are off. More migrations than the hub's own, where a test needs them. */
export type DomainSceneOptions = {
  readonly sasUntil?: Instant | undefined
  readonly migrations?: readonly Migration[]
  readonly files?: HubPorts['files']
  readonly jobs?: JobSettings
}

/** The hub on a real store, a real audit log and a journal in memory; `reopen` closes it and opens it again on what it left behind. */
export async function openDomainScene(options: DomainSceneOptions = {}) {
  const clock = new FakeClock()
  const held = await openTestStore([...auditMigrations, ...hubMigrations, ...(options.migrations ?? [])])
  const disk = new MemoryDisk()
  const facts: Parameters<HubPorts['tell']>[0][] = []
  const closed: (readonly [string, DeviceChange])[] = []
  const random = new SeededRandom(1)
  const { signal } = new AbortController()
  const open = async () => {
    const journal = await openOn(disk, { clock })
    const audit = await openAudit({ store: held.store, clock }, signal)
    const hub = await openHub(
      {
        store: held.store,
        clock,
        random,
        journal,
        commit: audit.commit,
        tell(fact) {
          facts.push(fact)
          journal.append(encodeFact(fact))
        },
        async changed(identity, change) {
          closed.push([identity, change])
          return { closed: 1, of: 1, elapsedMs: 1, transports: { mqtts: 1 } }
        },
        files: options.files,
        jobs: { permits: { twin: systemGrant('twin.write', 'hub'), method: systemGrant('method.invoke', 'hub') }, settings: options.jobs },
        registryJobs: registryJobPermits,
        sharedKeys: options.sasUntil === undefined ? undefined : { allowedUntil: options.sasUntil, ...openSeal },
      },
      signal,
    )
    return { journal, audit, hub }
  }
  let now = await open()
  const close = async () => {
    await now.hub[Symbol.asyncDispose]()
    await now.journal[Symbol.asyncDispose]()
  }
  return {
    clock,
    facts,
    closed,
    get hub(): Hub {
      return now.hub
    },
    get store() {
      return held.store
    },
    get journal() {
      return now.journal
    },
    get audit() {
      return now.audit
    },
    async reopen() {
      await close()
      await held.reopen()
      now = await open()
    },
    async [Symbol.asyncDispose]() {
      await close()
      await held[Symbol.asyncDispose]()
    },
  }
}

/** Imports as the journal tells of them: who began them and what they would make, how they ended, lines done and not. */
export async function importsTold(scene: { readonly journal: Journal }) {
  await scene.journal.flushed()
  const { records } = await scene.journal.read(scene.journal.start, { records: 10_000, bytes: 10_000_000 })
  const facts = records.flatMap((record) => ('bytes' in record ? [decodeRecord(record.bytes)] : []))
  return facts.flatMap((fact) => {
    if (!fact.ok) return []
    const { value } = fact
    if (value.kind === 'import-started') return [['started', value.actor, value.create ?? null]]
    return value.kind === 'import-ended' ? [[value.status, value.done ?? null, value.failed ?? null]] : []
  })
}
