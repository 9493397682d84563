import { type CancelTimer, type DeviceId, type Instant, type Result, isoTime, ok, plus, refuse, uuid } from '#base'
import type { FactOf } from '#journal'
import type { Statement } from '#store'
import type { FileNotification } from './cloud-to-device.ts'
import type { BlobRequest, BlobState, FileSettings, Files, StoredFile, UploadOutcome, UploadTicket } from './file.ts'
import { parseBlockId, parseBlockList } from './file-block-list.ts'
import { type BlobPorts, BlobStore, type Staging } from './file-blobs.ts'
import { blobNameOf, escapedName } from './file-name.ts'
import { type UploadRow, listFiles, readFile, readUploads, uploadClearing, uploadDeletion, uploadInsertion } from './file-rows.ts'
import { signAzureBlob, signBlob, verifyBlob } from './file-signature.ts'
import type { AuditedCommit } from './ports.ts'
import type { LockedQueues } from './queue.ts'

/** What files ask of others. `blobOf` asks a foreign storage account about a blob; undefined: it is not there. */
export type FilePorts = BlobPorts & {
  readonly commit: AuditedCommit
  readonly tell: (fact: FactOf<'file-upload-started' | 'file-uploaded' | 'service-messages-dropped'>) => void
  readonly isRegistered: (device: DeviceId) => boolean
  readonly isEnabled: (device: string) => boolean
  readonly notifications: LockedQueues
  /** Where devices reach our own store: name and, unless it is 443, port of the HTTPS listener. */
  readonly localHost: () => string
  readonly blobOf: (url: string) => Promise<{ readonly bytes: number; readonly lastModified: Instant } | undefined>
  readonly trouble: (what: string, error: unknown) => void
}

/** Files as they are when the hub keeps them, or when nobody says otherwise. */
export const fileDefaults: Omit<FileSettings, 'target'> = {
  notifications: false,
  uploadMs: 60 * 60 * 1000,
  activeUploadsPerDevice: 10,
  deviceQuotaBytes: 1024 ** 3,
  hubQuotaBytes: 50 * 1024 ** 3,
  blockBytes: 4 * 1024 ** 2,
  singlePutBytes: 100 * 1024 ** 2,
}

/** The only queue of its family. */
export const fileQueue = 'file-notifications'

const maxUploads = 100_000
const sweepMs = 60_000
const notificationMs = 60 * 60 * 1000
const plainType = 'application/octet-stream'

type Upload = UploadRow & { readonly staging: Staging }

/** Files, and what they need of the registry: see `OpenedMessages`. */
export type OpenedFiles = Disposable & {
  readonly files: Files
  readonly removing: (identity: DeviceId) => readonly Statement[]
  readonly removed: (identity: DeviceId) => void
}

/** Opens files on their rows (from `hubFileMigrations`) and their disk. Throws Faults of both. */
export async function openFiles(ports: FilePorts, settings: FileSettings, signal: AbortSignal): Promise<OpenedFiles> {
  signal.throwIfAborted()
  const { blockBytes, singlePutBytes, deviceQuotaBytes, hubQuotaBytes } = settings
  const quotas = { deviceBytes: deviceQuotaBytes, hubBytes: hubQuotaBytes }
  const blobs = await BlobStore.open(ports, { blockBytes, singlePutBytes, quotas })
  const open: Upload[] = []
  for (const row of await readUploads(ports.store)) open.push({ ...row, staging: await blobs.restage(row.correlationId, row.device) })
  const uploads = new Uploads(ports, settings, blobs, open)
  let isClosed = false
  blobs
    .sweep((name) => uploads.isOpen(name))
    .catch((error: unknown) => {
      if (!isClosed) ports.trouble('clearing up the store of files', error) // a hub that stops at once leaves that to its next start
    })
  return {
    files: uploads,
    removing: (identity) => [uploadClearing(identity)],
    removed: (identity) => uploads.forget(identity),
    [Symbol.dispose]() {
      isClosed = true
      uploads[Symbol.dispose]()
    },
  }
}

