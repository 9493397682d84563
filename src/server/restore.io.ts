import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, mkdtemp, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openAudit } from '#audit'
import { Fault, type Result, ok, refuse, systemClock, systemRandom } from '#base'
import { openJournal, systemDisk } from '#journal'
import { openStore, proveStore } from '#store'
import {
  type BackupHead,
  DamagedBackup,
  type Opener,
  type Vault,
  decodeEntries,
  decryptBackup,
  keyDisk,
  openVault,
  rewrapValue,
} from '#vault'
import { parseJson } from '#wire/json'
import { type BackupManifest, canaryPurpose } from './backup.io.ts'

/** What a rehearsal proved. */
export type Rehearsal = {
  readonly hub: string
  readonly createdAt: number
  readonly version: string
  readonly bytes: number
  readonly devices: number
  readonly secrets: number
  readonly auditRecords: number
  readonly auditHash: string
  /** Records of the journal that were read, first to last. */
  readonly records: number
}

/** A backup that was put into place. */
export type Restored = { readonly hub: string; readonly createdAt: number; readonly directory: string; readonly keyFile: string }

/**
 * Restores a backup into `directory`, which must be empty or not exist, and its root key into `keyFile(hub)`, which must not exist. Everything is written beside
 * them and moved when it is whole. Refuses `server/restore-not-empty`, `server/restore-key-exists`, `server/backup-damaged` and what opening refuses.
 */
