import { createHash, createHmac } from 'node:crypto'
import { type Clock, Fault, type Random, type Result, type Secret, ok, refuse } from '#base'
import type { Statement, Store } from '#store'
import type { BlobBytes, BlobState, StoredFile } from './file.ts'
import { maxBlocks } from './file-block-list.ts'
import type { FileDisk } from './file-disk.ts'
import { contentBytes, openFrames, sealFrames } from './file-frames.ts'
import { FileQuota, type Quotas, chargeOf } from './file-quota.ts'
import { type FileRow, etagOf, fileDeletion, fileReplacement, isReferenced, readFile, readUsage } from './file-rows.ts'

/*
 * Theory of operation.
 *   staging/{upload}/{block}        a block, named by the digest of its id; `{n}.whole` while a blob is put together
 *   content/{2}/{the rest}          bytes of finished files, named by what they are: a keyed digest, so that names tell nothing
 * A blob is written whole, renamed into content/, and then its row says that it is there. What a crash leaves half way is in staging/ without an upload, or in
 * content/ without a row, and goes at the next start. Blocks are drafts: they outlive the process, but are not synced; one that a power cut has damaged
 * does not open, and its blob is refused as if the block were missing. Rows and content/ change under one lock, or a file that is deleted could take another's bytes along.
 */

/** What the store of files asks of others. `key` has 32 bytes and is for this store alone. */
export type BlobPorts = {
  readonly store: Store
  readonly disk: FileDisk
  readonly key: Secret
  readonly clock: Clock
  readonly random: Random
}

/** What bounds one blob and all. */
export type BlobLimits = { readonly blockBytes: number; readonly singlePutBytes: number; readonly quotas: Quotas }

/** The place of one upload: blocks by the name of their file, with their bytes. `isOpen` falls when it ends or expires. */
export type Staging = { readonly name: string; readonly device: string; readonly blocks: Map<string, number>; isOpen: boolean }

/** Ends a write that has become too large, from within. */
class Stopped extends Error {
  readonly refusal: Result<never>
  constructor(refusal: Result<never>) {
    super('stopped')
    this.refusal = refusal
  }
}

/** Files that devices upload, on a disk of ours. */
export class BlobStore {
  readonly #ports: BlobPorts
  readonly #limits: BlobLimits
  readonly #quota: FileQuota
  #queue: Promise<unknown> = Promise.resolve()
  #wholes = 0

  private constructor(ports: BlobPorts, limits: BlobLimits) {
    this.#ports = ports
    this.#limits = limits
    this.#quota = new FileQuota(limits.quotas)
  }

  /** Opens the store. Throws Faults of the disk and of the rows. */
  static async open(ports: BlobPorts, limits: BlobLimits): Promise<BlobStore> {
    const blobs = new BlobStore(ports, limits)
    for (const [device, bytes] of await readUsage(ports.store, chargeOf(0))) blobs.#quota.charge(device, bytes)
    return blobs
  }

  /** The place of a new upload. */
  stage(name: string, device: string): Staging {
    return { name, device, blocks: new Map(), isOpen: true }
  }

  /** The place of an upload that was open before a restart, with what it held. */
  async restage(name: string, device: string): Promise<Staging> {
    const staging = this.stage(name, device)
    for (const entry of await this.#ports.disk.list(`staging/${name}`)) {
      if (!/^[0-9a-f]{32}$/.test(entry.name)) {
        await this.#ports.disk.remove(`staging/${name}/${entry.name}`)
        continue
      }
      const bytes = contentBytes(entry.bytes)
      staging.blocks.set(entry.name, bytes)
      this.#quota.charge(device, chargeOf(bytes))
    }
    return staging
  }

  /** Drops an upload and its blocks. */
  async unstage(staging: Staging): Promise<void> {
    if (!staging.isOpen) return
    staging.isOpen = false
    for (const bytes of staging.blocks.values()) this.#quota.release(staging.device, chargeOf(bytes))
    staging.blocks.clear()
    await this.#ports.disk.remove(`staging/${staging.name}`)
  }

