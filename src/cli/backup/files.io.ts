import { open, rename, rm } from 'node:fs/promises'
import { type Result, ok } from '#base'
import { type Problem, exit, stop } from '../exit.ts'
import { codeOf } from '../hub-files.io.ts'

/** Writes a file that appears, whole and durable, when the stream has ended well; one that was there stays until then. Gives how many bytes. */
export async function writeWhole(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  told: (count: number) => void,
): Promise<Result<number, Problem>> {
  const draft = `${path}.new`
  let count = 0
  try {
    const file = await open(draft, 'w', 0o600)
    try {
      for await (const part of bytes) {
        await file.write(part)
        count += part.length
        told(count)
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
    return ok(count)
  } catch (error) {
    await rm(draft, { force: true })
    return stop(
      exit.failed,
      'No backup was made.',
      `it ended early or ${path} cannot be written (${codeOf(error) ?? 'the hub closed the stream'}).`,
      'try again, or name another place.',
    )
  }
}
