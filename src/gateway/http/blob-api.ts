import { type Refusal, type Result, ok, refuse, uuid } from '#base'
import { type BlobBytes, type BlobRequest, type BlobState, blobError, blockListBytes } from '#hub'
import type { Desk } from '../desk.ts'
import { type HttpCall, type HttpReply, headerOf } from './http-call.ts'
import { BodyBudget, withBody } from './read-body.ts'

/** A peer that sends nothing for so long in the middle of an upload is gone. */
const idleMs = 30_000

/** Bytes of block lists that may be held at a time. */
const listBytes = 32 * 1024 * 1024

const defaultVersion = '2020-10-02'

/*
 * The part of the protocol of Azure Blob storage that uploads of devices speak (azure-wire 3.3): blocks and their list, or a blob at once. The
 * right to write is in the query, signed by us for one blob; who asks is not looked at. Bytes go to the disk as they come.
 */
export class BlobApi {
  readonly #desk: Desk
  readonly #budget = new BodyBudget(listBytes)

  constructor(desk: Desk) {
    this.#desk = desk
  }

  /** Whether the request is for our own store: then its body may take its time. */
  serves(target: string): boolean {
    const path = pathOf(target)
    return path !== undefined && this.#desk.ports.hub.files.isBlobPath(path)
  }

  /** Answers such a request. Never rejects, but for a bug. */
  async answer(call: HttpCall): Promise<HttpReply> {
    const { clock, random } = this.#desk.ports
    const headers = {
      'x-ms-request-id': uuid(random),
      'x-ms-version': versionOf(call),
      date: new Date(clock.now()).toUTCString(),
    }
    const outcome = await this.#perform(call)
    if (!outcome.ok) return refused(outcome.error, headers, call)
    call.peer.proven()
    const state = outcome.value
    return {
      status: 201,
      headers: {
        ...headers,
        'x-ms-request-server-encrypted': 'true',
        ...(state === undefined ? {} : { etag: `"${state.etag}"`, 'last-modified': new Date(state.lastModified).toUTCString() }),
      },
    }
  }

  async #perform(call: HttpCall): Promise<Result<BlobState | undefined>> {
    if (call.method !== 'PUT') return refuse('gateway/method-not-allowed', 'Blobs can only be written here.')
    const { files } = this.#desk.ports.hub
    const query = new URLSearchParams(queryOf(call.target))
    const request: BlobRequest = { path: pathOf(call.target) ?? '', query }
    const contentType = headerOf(call.headers, 'x-ms-blob-content-type') ?? headerOf(call.headers, 'content-type')
    const written = await this.#write(call, request, query.get('comp'), contentType, files)
    if (!written.ok && written.error.code === 'hub/blob-forbidden') await this.#delay(call)
    return written
  }

  async #write(
    call: HttpCall,
    request: BlobRequest,
    comp: string | null,
    contentType: string | undefined,
    files: Desk['ports']['hub']['files'],
  ): Promise<Result<BlobState | undefined>> {
    if (comp === 'block') {
      const taken = await files.putBlock(request, this.#watched(call))
      return taken.ok ? ok(undefined) : taken
    }
    if (comp === 'blocklist')
      return withBody({ headers: call.headers, body: this.#watched(call) }, blockListBytes, this.#budget, (bytes) =>
        files.putBlockList(request, bytes.toString('utf8'), contentType),
      )
    if (comp !== null || headerOf(call.headers, 'x-ms-blob-type')?.toLowerCase() !== 'blockblob')
      return refuse('hub/blob-query', 'Only blocks, lists of blocks and block blobs are taken.')
    return files.putBlob(request, this.#watched(call), contentType)
  }

  /** The body, cut off when its sender goes silent. */
  async *#watched({ body, cut }: HttpCall): BlobBytes {
    const { clock } = this.#desk.ports
    let cancel = clock.after(idleMs, cut)
    try {
      for await (const part of body) {
        cancel()
        yield part
        cancel = clock.after(idleMs, cut)
      }
    } finally {
      cancel()
    }
  }

  async #delay({ peer }: HttpCall): Promise<void> {
    const waitMs = peer.denied()
    if (waitMs > 0) await new Promise<void>((resolve) => void this.#desk.ports.clock.after(waitMs, resolve))
  }
}

function refused(refusal: Refusal, headers: Readonly<Record<string, string>>, { method }: HttpCall): HttpReply {
  const { status, name } =
    refusal.code === 'gateway/method-not-allowed'
      ? { status: 405, name: 'UnsupportedHttpVerb' }
      : refusal.code === 'gateway/body-too-large'
        ? { status: 413, name: 'RequestBodyTooLarge' }
        : refusal.code === 'gateway/busy'
          ? { status: 503, name: 'ServerBusy' }
          : blobError(refusal.code)
  const message = refusal.message.replaceAll(/[^ -~]|[<>&]/g, ' ')
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${name}</Code><Message>${message}</Message></Error>`
  return {
    status,
    headers: { ...headers, 'x-ms-error-code': name, 'content-type': 'application/xml', ...(status === 405 ? { allow: 'PUT' } : {}) },
    ...(method === 'HEAD' ? {} : { body }),
  }
}

/** The version that the client speaks, where it is one. */
function versionOf({ headers }: HttpCall): string {
  const said = headerOf(headers, 'x-ms-version') ?? ''
  return /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(said) ? said : defaultVersion
}

/** The path, percent-decoded once: C# writes the slashes of a blob's name as %2F. Undefined: it is no text. */
function pathOf(target: string): string | undefined {
  const mark = target.indexOf('?')
  try {
    return decodeURIComponent(mark < 0 ? target : target.slice(0, mark))
  } catch {
    return undefined
  }
}

function queryOf(target: string): string {
  const mark = target.indexOf('?')
  return mark < 0 ? '' : target.slice(mark + 1)
}