  /** Whether a device may begin another upload. */
  hasRoom(device: string): boolean {
    return this.#quota.hasRoom(device)
  }

  /** Takes a block, in the place of an earlier one of its id. */
  async putBlock(staging: Staging, id: string, body: BlobBytes): Promise<Result<void>> {
    const name = createHash('sha256').update(id).digest('hex').slice(0, 32)
    if (staging.blocks.size >= maxBlocks && !staging.blocks.has(name))
      return refuse('hub/block-list', `A file has at most ${maxBlocks} blocks.`)
    const written = await this.#write(staging, name, body, this.#limits.blockBytes, false)
    if (!written.ok) return written
    const before = staging.blocks.get(name)
    if (before !== undefined) this.#quota.release(staging.device, chargeOf(before))
    staging.blocks.set(name, written.value.bytes)
    return ok(undefined)
  }

  /** Makes the blob of blocks, which may repeat. The blocks are gone then. */
  async putBlockList(staging: Staging, ids: readonly string[], blobName: string, contentType: string): Promise<Result<BlobState>> {
    const names = ids.map((id) => createHash('sha256').update(id).digest('hex').slice(0, 32))
    if (names.some((name) => !staging.blocks.has(name))) return noSuchBlock()
    const whole = this.#nextWhole()
    const written = await this.#write(staging, whole, this.#concatenated(staging, names), Infinity, true)
    if (!written.ok) return written
    const state = await this.#keep(staging, whole, { ...written.value, name: blobName, contentType })
    if (state.ok) {
      const blocks = [...staging.blocks]
      staging.blocks.clear()
      for (const [name, bytes] of blocks) {
        this.#quota.release(staging.device, chargeOf(bytes))
        await this.#ports.disk.remove(`staging/${staging.name}/${name}`)
      }
    }
    return state
  }

  /** Takes a blob in one piece. */
  async putBlob(staging: Staging, body: BlobBytes, blobName: string, contentType: string): Promise<Result<BlobState>> {
    const whole = this.#nextWhole()
    const written = await this.#write(staging, whole, body, this.#limits.singlePutBytes, true)
    return written.ok ? await this.#keep(staging, whole, { ...written.value, name: blobName, contentType }) : written
  }

  /** The bytes of a file. Throws the Fault `hub/file-damaged` at the frame that is not what was stored, or is missing. */
  read({ address }: FileRow): BlobBytes {
    return openFrames(this.#ports.key, this.#ports.disk.read(contentPath(address)))
  }

  /** Deletes a file with whatever the commit makes of `statement`. False: there is none. */
  async remove(name: string, commit: (statement: Statement) => Promise<Result<void, 'conflict'>>): Promise<boolean> {
    return await this.#alone(async () => {
      const file = await readFile(this.#ports.store, name)
      if (file === undefined || !(await commit(fileDeletion(name))).ok) return false
      this.#quota.release(file.device, chargeOf(file.bytes))
      await this.#unlink(file.address)
      return true
    })
  }