class Uploads implements Files, Disposable {
  readonly #ports: FilePorts
  readonly #settings: FileSettings
  readonly #blobs: BlobStore
  readonly #open = new Map<string, Upload>()
  readonly #byDevice = new Map<string, Set<string>>()
  readonly #ending = new Set<Upload>()
  readonly #stop: CancelTimer

  constructor(ports: FilePorts, settings: FileSettings, blobs: BlobStore, open: readonly Upload[]) {
    this.#ports = ports
    this.#settings = settings
    this.#blobs = blobs
    for (const upload of open) this.#add(upload)
    this.#stop = ports.clock.every(sweepMs, () => this.#expire())
  }

  async begin(device: DeviceId, name: string): Promise<Result<UploadTicket>> {
    const { target, activeUploadsPerDevice, uploadMs } = this.#settings
    const { clock, random, store } = this.#ports
    if (target.kind === 'off') return refuse('hub/file-upload-off', 'This hub takes no files.')
    if (!this.#ports.isRegistered(device)) return refuse('hub/device-not-found', `No device ${device} is registered.`)
    const blobName = blobNameOf(device, name)
    if (!blobName.ok) return blobName
    const now = clock.now()
    const active = [...(this.#byDevice.get(device) ?? [])].filter((id) => (this.#open.get(id)?.expiresAt ?? 0) > now)
    if (active.length >= activeUploadsPerDevice || this.#open.size >= maxUploads)
      return refuse('hub/too-many-uploads', `A device has at most ${activeUploadsPerDevice} uploads at a time.`)
    if (target.kind === 'local' && !this.#blobs.hasRoom(device)) return refuse('hub/file-quota', 'There is no room left for files.')
    const correlationId = uuid(random)
    const row: UploadRow = { correlationId, device, blobName: blobName.value, startedAt: now, expiresAt: plus(now, uploadMs) }
    const upload = { ...row, staging: this.#blobs.stage(correlationId, device) }
    this.#add(upload) // before the row is durable, or ten more could begin meanwhile
    try {
      await store.commit([uploadInsertion(row)])
    } catch (error) {
      this.#drop(upload)
      throw error
    }
    this.#ports.tell({ kind: 'file-upload-started', time: now, device, correlationId, blobName: row.blobName })
    return ok(this.#ticket(row))
  }

  async complete(device: DeviceId, correlationId: string, outcome: UploadOutcome): Promise<Result<void>> {
    const { clock, store } = this.#ports
    const upload = this.#open.get(correlationId)
    if (upload === undefined || upload.device !== device) return refuse('hub/upload-unknown', 'The device has no such upload.')
    if (upload.expiresAt <= clock.now()) return refuse('hub/upload-expired', 'This upload has expired.')
    if (!Number.isSafeInteger(outcome.statusCode) || outcome.statusDescription.length > 1024)
      return refuse(
        'hub/upload-outcome',
        'The outcome of an upload has an integer status code and a description of at most 1024 characters.',
      )
    if (this.#ending.has(upload)) return refuse('hub/upload-unknown', 'This upload is being ended already.')
    this.#ending.add(upload)
    try {
      const file = outcome.isSuccess ? await this.#fileOf(upload) : undefined
      const ending = uploadDeletion(correlationId)
      const isTold = file !== undefined && this.#settings.notifications && (await this.#notify(upload, file, ending))
      if (!isTold && !(await store.commit([ending])).ok) return refuse('hub/upload-unknown', 'The device has no such upload.')
      this.#drop(upload)
      const bytes = file?.bytes ?? null
      const { blobName } = upload
      const succeeded = outcome.isSuccess
      this.#ports.tell({ kind: 'file-uploaded', time: clock.now(), device, correlationId, blobName, bytes, succeeded })
      return ok(undefined)
    } finally {
      this.#ending.delete(upload)
    }
  }

  isBlobPath(path: string): boolean {
    const { target } = this.#settings
    return target.kind === 'local' && path.startsWith(`/${target.containerName}/`)
  }

  async putBlock(request: BlobRequest, body: AsyncIterable<Uint8Array>): Promise<Result<void>> {
    const upload = this.#authorize(request)
    if (!upload.ok) return upload
    const id = parseBlockId(request.query.get('blockid'))
    if (id === undefined) return refuse('hub/blob-query', 'A block id is base64 of 1 to 64 bytes.')
    return await this.#blobs.putBlock(upload.value.staging, id, body)
  }

  async putBlockList(request: BlobRequest, xml: string, contentType: string | undefined): Promise<Result<BlobState>> {
    const upload = this.#authorize(request)
    if (!upload.ok) return upload
    const ids = parseBlockList(xml)
    if (!ids.ok) return ids
    const { staging, blobName } = upload.value
    return await this.#blobs.putBlockList(staging, ids.value, blobName, plainTypeOf(contentType))
  }

  async putBlob(request: BlobRequest, body: AsyncIterable<Uint8Array>, contentType: string | undefined): Promise<Result<BlobState>> {
    const upload = this.#authorize(request)
    if (!upload.ok) return upload
    const { staging, blobName } = upload.value
    return await this.#blobs.putBlob(staging, body, blobName, plainTypeOf(contentType))
  }

  async list(_grant: unknown, { device, after = '', limit }: Parameters<Files['list']>[1]): ReturnType<Files['list']> {
    const size = Math.min(Math.max(1, limit), 1000)
    const rows = await listFiles(this.#ports.store, after, device, size + 1)
    const files = rows.slice(0, size).map(withoutAddress)
    return { files, next: rows.length > size ? (files.at(-1)?.name ?? null) : null }
  }

  async read(_grant: unknown, name: string): ReturnType<Files['read']> {
    const file = await readFile(this.#ports.store, name)
    return file === undefined ? undefined : { file: withoutAddress(file), body: this.#blobs.read(file) }
  }

  async remove(grant: Parameters<Files['remove']>[0], name: string): Promise<Result<void>> {
    const audited = { action: 'file.delete', resource: 'files', detail: { name } }
    const isGone = await this.#blobs.remove(name, (statement) => this.#ports.commit(grant, audited, [statement]))
    return isGone ? ok(undefined) : refuse('hub/file-not-found', 'There is no file of this name.')
  }

  /** Whether a staging place belongs to an upload. */
  isOpen(staging: string): boolean {
    for (const upload of this.#open.values()) if (upload.staging.name === staging) return true
    return false
  }

  /** The device is removed, and the rows of its uploads with it. Its files stay. */
  forget(device: string): void {
    for (const id of this.#byDevice.get(device) ?? []) {
      const upload = this.#open.get(id)
      if (upload !== undefined) this.#drop(upload)
    }
  }

  [Symbol.dispose](): void {
    this.#stop()
  }

  #ticket({ correlationId, blobName, expiresAt }: UploadRow): UploadTicket {
    const { target } = this.#settings
    if (target.kind === 'off') throw new Error('bug: files are off')
    const { containerName } = target
    const hostName = this.#hostName()
    const sasToken =
      target.kind === 'local'
        ? signBlob(this.#ports.key, { containerName, blobName, correlationId, expiresAt })
        : signAzureBlob({ ...target, key: target.accountKey }, blobName, 'cw', expiresAt)
    return { correlationId, hostName, containerName, blobName, sasToken }
  }

  #authorize({ path, query }: BlobRequest): Result<Upload> {
    const { target } = this.#settings
    const claim = verifyBlob(this.#ports.key, path, query, this.#ports.clock.now())
    const upload = claim === undefined ? undefined : this.#open.get(claim.correlationId)
    // Whoever was disabled meanwhile holds a signature that says nothing of it.
    const fits = upload !== undefined && upload.blobName === claim?.blobName && this.#ports.isEnabled(upload.device)
    if (!fits || target.kind !== 'local' || claim.containerName !== target.containerName)
      return refuse('hub/blob-forbidden', 'The signature does not allow this: it is for another blob, has expired, or its upload is over.')
    return ok(upload)
  }

  async #fileOf({ blobName, startedAt }: Upload): Promise<Pick<BlobState, 'bytes' | 'lastModified'> | undefined> {
    const { target } = this.#settings
    if (target.kind === 'azure-blob') {
      const sas = signAzureBlob({ ...target, key: target.accountKey }, blobName, 'r', plus(this.#ports.clock.now(), 5 * 60_000))
      return await this.#ports.blobOf(this.#uri(blobName) + sas)
    }
    const file = await readFile(this.#ports.store, blobName)
    return file === undefined || file.lastModified < startedAt ? undefined : file
  }

  #uri(blobName: string): string {
    const { target } = this.#settings
    return target.kind === 'off' ? '' : `https://${this.#hostName()}/${target.containerName}/${escapedName(blobName)}`
  }

  #hostName(): string {
    const { target } = this.#settings
    return target.kind === 'azure-blob' ? target.hostName : this.#ports.localHost()
  }

  /** Queues the notification in the commit that ends the upload. False: the queue is full, which is told, or the upload has ended already. */
  async #notify({ device, blobName }: Upload, file: Pick<BlobState, 'bytes' | 'lastModified'>, ending: Statement): Promise<boolean> {
    const now = this.#ports.clock.now()
    const notification: FileNotification = {
      deviceId: device,
      blobUri: this.#uri(blobName),
      blobName,
      lastUpdatedTime: isoTime(file.lastModified),
      blobSizeInBytes: file.bytes,
      enqueuedTimeUtc: isoTime(now),
    }
    const body = Buffer.from(JSON.stringify(notification))
    const parcel = { expiresAt: plus(now, notificationMs), head: '1', body }
    if ((await this.#ports.notifications.enqueue(fileQueue, parcel, [ending])) !== undefined) return true
    this.#ports.tell({ kind: 'service-messages-dropped', time: now, queue: fileQueue, reason: 'full', count: 1 })
    return false
  }

  #add(upload: Upload): void {
    this.#open.set(upload.correlationId, upload)
    const ids = this.#byDevice.get(upload.device) ?? new Set()
    this.#byDevice.set(upload.device, ids.add(upload.correlationId))
  }

  #drop(upload: Upload): void {
    this.#open.delete(upload.correlationId)
    const ids = this.#byDevice.get(upload.device)
    ids?.delete(upload.correlationId)
    if (ids?.size === 0) this.#byDevice.delete(upload.device)
    this.#blobs.unstage(upload.staging).catch((error: unknown) => this.#ports.trouble('removing the blocks of an upload', error))
  }

  #expire(): void {
    const now = this.#ports.clock.now()
    for (const upload of this.#open.values()) {
      // Told of for a while after it has expired.
      if (plus(upload.expiresAt, sweepMs) > now) continue
      this.#drop(upload)
      this.#ports.store
        .commit([uploadDeletion(upload.correlationId)])
        .catch((error: unknown) => this.#ports.trouble('ending an upload that has expired', error))
    }
  }
}

/** Reads a notification back. Throws for what is none: rows are ours. */
export function parseFileNotification(body: Buffer): FileNotification {
  const value: unknown = JSON.parse(body.toString('utf8'))
  const fields = new Map<string, unknown>(typeof value === 'object' && value !== null ? Object.entries(value) : [])
  const text = (name: string): string => {
    const field = fields.get(name)
    if (typeof field !== 'string') throw new Error('bug: a row of a file notification is not as we write it')
    return field
  }
  return {
    deviceId: text('deviceId'),
    blobUri: text('blobUri'),
    blobName: text('blobName'),
    lastUpdatedTime: text('lastUpdatedTime'),
    blobSizeInBytes: Number(fields.get('blobSizeInBytes')),
    enqueuedTimeUtc: text('enqueuedTimeUtc'),
  }
}

/** A media type as it came, if it can stand in a header again. */
function plainTypeOf(contentType: string | undefined): string {
  return contentType !== undefined && /^[\x20-\x7e]{1,256}$/.test(contentType) ? contentType : plainType
}

function withoutAddress({ address: _address, ...file }: StoredFile & { readonly address: string }): StoredFile {
  return file
}
