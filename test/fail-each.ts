import { DiskFault, MemoryDisk } from './memory-disk.ts'

/**
 * Runs `work` on a disk that fails its 1st operation, then on one that fails its 2nd, and so on until a run meets no failure. `check` gets the disk
 * after the power was cut. Returns how many runs there were.
 */
export async function failEach(
  work: (disk: MemoryDisk) => Promise<void>,
  check: (survivor: MemoryDisk, n: number) => Promise<void>,
  before: () => MemoryDisk = () => new MemoryDisk(),
): Promise<number> {
  for (let n = 1; ; n++) {
    const disk = before()
    disk.failAt = n
    await work(disk).catch((error: unknown) => {
      if (!isDiskFault(error)) throw error
    })
    const failed = disk.failed
    disk.failAt = Infinity
    await check(disk.afterCrash(), n)
    if (!failed) return n
  }
}

function isDiskFault(error: unknown): boolean {
  return error instanceof DiskFault || (error instanceof Error && error.cause instanceof DiskFault)
}
