import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Clock, Random } from '#base'
import { copyStore } from '#store'
import { type Entry, type Recipient, type Vault, encodeEntries, encryptBackup } from '#vault'

/*
 * Theory of operation. A backup of a running hub is the store as of one moment, then what the journal has by then (it only grows, so it is never behind the store),
 * then files and the root key; all of it encrypted to the recipients before it leaves this process. What the disk sees meanwhile is the copy of the store, which
 * is encrypted as the store itself. A canary that the vault sealed goes along, so that a rehearsal can prove that the keys fit.
 */

/** What a backup is made of. */
export type BackupPorts = {
  readonly directory: string
  readonly vault: Vault
  readonly clock: Clock
  readonly random: Random
  readonly version: string
}

/** The name of what the vault seals into each backup, and the purpose of it. */
export const canaryPurpose = 'vault/backup-canary'

/** What a backup says of itself inside, as JSON. */
export type BackupManifest = { readonly version: string; readonly createdAt: number; readonly canarySha256: string }

/** The bytes of a backup of the hub in `directory`, which goes on meanwhile. Throws Faults of the disk; what was begun is taken away. */
export async function* makeBackup(recipients: readonly Recipient[], ports: BackupPorts, signal: AbortSignal): AsyncGenerator<Buffer> {
  const { directory, vault, clock, random } = ports
  const hub = (await readFile(join(directory, 'hub.id'), 'utf8')).trim()
  await removeCopies(directory)
  const work = await mkdtemp(join(directory, copyPrefix))
  try {
    yield* encryptBackup(
      { createdAt: clock.now(), hub },
      recipients,
      encodeEntries(entriesOf(directory, work, vault, ports, signal)),
      random,
    )
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const copyPrefix = 'backup-copy-'

/** Takes away what a backup left that was killed. */
async function removeCopies(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    if (name.startsWith(copyPrefix)) await rm(join(directory, name), { recursive: true, force: true })
}

async function* entriesOf(
  directory: string,
  work: string,
  vault: Vault,
  { clock, random, version }: BackupPorts,
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  const canary = random.bytes(32)
  const canarySha256 = createHash('sha256').update(canary).digest('hex')
  const manifest: BackupManifest = { version, createdAt: clock.now(), canarySha256 }
  yield whole('manifest.json', Buffer.from(JSON.stringify(manifest)))
  yield whole('canary', vault.seal(canaryPurpose, canary))
  using line = vault.exportKeyFile()
  yield whole(
    'root.key',
    line.use((bytes) => Buffer.from(bytes)),
  )
  yield whole('hub.id', await readFile(join(directory, 'hub.id')))
  using key = vault.dataKey('store')
  copyStore(join(directory, 'hub.db'), key, join(work, 'hub.db'))
  yield await fileEntry('hub.db', join(work, 'hub.db'))
  for (const folder of ['journal', 'files']) {
    for (const path of await filesBelow(join(directory, folder))) {
      signal.throwIfAborted()
      const name = `${folder}/${relative(join(directory, folder), path).split(sep).join('/')}`
      // Retention and devices take files away meanwhile.
      const entry = await fileEntry(name, path).catch(unlessMissing)
      if (entry !== undefined) yield entry
    }
  }
}

function whole(name: string, bytes: Buffer): Entry {
  const content = async function* () {
    yield bytes
  }
  return { name, bytes: bytes.length, content: content() }
}

async function fileEntry(name: string, path: string): Promise<Entry> {
  const { size } = await stat(path)
  return { name, bytes: size, content: createReadStream(path, { highWaterMark: 64 * 1024 }) }
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true }).catch(unlessMissing)
  return (found ?? [])
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.part'))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
