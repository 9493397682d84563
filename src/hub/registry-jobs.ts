import { type Clock, type Grant, type Instant, type Random, isoTime, ok, refuse, uuid } from '#base'
import type { FactOf } from '#journal'
import type { Migration, Row, Store } from '#store'
import type { BulkItem, BulkProblem } from './bulk-item.ts'
import type { Bulk } from './bulk.ts'
import type { Containers, OpenContainer } from './containers.ts'
import type { JsonObject } from './device-authentication-json.ts'
import type { AuditedCommit } from './ports.ts'
import { type RegistryJobSpec, parseRegistryJob } from './registry-job-spec.ts'
import { actorOf } from './registry-state.ts'
import type { RegistryJobGrants, RegistryJobPermits, RegistryJobs, RegistryJobStatus } from './registry-job.ts'
import { keyOf, readLine, stageOf } from './transfer-line.ts'
import type { ExportLine, Transfer } from './transfer.ts'
import { isTwinObject } from './twin-rules.ts'

/** The table of jobs that import and export the registry. `spec` is what clients are told of it besides, as JSON. */
export const hubRegistryJobMigrations: readonly Migration[] = [
  {
    name: 'hub-registry-job/001-jobs',
    sql: `
      CREATE TABLE registry_jobs (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        status TEXT NOT NULL,
        progress INTEGER NOT NULL,
        without_keys INTEGER NOT NULL,
        failure TEXT,
        started_at INTEGER NOT NULL,
        ended_at INTEGER
      );
    `,
  },
]

/** What these jobs work with. */
export type RegistryJobPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly commit: AuditedCommit
  readonly containers: Containers
  readonly transfer: Pick<Transfer, 'export'>
  readonly bulk: Bulk
  readonly permits: RegistryJobPermits
  readonly tell: (fact: FactOf<'import-started' | 'import-ended'>) => void
  readonly trouble: (what: string, error: unknown) => void
}

const kept = 100
/** Items between two steps of progress. */
const step = 500

/** What happened to a job that made it fail, in words for whoever asks. */
class Failed extends Error {}

