import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Clock, type Grant, type Instant, type Random, type Result, instant, isoTime, ok, plus, refuse } from '#base'
import type { Migration, Row, Store } from '#store'
import type { AuditedCommit } from './ports.ts'

/*
 * Containers for back ends: a place of a few blobs that lives for hours, so that imports and exports have somewhere to be read from and written to. Nobody's
 * storage is ever asked by us (azure-wire 5.8): whoever names a container names one of these, with the signature that was given out with it.
 */

/** The tables of containers. Blobs lie in rows: they are few and bounded. */
export const hubContainerMigrations: readonly Migration[] = [
  {
    name: 'hub-container/001-containers',
    sql: `
      CREATE TABLE containers (
        name TEXT PRIMARY KEY,
        key BLOB NOT NULL,
        expires_at INTEGER NOT NULL
      ) WITHOUT ROWID;
      CREATE TABLE container_blobs (
        container TEXT NOT NULL,
        name TEXT NOT NULL,
        content_type TEXT NOT NULL,
        body BLOB NOT NULL,
        modified_at INTEGER NOT NULL,
        PRIMARY KEY (container, name)
      );
    `,
  },
]

/** What bounds containers. */
export const containerLimits = { containers: 16, blobs: 16, blobBytes: 16 * 1024 * 1024, hours: 24, sweepMs: 10 * 60_000 } as const

const version = '2021-12-02'
const rights = 'rwdl'
const namePattern = /^transfer-[0-9a-f]{32}$/
const blobPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** A container as it is given out. `sasToken` begins with `?`; whoever has it may read and write there until then. */
export type NewContainer = { readonly name: string; readonly sasToken: string; readonly expiresAt: Instant }

/** A blob of a container. */
export type ContainerBlob = { readonly contentType: string; readonly body: Buffer; readonly modifiedAt: Instant }

/** Proof that a request showed the signature of a container. */
export type OpenContainer = {
  readonly name: string
  /** Undefined: there is none of this name. */
  get(blob: string): Promise<ContainerBlob | undefined>
  /** Writes a blob in the place of whatever had its name. Refuses `hub/container-blob-name`, `hub/container-full`, `hub/container-gone`. */
  put(blob: string, body: Buffer, contentType: string): Promise<Result<void>>
  /** False: there was none. */
  remove(blob: string): Promise<boolean>
}

/** The containers of this hub. */
export interface Containers extends Disposable {
  /** Makes one for so many hours, 1 to 24. Refuses `hub/too-many-containers`. */
  make(grant: Grant<'device.write'>, hours: number): Promise<Result<NewContainer>>
  /** Opens one by the signature in its query. Refuses `hub/container-forbidden` for whatever is wrong with either. */
  open(name: string, query: URLSearchParams): Promise<Result<OpenContainer>>
}

/** What containers are kept with. */
export type ContainerPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly commit: AuditedCommit
  readonly trouble: (what: string, error: unknown) => void
}

/** Whether a name is that of a container, there or not. */
export function isContainerName(name: string): boolean {
  return namePattern.test(name)
}

/** Opens the containers on their rows. What has expired goes by and by. */
export function openContainers(ports: ContainerPorts): Containers {
  const { store, clock, random } = ports
  const sweep = async () => {
    const now = clock.now()
    await store.commit([
      { sql: 'DELETE FROM container_blobs WHERE container IN (SELECT name FROM containers WHERE expires_at <= ?)', args: [now] },
      { sql: 'DELETE FROM containers WHERE expires_at <= ?', args: [now] },
    ])
  }
  const stop = clock.every(
    containerLimits.sweepMs,
    () => void sweep().catch((error: unknown) => ports.trouble('clearing containers up', error)),
  )
  return {
    async make(grant, hours) {
      await sweep()
      const [count] = await store.query('SELECT count(*) AS n FROM containers')
      if (Number(count?.['n'] ?? 0) >= containerLimits.containers)
        return refuse('hub/too-many-containers', `There are ${containerLimits.containers} containers already. Wait for one to expire.`)
      const name = `transfer-${random.bytes(16).toString('hex')}`
      const key = random.bytes(32)
      // Whole seconds, as the signature has them.
      const expiresAt = instant(Math.floor(plus(clock.now(), hours * 3_600_000) / 1000) * 1000)
      const what = { action: 'container.make', resource: `container:${name}`, detail: { expiresAt } }
      await ports.commit(grant, what, [
        { sql: 'INSERT INTO containers (name, key, expires_at) VALUES (?, ?, ?)', args: [name, key, expiresAt], expect: 1 },
      ])
      return ok({ name, sasToken: sasOf(key, name, expiresAt), expiresAt })
    },
    async open(name, query) {
      const [row] = namePattern.test(name) ? await store.query('SELECT * FROM containers WHERE name = ?', name) : []
      return row !== undefined && isSigned(row, name, query, clock.now()) ? ok(opened(ports, name)) : forbidden
    },
    [Symbol.dispose]: stop,
  }
}

