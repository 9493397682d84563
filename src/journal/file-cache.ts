import type { Disk, DiskFile } from './disk.ts'

type Entry = { readonly file: Promise<DiskFile>; users: number; forgotten: boolean }

const maxFiles = 8

/** Files kept open for readers. A file that somebody reads is not closed under them, even when it has been unlinked. */
export class FileCache {
  readonly #disk: Disk
  readonly #entries = new Map<string, Entry>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** Lends the file at `path` for the length of `work`. Rejects when it cannot be opened. */
  async use<T>(path: string, work: (file: DiskFile) => Promise<T>): Promise<T> {
    const entry = this.#entries.get(path) ?? { file: this.#disk.open(path), users: 0, forgotten: false }
    this.#entries.delete(path)
    this.#entries.set(path, entry)
    entry.users++
    try {
      return await work(await entry.file)
    } catch (error) {
      entry.forgotten = true // a failed read says nothing about the next one on a fresh handle
      throw error
    } finally {
      entry.users--
      await this.#tidy(path, entry)
    }
  }

  /** Closes the file as soon as nobody reads it. */
  async forget(path: string): Promise<void> {
    const entry = this.#entries.get(path)
    if (entry === undefined) return
    entry.forgotten = true
    await this.#tidy(path, entry)
  }

  async close(): Promise<void> {
    for (const path of this.#entries.keys()) await this.forget(path)
  }

  async #tidy(path: string, used: Entry): Promise<void> {
    if (used.forgotten && used.users === 0) await this.#drop(path, used)
    if (this.#entries.size <= maxFiles) return
    for (const [other, entry] of this.#entries) if (entry.users === 0) return this.#drop(other, entry)
  }

  async #drop(path: string, entry: Entry): Promise<void> {
    if (this.#entries.get(path) === entry) this.#entries.delete(path)
    await entry.file.then((file) => file.close()).catch(() => undefined) // it was only read
  }
}