/** Opens the jobs on their rows. One that was running when the process ended has failed: what it did stays, and it may be asked for again. */
export async function openRegistryJobs(ports: RegistryJobPorts): Promise<RegistryJobs> {
  const { store, clock, random } = ports
  const tellEnd = (id: string, status: 'completed' | 'interrupted') =>
    ports.tell({ kind: 'import-ended', time: clock.now(), import: id, status })
  for (const { id } of await store.query("SELECT id FROM registry_jobs WHERE type = 'import' AND status IN ('running', 'enqueued')"))
    tellEnd(String(id), 'interrupted')
  await store.commit([
    {
      sql: `UPDATE registry_jobs SET status = 'failed', failure = ?, ended_at = ? WHERE status IN ('running', 'enqueued')`,
      args: ['The hub was restarted while the job ran. What it did stays; ask for it again.', clock.now()],
    },
  ])
  let running: { readonly id: string; readonly stop: AbortController; readonly over: Promise<void> } | undefined

  async function rowOf(id: string): Promise<Row | undefined> {
    const [row] = await store.query('SELECT * FROM registry_jobs WHERE id = ?', id)
    return row
  }

  async function put(
    id: string,
    status: RegistryJobStatus,
    progress: number,
    failure: string | null,
    endedAt: Instant | null,
  ): Promise<void> {
    await store.commit([
      {
        sql: 'UPDATE registry_jobs SET status = ?, progress = ?, failure = ?, ended_at = ? WHERE id = ?',
        args: [status, progress, failure, endedAt, id],
      },
    ])
  }

  async function work(
    id: string,
    spec: RegistryJobSpec,
    run: (tell: (percent: number) => Promise<void>) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    let percent = 0
    const end = async (status: 'completed' | 'cancelled' | 'failed', failure: string | null) => {
      await put(id, status, status === 'completed' ? 100 : percent, failure, clock.now())
      if (spec.type === 'import') tellEnd(id, status === 'completed' ? status : 'interrupted')
    }
    try {
      await run(async (at) => {
        signal.throwIfAborted()
        if (at <= percent) return
        percent = at
        await put(id, 'running', percent, null, null)
      })
      await end('completed', null)
    } catch (error) {
      if (signal.aborted) return await end('cancelled', null)
      if (!(error instanceof Failed)) ports.trouble(`the ${spec.type} job ${id}`, error)
      await end('failed', error instanceof Failed ? error.message : 'The hub could not do this now.')
    }
  }

  return {
    async create(grants, request) {
      const spec = parseRegistryJob(request)
      if (!spec.ok) return spec
      const { input, output, type, withKeys } = spec.value
      const from = input === undefined ? undefined : await ports.containers.open(input.name, input.query)
      if (from?.ok === false) return from
      const to = await ports.containers.open(output.name, output.query)
      if (!to.ok) return to
      if (running !== undefined) return refuse('hub/registry-job-running', 'Another import or export is running. Wait for its end.')
      const id = uuid(random)
      const stop = new AbortController()
      const { promise: over, resolve } = Promise.withResolvers<void>()
      running = { id, stop, over }
      try {
        await ports.commit(grants.write, { action: `registry.${type}`, resource: `job:${id}`, detail: { withKeys } }, [
          {
            sql: `INSERT INTO registry_jobs (id, type, status, progress, without_keys, started_at) VALUES (?, ?, 'running', 0, ?, ?)`,
            args: [id, type, withKeys ? 0 : 1, clock.now()],
            expect: 1,
          },
          { sql: 'DELETE FROM registry_jobs WHERE number <= (SELECT MAX(number) FROM registry_jobs) - ?', args: [kept] },
        ])
      } catch (error) {
        running = undefined
        resolve()
        throw error
      }
      if (type === 'import') ports.tell({ kind: 'import-started', time: clock.now(), import: id, actor: actorOf(grants.write) })
      const run = (tell: (percent: number) => Promise<void>) =>
        from === undefined
          ? exportTo(ports, grants, spec.value, to.value, tell)
          : importFrom(ports, grants, spec.value, from.value, to.value, tell)
      void work(id, spec.value, run, stop.signal)
        .catch((error: unknown) => ports.trouble(`the row of job ${id}`, error))
        .finally(() => {
          running = undefined
          resolve()
        })
      const row = await rowOf(id)
      if (row === undefined) throw new Error('bug: a job was begun but is not there')
      return ok(jobJson(row))
    },
    async list() {
      return (await store.query('SELECT * FROM registry_jobs ORDER BY number DESC LIMIT ?', kept)).map(jobJson)
    },
    async find(_grant, id) {
      const row = await rowOf(id)
      return row && jobJson(row)
    },
    async cancel(grant: Grant<'device.write'>, id) {
      if ((await rowOf(id)) === undefined) return refuse('hub/job-not-found', 'There is no such job.')
      if (running?.id !== id) return ok(undefined)
      running.stop.abort()
      await running.over
      await ports.commit(grant, { action: 'registry.cancel', resource: `job:${id}` }, [])
      return ok(undefined)
    },
    async [Symbol.asyncDispose]() {
      running?.stop.abort()
      await running?.over
    },
  }
}

function jobJson(row: Row): JsonObject {
  const time = (column: string) => {
    const at = row[column]
    return typeof at === 'number' ? isoTime(at as Instant) : null // a time of ours, as it was written
  }
  return {
    jobId: String(row['id']),
    type: String(row['type']),
    status: String(row['status']),
    progress: Number(row['progress']),
    startTimeUtc: time('started_at'),
    endTimeUtc: time('ended_at'),
    failureReason: row['failure'] === null ? null : String(row['failure']),
    excludeKeysInExport: row['without_keys'] === 1,
    storageAuthenticationType: 'KeyBased',
  }
}

type Tell = (percent: number) => Promise<void>

