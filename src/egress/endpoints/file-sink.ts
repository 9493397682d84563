import { join } from 'node:path'
import type { Clock } from '#base'
import type { Delivered, EndpointSink } from '../endpoint.ts'
import type { RoutedEvent } from '../event.ts'
import { type FileSettings, extensions, fileName, lineOf, wholeLines } from './file.ts'
import { convert } from './file-formats.ts'

/*
 * Theory of operation.
 * Events are first lines of `current.{ext}.part`, each batch on the disk before it counts as delivered. When that file is large or old enough it becomes
 * a file with a name of its own: renamed, or written anew in its format and then removed. Whoever reads files therefore sees whole ones only. After a
 * crash the part is cut behind its last whole line and goes on; a batch whose cursor was not saved comes again, so a line may be there twice.
 */

/** An open file that grows. */
export type GrowingFile = {
  readonly bytes: number
  /** Resolves when the disk has it. */
  append(bytes: Buffer): Promise<void>
  truncate(bytes: number): Promise<void>
  close(): Promise<void>
}

/** The disk below a directory. Everything throws with the system's code. */
export type FileOps = {
  makeDirectory(directory: string): Promise<void>
  /** Opens a file to add to it, made if it is not there; its name survives a crash. */
  grow(path: string): Promise<GrowingFile>
  read(path: string): Promise<Buffer>
  /** Writes a file that is there whole, with its name, or not at all. */
  write(path: string, bytes: Buffer): Promise<void>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
}

/** See the theory of operation above. */
export class FileSink implements EndpointSink {
  readonly #endpoint: string
  readonly #settings: FileSettings
  readonly #directory: string
  readonly #part: string
  readonly #ops: FileOps
  readonly #clock: Clock
  #file: GrowingFile | undefined
  /** Bytes that are known to be whole lines. */
  #whole = 0
  #since = 0
  #work: Promise<unknown> = Promise.resolve()
  readonly #stop: () => void

  constructor(endpoint: string, settings: FileSettings, directory: string, ops: FileOps, clock: Clock) {
    this.#endpoint = endpoint
    this.#settings = settings
    this.#directory = directory
    this.#part = join(directory, `current.${extensions[settings.format]}.part`)
    this.#ops = ops
    this.#clock = clock
    // What fails here is tried again with the next batch, which says so.
    this.#stop = clock.every(Math.min(settings.rotateMs, 10_000), () => void this.#alone(() => this.#rotateIfDue()).catch(() => undefined))
  }

  /** Cuts off what a crash left behind the last whole line. Called once, before anything else. */
  async open(): Promise<void> {
    await this.#ops.makeDirectory(this.#directory)
    await this.#alone(async () => void (await this.#opened()))
  }

  async deliver(batch: readonly RoutedEvent[]): Promise<Delivered> {
    await this.#alone(async () => {
      await this.#rotateIfDue()
      const file = await this.#opened()
      const bytes = Buffer.from(batch.map((event) => lineOf(event, this.#settings.format)).join(''))
      try {
        await file.append(bytes)
      } catch (error) {
        await this.#forget()
        throw error
      }
      if (this.#whole === 0) this.#since = this.#clock.monotonic()
      this.#whole += bytes.length
    })
    await this.#alone(() => this.#rotateIfDue()).catch(() => undefined)
    return { kind: 'ok' }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    await this.#alone(() => this.#forget())
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work)
    this.#work = done.catch(() => undefined)
    return done
  }

  async #opened(): Promise<GrowingFile> {
    if (this.#file !== undefined) return this.#file
    const file = await this.#ops.grow(this.#part)
    try {
      const whole = file.bytes === 0 ? 0 : wholeLines(await this.#ops.read(this.#part))
      if (whole < file.bytes) await file.truncate(whole)
      this.#whole = whole
      this.#since = this.#clock.monotonic()
    } catch (error) {
      await file.close().catch(() => undefined)
      throw error
    }
    this.#file = file
    return file
  }

  async #rotateIfDue(): Promise<void> {
    if (this.#file === undefined || this.#whole === 0) return
    const { rotateBytes, rotateMs, format } = this.#settings
    if (this.#whole < rotateBytes && this.#clock.monotonic() - this.#since < rotateMs) return
    const lines = await this.#ops.read(this.#part)
    const target = join(this.#directory, fileName(this.#endpoint, lines, format))
    await this.#forget()
    if (format === 'json-lines') await this.#ops.rename(this.#part, target)
    else {
      await this.#ops.write(target, await convert(lines, format))
      await this.#ops.remove(this.#part)
    }
  }

  async #forget(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    this.#whole = 0
    await file?.close().catch(() => undefined)
  }
}