  /** Removes what a crash has left: staging without an upload, content without a row. */
  async sweep(isOpen: (staging: string) => boolean): Promise<void> {
    const { disk } = this.#ports
    for (const { name } of await disk.list('staging')) if (!isOpen(name)) await disk.remove(`staging/${name}`)
    for (const directory of await disk.list('content'))
      await this.#alone(async () => {
        for (const { name } of await disk.list(`content/${directory.name}`)) await this.#unlink(directory.name + name)
      })
  }

  #nextWhole(): string {
    return `${(this.#wholes++).toString(16)}.whole`
  }

  /** Writes a file of the staging place while there is room for it. */
  async #write(
    staging: Staging,
    name: string,
    body: BlobBytes,
    maxBytes: number,
    durable: boolean,
  ): Promise<Result<{ readonly bytes: number; readonly digest: string }>> {
    const { disk, key, random } = this.#ports
    if (!staging.isOpen) return closed()
    const { device } = staging
    const hash = createHash('sha256')
    const quota = this.#quota
    let bytes = 0
    let charged = 0
    async function* bounded(): AsyncGenerator<Uint8Array> {
      for await (const chunk of body) {
        bytes += chunk.length
        if (bytes > maxBytes) throw new Stopped(refuse('hub/blob-too-large', `At most ${maxBytes} bytes can come in one request.`))
        const more = chargeOf(bytes) - charged
        const taken = quota.take(device, more)
        if (!taken.ok) throw new Stopped(taken)
        charged += more
        if (!staging.isOpen) throw new Stopped(closed())
        hash.update(chunk)
        yield chunk
      }
      const taken = charged === 0 ? quota.take(device, chargeOf(0)) : ok(undefined)
      if (!taken.ok) throw new Stopped(taken)
      charged ||= chargeOf(0)
    }
    const path = `staging/${staging.name}/${name}`
    try {
      await disk.write(path, sealFrames(key, random, bounded()), durable)
    } catch (error) {
      this.#quota.release(device, charged)
      if (error instanceof Stopped) return error.refusal
      throw error
    }
    if (staging.isOpen) return ok({ bytes, digest: hash.digest('hex') })
    // It ended meanwhile, and its place was removed under the write.
    this.#quota.release(device, charged)
    await disk.remove(`staging/${staging.name}`)
    return closed()
  }

  async *#concatenated(staging: Staging, names: readonly string[]): AsyncGenerator<Uint8Array> {
    for (const name of names)
      try {
        yield* openFrames(this.#ports.key, this.#ports.disk.read(`staging/${staging.name}/${name}`))
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'hub/file-damaged') throw error
        this.#quota.release(staging.device, chargeOf(staging.blocks.get(name) ?? 0))
        staging.blocks.delete(name)
        throw new Stopped(noSuchBlock())
      }
  }

  /** Moves a whole blob to where its bytes belong, and writes its row. */
  async #keep(
    staging: Staging,
    whole: string,
    { bytes, digest, name, contentType }: Pick<StoredFile, 'bytes' | 'digest' | 'name' | 'contentType'>,
  ): Promise<Result<BlobState>> {
    const { store, disk, key, clock } = this.#ports
    const { device } = staging
    const address = key.use((secret) => createHmac('sha256', secret).update('address\n').update(digest).digest('hex'))
    const lastModified = clock.now()
    const file: FileRow = { name, device, address, digest, etag: etagOf(digest), bytes, contentType, lastModified }
    return await this.#alone(async () => {
      if (!staging.isOpen) {
        this.#quota.release(device, chargeOf(bytes))
        return closed()
      }
      try {
        const before = await readFile(store, name)
        await disk.move(`staging/${staging.name}/${whole}`, contentPath(address))
        const outcome = await store.commit([fileReplacement(file)])
        if (!outcome.ok) throw new Error('bug: a file met a conflict')
        if (before !== undefined) {
          this.#quota.release(before.device, chargeOf(before.bytes))
          await this.#unlink(before.address)
        }
      } catch (error) {
        this.#quota.release(device, chargeOf(bytes))
        throw error
      }
      return ok({ etag: file.etag, lastModified, bytes })
    })
  }

  /** Removes bytes that no row names any more. */
  async #unlink(address: string): Promise<void> {
    if (!(await isReferenced(this.#ports.store, address))) await this.#ports.disk.remove(contentPath(address))
  }

  /** Runs `work` when nobody else changes rows or content. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#queue.then(work)
    this.#queue = run.catch(() => undefined)
    return run
  }
}

function contentPath(address: string): string {
  return `content/${address.slice(0, 2)}/${address.slice(2)}`
}

function noSuchBlock(): Result<never> {
  return refuse('hub/block-list', 'The block list is malformed, or names a block that was not uploaded.')
}

function closed(): Result<never> {
  return refuse('hub/blob-forbidden', 'This upload is over.')
}