async function exportTo(
  { transfer, permits }: RegistryJobPorts,
  { read, write }: RegistryJobGrants,
  { withKeys, withConfigurations, outputBlob, configurationsBlob }: RegistryJobSpec,
  to: OpenContainer,
  tell: Tell,
): Promise<void> {
  const devices: string[] = []
  const configurations: string[] = []
  const lines = transfer.export(
    { devices: read, twins: permits.readTwins, configurations: permits.configurations },
    withKeys ? write : undefined,
  )
  let percent = 0
  for await (const batch of lines) {
    for (const { file, value } of joined(batch)) {
      if (file === 'devices') devices.push(JSON.stringify(value))
      if (file === 'configurations') configurations.push(JSON.stringify(value))
    }
    // How many there are is not known before the end.
    await tell((percent = Math.min(90, percent + 1)))
  }
  await writeLines(to, outputBlob, devices)
  if (withConfigurations) await writeLines(to, configurationsBlob, configurations)
}

/** Keys go back into the line of whose they are, where IoT Hub has them. */
function joined(lines: readonly ExportLine[]): readonly ExportLine[] {
  const whole: ExportLine[] = []
  for (const line of lines) {
    const before = whole.at(-1)
    if (line.file !== 'keys') whole.push(line)
    else if (before?.file === 'devices') {
      const authentication = before.value['authentication']
      if (isTwinObject(authentication))
        whole[whole.length - 1] = {
          file: 'devices',
          value: { ...before.value, authentication: { ...authentication, symmetricKey: line.value['symmetricKey'] ?? null } },
        }
    }
  }
  return whole
}

async function importFrom(
  { bulk, permits }: RegistryJobPorts,
  { write, remove }: RegistryJobGrants,
  { inputBlob, outputBlob }: RegistryJobSpec,
  from: OpenContainer,
  to: OpenContainer,
  tell: Tell,
): Promise<void> {
  const blob = await from.get(inputBlob)
  if (blob === undefined) throw new Failed(`The container has no ${inputBlob}.`)
  const problems: BulkProblem[] = []
  const items: BulkItem[] = []
  const seen = new Set<string>()
  for (const text of blob.body.toString('utf8').split(/\r?\n/)) {
    if (text.trim() === '') continue
    const item = readLine('devices', { line: 0, text })
    if (!item.ok) problems.push({ device: item.error.id, module: undefined, ...item.error })
    else if (item.value.kind === 'identity') {
      const { bulk: one } = item.value
      const key = keyOf(item.value)
      if (seen.has(key))
        problems.push({ device: key, module: undefined, code: 'hub/device-twice', message: `${key} stands in this import twice.` })
      else items.push(one)
      seen.add(key)
    }
  }
  // Whom others need comes first.
  const stage = (one: BulkItem) =>
    stageOf({ kind: 'identity', identity: one.target.kind === 'device' ? one.target.said.id : one.target.said.device, bulk: one })
  const ordered = items.toSorted((a, b) => stage(a) - stage(b))
  const grants = { write, erase: remove, twins: permits.writeTwins }
  for (let at = 0; at < ordered.length; at += step) {
    await tell(Math.floor((at / ordered.length) * 99))
    const done = await bulk(grants, { items: ordered.slice(at, at + step), problems: [] }, { sasArrivesDisabled: true, withReported: true })
    if (!done.ok) throw new Error(`bug: an import names an identity twice: ${done.error.message}`)
    problems.push(...done.value.problems, ...done.value.withoutTwin)
  }
  await writeLines(
    to,
    outputBlob,
    problems.map(({ device, module, code, message }) =>
      JSON.stringify({ deviceId: device, ...(module === undefined ? {} : { moduleId: module }), errorCode: code, errorStatus: message }),
    ),
  )
}

async function writeLines(to: OpenContainer, name: string, lines: readonly string[]): Promise<void> {
  const body = Buffer.from(lines.map((line) => `${line}\n`).join(''))
  const written = await to.put(name, body, 'text/plain')
  if (!written.ok) throw new Failed(`${name}: ${written.error.message} "thingwall export" has no such bound.`)
}
