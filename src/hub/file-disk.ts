/** A file or directory in a {@link FileDisk}. `bytes` of a directory say nothing. */
export type FileEntry = { readonly name: string; readonly isDirectory: boolean; readonly bytes: number }

/**
 * The disk of the file store. Paths are made by us, of lower-case letters, digits, dots and dashes between slashes; nothing of a peer is in them. Everything
 * rejects with a Fault when the disk fails.
 */
export interface FileDisk {
  /**
   * Writes a file, its directory too: whole under its name when it resolves, or not there at all. Only a `durable` one is sure to be whole after a power
   * cut. What `chunks` throws is thrown on.
   */
  write(path: string, chunks: AsyncIterable<Uint8Array>, durable: boolean): Promise<void>
  /** The bytes of a file. Iterating rejects when there is none. */
  read(path: string): AsyncIterable<Uint8Array>
  /** Renames a file, in the place of what was there; durable when it resolves. */
  move(from: string, to: string): Promise<void>
  /** What a directory holds; nothing when there is none. */
  list(directory: string): Promise<readonly FileEntry[]>
  /** Deletes a file, or a directory with all in it; not there is well. */
  remove(path: string): Promise<void>
}
