import { type Clock, type Random, type Refusal, type Result, ok, refuse, uuid } from '#base'
import { type ContainerBlob, type Containers, type OpenContainer, containerLimits } from '#hub'
import type { WebAnswer, WebRequest, WebSite } from '#wire/web'

/*
 * As much of the protocol of Azure Blob storage as clients need to put a file into a container for imports and exports, and to fetch one (azure-wire 5.8): a block
 * blob in one request, its properties, its bytes or a range of them, and its end. The right is in the query, signed by us for one container.
 */

const served = /^\/transfer-[0-9a-f]{32}\/[^/]+$/
const storageVersion = '2021-12-02'

/** What the site asks of the rest of the house. */
export type ContainerSitePorts = {
  readonly containers: Pick<Containers, 'open'>
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
}

/** Serves `/transfer-.../BLOB`. */
export function containerSite({ containers, clock, random }: ContainerSitePorts): WebSite {
  return {
    name: 'containers',
    serves: (path) => served.test(path),
    maxBodyBytes: (method) => (method === 'PUT' ? containerLimits.blobBytes : 0),
    async answer(request) {
      const headers = { 'x-ms-version': storageVersion, 'x-ms-request-id': uuid(random), date: new Date(clock.now()).toUTCString() }
      const [, name = '', blob = ''] = request.path.split('/')
      const container = await containers.open(name, request.query)
      const done = container.ok ? await perform(request, container.value, blob) : container
      const answer = done.ok ? done.value : refused(done.error, request)
      return { ...answer, headers: { ...headers, ...answer.headers } }
    },
  }
}

async function perform(request: WebRequest, container: OpenContainer, blob: string): Promise<Result<WebAnswer>> {
  const { method, headers, query, body } = request
  if (method === 'PUT') {
    if (query.has('comp') || headers['x-ms-blob-type']?.toLowerCase() !== 'blockblob')
      return refuse('control/blob-unsupported', 'A blob is put whole, as a block blob, in one request.')
    const written = await container.put(
      blob,
      body,
      headers['x-ms-blob-content-type'] ?? headers['content-type'] ?? 'application/octet-stream',
    )
    return written.ok ? ok({ status: 201, headers: { 'x-ms-request-server-encrypted': 'true' } }) : written
  }
  if (method === 'DELETE') return (await container.remove(blob)) ? ok({ status: 202 }) : noBlob
  if (method !== 'GET' && method !== 'HEAD') return refuse('control/blob-unsupported', 'Blobs are put, fetched and deleted here.')
  const found = await container.get(blob)
  return found === undefined ? noBlob : ok(content(found, method, headers['x-ms-range'] ?? headers['range']))
}

const noBlob = refuse('control/blob-not-found', 'There is no blob of this name.')

function content({ contentType, body, modifiedAt }: ContainerBlob, method: string, range: string | undefined): WebAnswer {
  const headers = {
    'content-type': contentType,
    'last-modified': new Date(modifiedAt).toUTCString(),
    etag: `"0x${modifiedAt.toString(16).toUpperCase()}"`,
    'accept-ranges': 'bytes',
    'x-ms-blob-type': 'BlockBlob',
    'content-disposition': 'attachment',
  }
  if (method === 'HEAD') return { status: 200, headers: { ...headers, 'content-length': String(body.length) } }
  const [, first, last] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(range ?? '') ?? []
  if (first === undefined) return { status: 200, headers, body }
  const begin = Number(first)
  const end = Math.min(body.length, last === undefined || last === '' ? body.length : Number(last) + 1)
  if (begin >= end) return { status: 416, headers: { 'content-range': `bytes */${body.length}` } }
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${begin}-${end - 1}/${body.length}` },
    body: body.subarray(begin, end),
  }
}

const errors: ReadonlyMap<string, readonly [status: number, name: string]> = new Map([
  ['hub/container-forbidden', [403, 'AuthenticationFailed']],
  ['hub/container-gone', [404, 'ContainerNotFound']],
  ['hub/container-full', [413, 'RequestBodyTooLarge']],
  ['control/blob-not-found', [404, 'BlobNotFound']],
  ['control/blob-unsupported', [400, 'UnsupportedHeader']],
])

function refused({ code, message }: Refusal, { method }: WebRequest): WebAnswer {
  const [status, name] = errors.get(code) ?? [400, 'InvalidInput']
  const text = message.replaceAll(/[^ -~]|[<>&]/g, ' ')
  return {
    status,
    headers: { 'x-ms-error-code': name, 'content-type': 'application/xml' },
    ...(method === 'HEAD'
      ? {}
      : { body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${name}</Code><Message>${text}</Message></Error>` }),
  }
}
