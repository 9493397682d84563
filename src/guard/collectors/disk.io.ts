import { statfs } from 'node:fs/promises'

/** Bytes that the hub may still write on the volume of `directory`; null where the system does not say. */
export async function freeBytes(directory: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  } catch {
    return null
  }
}
