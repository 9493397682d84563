/** A small secret file as the disk has it. Modes are POSIX permission bits; where there are none (Windows) they read as private. */
export type KeptFile = { readonly bytes: Buffer; readonly mode: number; readonly directoryMode: number }

/** What the vault asks of the disk. Faults are thrown. */
export interface KeyDisk {
  /** The whole file with the modes of it and of its directory, or undefined when it does not exist. */
  read(path: string): Promise<KeptFile | undefined>
  /** Makes the file, whole and durable, mode 0600 in a directory of 0700 made as needed. False when another was there first. */
  create(path: string, bytes: Buffer): Promise<boolean>
  /** Puts other bytes in place of an existing file, atomically and durably, mode 0600. */
  replace(path: string, bytes: Buffer): Promise<void>
  /** Whether `path` lies in `directory` once links are followed. */
  isInside(path: string, directory: string): Promise<boolean>
}