const forbidden = refuse('hub/container-forbidden', 'The address of the container is not one that this hub gave out, or it has expired.')

function opened({ store, clock }: ContainerPorts, name: string): OpenContainer {
  return {
    name,
    async get(blob) {
      const [row] = await store.query('SELECT * FROM container_blobs WHERE container = ? AND name = ?', name, blob)
      return row === undefined
        ? undefined
        : {
            contentType: String(row['content_type']),
            body: bytesOf(row, 'body'),
            modifiedAt: instant(Number(row['modified_at'])),
          }
    },
    async put(blob, body, contentType) {
      if (!blobPattern.test(blob))
        return refuse('hub/container-blob-name', 'A blob is named by at most 128 letters, digits, dots, dashes and underlines.')
      const [others] = await store.query('SELECT count(*) AS n FROM container_blobs WHERE container = ? AND name <> ?', name, blob)
      if (Number(others?.['n'] ?? 0) >= containerLimits.blobs || body.length > containerLimits.blobBytes)
        return refuse(
          'hub/container-full',
          `A container holds ${containerLimits.blobs} blobs of ${containerLimits.blobBytes} bytes at most.`,
        )
      const written = await store.commit([
        {
          sql: `INSERT INTO container_blobs (container, name, content_type, body, modified_at)
                SELECT ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM containers WHERE name = ?)
                ON CONFLICT (container, name) DO UPDATE SET content_type = excluded.content_type, body = excluded.body, modified_at = excluded.modified_at`,
          args: [name, blob, contentType.slice(0, 128), body, clock.now(), name],
          expect: 1,
        },
      ])
      return written.ok ? ok(undefined) : refuse('hub/container-gone', 'The container has expired.')
    },
    async remove(blob) {
      const outcome = await store.commit([
        { sql: 'DELETE FROM container_blobs WHERE container = ? AND name = ?', args: [name, blob], expect: 1 },
      ])
      return outcome.ok
    },
  }
}

function sasOf(key: Uint8Array, name: string, expiresAt: Instant): string {
  const se = secondsTime(expiresAt)
  const query = new URLSearchParams([
    ['sv', version],
    ['spr', 'https'],
    ['sr', 'c'],
    ['se', se],
    ['sp', rights],
    ['sig', signatureOf(key, name, se).toString('base64')],
  ])
  return `?${query.toString()}`
}

function isSigned(row: Row, name: string, query: URLSearchParams, now: Instant): boolean {
  const expiresAt = instant(Number(row['expires_at']))
  const [se, more] = query.getAll('se')
  const sig = query.getAll('sig')
  if (expiresAt <= now || more !== undefined || sig.length !== 1 || se !== secondsTime(expiresAt)) return false
  const given = Buffer.from(sig[0] ?? '', 'base64')
  const expected = signatureOf(bytesOf(row, 'key'), name, se)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function signatureOf(key: Uint8Array, name: string, se: string): Buffer {
  return createHmac('sha256', key).update(['thingwall container', version, rights, se, name].join('\n')).digest()
}

function bytesOf(row: Row, column: string): Buffer {
  const value = row[column]
  if (!(value instanceof Uint8Array)) throw new Error(`bug: ${column} of a container is no bytes`)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

/** RFC 3339 without milliseconds, as storage clients expect. */
function secondsTime(at: Instant): string {
  return `${isoTime(at).slice(0, 19)}Z`
}
