import type { DeviceId, Grant, Instant, Result, Secret } from '#base'

/** Where files of devices go. Nothing is fetched from elsewhere by a name that a peer chose. */
export type FileTarget =
  /** Devices are refused. */
  | { readonly kind: 'off' }
  /** This hub keeps them, and its HTTPS listener takes them. */
  | { readonly kind: 'local'; readonly containerName: string }
  /**
   * A container of an Azure Blob storage account. `hostName` is `{account}.blob.core.windows.net`, or host, port and account of an emulator
   * (`127.0.0.1:10000/devstoreaccount1`). The key signs one blob for one device at a time and never leaves.
   */
  | {
      readonly kind: 'azure-blob'
      readonly hostName: string
      readonly accountName: string
      readonly accountKey: Secret
      readonly containerName: string
    }

/** What bounds the upload of files (azure-wire 3.3, 10). */
export type FileSettings = {
  readonly target: FileTarget
  /** Whether services are told of each file: see `FileNotificationQueue`. */
  readonly notifications: boolean
  /** Life of a signature, and so of an upload: an hour, at most 24. */
  readonly uploadMs: number
  readonly activeUploadsPerDevice: number
  readonly deviceQuotaBytes: number
  readonly hubQuotaBytes: number
  /** Bytes of one block, and of a blob that comes in one request. */
  readonly blockBytes: number
  readonly singlePutBytes: number
}

/** What a device needs to upload one file to `https://{hostName}/{containerName}/{blobName}{sasToken}`. */
export type UploadTicket = {
  readonly correlationId: string
  readonly hostName: string
  readonly containerName: string
  /** `{device}/{the device's own name}`. */
  readonly blobName: string
  /** Begins with `?`. Anyone who has it may write this one blob until it expires: for the device alone. */
  readonly sasToken: string
}

/** How a device says that its upload ended. `statusCode` and `statusDescription` are its own words. */
export type UploadOutcome = { readonly isSuccess: boolean; readonly statusCode: number; readonly statusDescription: string }

/** A request of the storage protocol to our own store: the decoded path (`/uploads/pump-1/a b.txt`) and the query as it came. */
export type BlobRequest = { readonly path: string; readonly query: URLSearchParams }

/** Bytes as they come from the network. */
export type BlobBytes = AsyncIterable<Uint8Array>

/** What a finished blob is known by. `etag` has no quotes. */
export type BlobState = { readonly etag: string; readonly lastModified: Instant; readonly bytes: number }

/** A file that a device has uploaded. `digest` is SHA-256, lower-case hex. */
export type StoredFile = BlobState & {
  readonly name: string
  readonly device: string
  readonly contentType: string
  readonly digest: string
}

/** A page of files by name; `next` is the `after` of the page that follows. */
export type FilePage = { readonly files: readonly StoredFile[]; readonly next: string | null }

/** The files of devices: uploads, and those that this hub keeps. */
export interface Files {
  /**
   * Begins an upload. Refuses `hub/file-upload-off`, `hub/device-not-found`, `hub/blob-name-malformed`, `hub/too-many-uploads`,
   * `hub/file-quota`.
   */
  begin(device: DeviceId, blobName: string): Promise<Result<UploadTicket>>
  /**
   * Ends an upload; queues a notification where those are on and there is a file. Refuses `hub/upload-unknown`, `hub/upload-expired`,
   * `hub/upload-outcome`.
   */
  complete(device: DeviceId, correlationId: string, outcome: UploadOutcome): Promise<Result<void>>
  /** Whether a path of the HTTPS listener is in our own store: then the three below answer it. */
  isBlobPath(path: string): boolean
  /**
   * Takes a block (`comp=block`): a draft, which outlives the hub but perhaps not a power cut. Refuses `hub/blob-forbidden`, `hub/blob-query`, `hub/blob-too-large`, `hub/file-quota`,
   * and reads no further then.
   */
  putBlock(request: BlobRequest, body: BlobBytes): Promise<Result<void>>
  /**
   * Makes the blob of its blocks (`comp=blocklist`), `xml` as it came; durable when it resolves. Refuses `hub/blob-forbidden`, `hub/block-list`,
   * `hub/file-quota`.
   */
  putBlockList(request: BlobRequest, xml: string, contentType: string | undefined): Promise<Result<BlobState>>
  /** Takes a blob in one request. Refuses as {@link Files.putBlock}. */
  putBlob(request: BlobRequest, body: BlobBytes, contentType: string | undefined): Promise<Result<BlobState>>
  /** Files that this hub keeps, in the order of their names; those of one device when it is named. */
  list(grant: Grant<'telemetry.read'>, query: { device?: string | undefined; after?: string | undefined; limit: number }): Promise<FilePage>
  /** A file and its bytes. Undefined: there is none of this name. */
  read(grant: Grant<'telemetry.read'>, name: string): Promise<{ readonly file: StoredFile; readonly body: BlobBytes } | undefined>
  /** Deletes a file. Refuses `hub/file-not-found`. */
  remove(grant: Grant<'hub.administer'>, name: string): Promise<Result<void>>
}

/** Longest block list that is read, in bytes of XML: 50,000 blocks. */
export const blockListBytes = 8 * 1024 * 1024

/** The store's errors in the words of Azure Blob storage: HTTP status, and the name for header `x-ms-error-code` and the XML. */
export function blobError(code: string): { readonly status: number; readonly name: string } {
  return blobErrors.get(code) ?? { status: 400, name: 'InvalidInput' }
}

const blobErrors: ReadonlyMap<string, { readonly status: number; readonly name: string }> = new Map([
  ['hub/blob-forbidden', { status: 403, name: 'AuthenticationFailed' }],
  ['hub/blob-query', { status: 400, name: 'InvalidQueryParameterValue' }],
  ['hub/blob-too-large', { status: 413, name: 'RequestBodyTooLarge' }],
  ['hub/file-quota', { status: 403, name: 'InsufficientAccountPermissions' }],
  ['hub/block-list', { status: 400, name: 'InvalidBlockList' }],
])
