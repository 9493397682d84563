import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemGrant } from '#access'
import { type DeviceId, type Instant, Secret } from '#base'
import { type BlobRequest, type FileDisk, type FileSettings, type HubPorts, type UploadTicket, fileDefaults } from '#hub'
import { idOf, openDomainScene, registryGrants } from './domain-scene.ts'

/** Settings of a test: small, and told of. */
export const smallFiles: FileSettings = {
  ...fileDefaults,
  target: { kind: 'local', containerName: 'uploads' },
  notifications: true,
  deviceQuotaBytes: 4 * 1024 * 1024,
  hubQuotaBytes: 8 * 1024 * 1024,
  blockBytes: 1024 * 1024,
  singlePutBytes: 2 * 1024 * 1024,
}

/** What a test may say otherwise. */
export type FileSceneOptions = {
  readonly settings?: Partial<FileSettings>
  readonly blobOf?: (url: string) => Promise<{ readonly bytes: number; readonly lastModified: Instant } | undefined>
  /** Stands between the store and the real disk. */
  readonly around?: (disk: FileDisk) => FileDisk
}

/** Bytes as a socket gives them. */
export async function* body(...chunks: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
}

/** The request that a client makes of a ticket. */
export function requestFor({ containerName, blobName, sasToken }: UploadTicket, more: Readonly<Record<string, string>> = {}): BlobRequest {
  const query = new URLSearchParams(sasToken)
  for (const [name, value] of Object.entries(more)) query.append(name, value)
  return { path: `/${containerName}/${blobName}`, query }
}

/** A block list as clients write it. */
export function blockList(...ids: readonly string[]): string {
  return `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><BlockList>${ids.map((id) => `<Latest>${id}</Latest>`).join('')}</BlockList>`
}

/** The id of the nth block. */
export function blockId(n: number): string {
  return Buffer.from(`block-${String(n).padStart(6, '0')}`).toString('base64')
}

/** A hub with devices `a` and `b` whose files are on a real disk; `reopen` starts it again on what it left. */
export async function openFileScene(openDisk: (root: string) => FileDisk, options: FileSceneOptions = {}) {
  const root = await mkdtemp(join(tmpdir(), 'thingwall-files-'))
  const disk = openDisk(root)
  const files: NonNullable<HubPorts['files']> = {
    disk: options.around?.(disk) ?? disk,
    key: new Secret(Buffer.alloc(32, 9)),
    settings: { ...smallFiles, ...options.settings },
    localHost: () => 'hub.example:8443',
    blobOf: options.blobOf ?? (async () => undefined),
  }
  const domain = await openDomainScene({ files })
  const specs = ['a', 'b'].map((name) => ({ id: idOf(name), authentication: { type: 'certificateAuthority' } as const }))
  await domain.hub.devices.add(registryGrants.write, specs)
  const reading = systemGrant('telemetry.read', 'files')
  return {
    root,
    domain,
    clock: domain.clock,
    get files() {
      return domain.hub.files
    },
    /** Begins an upload, or fails the test. */
    begin: async (name = 'log.txt', device: DeviceId = idOf('a')): Promise<UploadTicket> => {
      const begun = await domain.hub.files.begin(device, name)
      if (!begun.ok) throw new Error(begun.error.code)
      return begun.value
    },
    /** What is stored under a name, as text. */
    textOf: async (name: string): Promise<string | undefined> => {
      const found = await domain.hub.files.read(reading, name)
      if (found === undefined) return undefined
      const chunks: Uint8Array[] = []
      for await (const chunk of found.body) chunks.push(chunk)
      return Buffer.concat(chunks).toString('utf8')
    },
    list: () => domain.hub.files.list(reading, { limit: 100 }),
    /** Names of every file on the disk. */
    onDisk: async (): Promise<readonly string[]> => {
      const entries = await readdir(root, { recursive: true, withFileTypes: true })
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    },
    settle: async () => {
      for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve))
    },
    async [Symbol.asyncDispose]() {
      await domain[Symbol.asyncDispose]()
      await rm(root, { recursive: true, force: true })
    },
  }
}