export async function restoreBackup(
  file: string,
  opener: Opener,
  directory: string,
  keyFile: (hub: string) => string,
): Promise<Result<Restored>> {
  const there = await readdir(directory).catch(() => [])
  if (there.length > 0) return refuse('server/restore-not-empty', `${directory} is not empty. Restore into a new directory.`)
  const draft = `${directory}.restoring`
  await rm(draft, { recursive: true, force: true })
  try {
    const read = await extract(file, opener, draft)
    if (!read.ok) return read
    const { hub, createdAt } = read.value
    const key = keyFile(hub)
    await mkdir(dirname(key), { recursive: true, mode: 0o700 })
    // A hard link refuses to replace: the key of a hub is not written over.
    const isNew = await copyKey(join(draft, 'root.key'), key)
    if (!isNew) return refuse('server/restore-key-exists', `${key} is there already. Name another file for the root key with --key-file.`)
    for (const name of ['root.key', 'manifest.json', 'canary']) await rm(join(draft, name))
    await rm(directory, { recursive: true, force: true })
    await rename(draft, directory)
    return ok({ hub, createdAt, directory, keyFile: key })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

/**
 * Restores a backup into a directory of its own, opens every part of it, and throws it away. Nothing is delivered and no listener opens. Refuses as
 * {@link restoreBackup}, and `server/rehearsal-failed` with what does not fit.
 */
export async function rehearseBackup(file: string, opener: Opener): Promise<Result<Rehearsal>> {
  const place = await mkdtemp(join(tmpdir(), 'thingwall-rehearsal-'))
  try {
    const at = join(place, 'data')
    const read = await extract(file, opener, at)
    return read.ok ? await prove(at, read.value) : read
  } catch (error) {
    if (error instanceof Fault) return refuse('server/rehearsal-failed', `The backup does not open as a hub: ${error.message}`, error.code)
    throw error
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

type Extracted = Pick<BackupHead, 'hub' | 'createdAt'> & { readonly bytes: number }

async function extract(file: string, opener: Opener, to: string): Promise<Result<Extracted>> {
  const source = createReadStream(file, { highWaterMark: 256 * 1024 })
  try {
    const opened = await decryptBackup(source, opener)
    if (!opened.ok) return opened
    const { head, plain } = opened.value
    let bytes = 0
    for await (const entry of decodeEntries(plain)) {
      const path = join(to, ...entry.name.split('/'))
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      const into = await open(path, 'wx', 0o600)
      try {
        for await (const part of entry.content) await into.write(part)
        await into.sync()
      } finally {
        await into.close()
      }
      bytes += entry.bytes
    }
    return ok({ hub: head.hub, createdAt: head.createdAt, bytes })
  } catch (error) {
    if (error instanceof DamagedBackup) return refuse('server/backup-damaged', error.message)
    throw error
  } finally {
    source.destroy()
  }
}

async function prove(at: string, { hub, createdAt, bytes }: Extracted): Promise<Result<Rehearsal>> {
  const never = new AbortController().signal
  await using scope = new AsyncDisposableStack()
  const opened = await openVault(
    { keyFile: join(at, 'root.key'), dataDirectory: at, mayCreate: false },
    { disk: keyDisk, random: systemRandom },
  )
  if (!opened.ok) return opened
  const vault = scope.use(opened.value)
  const manifest = await manifestOf(at)
  const canary = vault.unseal(canaryPurpose, await readFile(join(at, 'canary')))
  if (!canary.ok) return canary
  using value = canary.value
  const digest = value.use((held) => createHash('sha256').update(held).digest('hex'))
  if (digest !== manifest.canarySha256)
    return refuse('server/rehearsal-failed', 'The canary in the backup is not the one that was planted.')
  using key = vault.dataKey('store')
  proveStore(join(at, 'hub.db'), key)
  const store = scope.use(await openStore({ file: join(at, 'hub.db'), key, migrations: [] }, { clock: systemClock }, never))
  const verified = await (await openAudit({ store, clock: systemClock }, never)).verify()
  if (!verified.ok)
    return refuse(
      'server/rehearsal-failed',
      `The audit log in the backup is broken at entry ${verified.error.sequence}: ${verified.error.reason}.`,
    )
  const secrets = await unwrapSecrets(store, vault)
  if (!secrets.ok) return secrets
  const [counted] = await store.query('SELECT count(*) AS n FROM devices')
  const records = await readJournal(at, vault)
  const { records: auditRecords, hash: auditHash } = verified.value
  const { version } = manifest
  return ok({
    hub,
    createdAt,
    version,
    bytes,
    devices: Number(counted?.['n'] ?? 0),
    secrets: secrets.value,
    auditRecords,
    auditHash,
    records,
  })
}

async function unwrapSecrets(store: Pick<Awaited<ReturnType<typeof openStore>>, 'query'>, vault: Vault): Promise<Result<number>> {
  const names = new Set<string>()
  for (const row of await store.query('SELECT key, sealed FROM secret_versions')) {
    const { key, sealed } = row
    let isOpen = false
    if (sealed instanceof Uint8Array)
      rewrapValue(Buffer.from(sealed), (wrapped) => {
        const found = vault.unwrapKey(wrapped)
        isOpen = found.ok
        if (found.ok) found.value[Symbol.dispose]()
        return undefined
      })
    if (!isOpen) return refuse('server/rehearsal-failed', `The key of a version of the secret ${String(key)} does not open.`)
    names.add(String(key))
  }
  return ok(names.size)
}

async function readJournal(at: string, vault: Vault): Promise<number> {
  await using journal = await openJournal(
    { directory: join(at, 'journal'), retentionBytes: Number.MAX_SAFE_INTEGER, retentionMs: Number.MAX_SAFE_INTEGER },
    {
      disk: systemDisk,
      clock: systemClock,
      random: systemRandom,
      wrapKey: (key) => vault.wrapKey(key),
      unwrapKey: (wrapped) => vault.unwrapKey(wrapped),
    },
    new AbortController().signal,
  )
  let count = 0
  for (let next = journal.start; next < journal.durableEnd;) {
    const read = await journal.read(next, { records: 1_000, bytes: 4 * 1024 * 1024 })
    count += read.records.length
    if (read.next === next) break
    next = read.next
  }
  return count
}

async function manifestOf(at: string): Promise<BackupManifest> {
  const json = parseJson(await readFile(join(at, 'manifest.json'), 'utf8'), 64 * 1024)
  const { version, createdAt, canarySha256 }: { version?: unknown; createdAt?: unknown; canarySha256?: unknown } = Object(
    json.ok ? json.value : null,
  )
  return { version: String(version), createdAt: Number(createdAt), canarySha256: String(canarySha256) }
}

/** Copies the root key to a new file beside its place, then gives it its name. False: the name is taken. */
async function copyKey(from: string, to: string): Promise<boolean> {
  const draft = `${to}.${systemRandom.bytes(6).toString('hex')}.new`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(await readFile(from))
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(draft, to)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}
