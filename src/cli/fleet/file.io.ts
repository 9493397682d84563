import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { type Result, ok } from '#base'
import { type Problem, exit, stop } from '../exit.ts'

/** What a file of a device may be called here: the last part of its name, where that can do no harm. Undefined: it must be named. */
export function fileNameOf(name: string): string | undefined {
  const last = name.split('/').at(-1) ?? ''
  return /^[A-Za-z0-9_][A-Za-z0-9._ @=,+-]{0,199}$/.test(last) ? last : undefined
}

/** Writes bytes as they come; `-` is stdout. A file is there whole or not at all. Resolves to how many. */
export async function writeFileOf(path: string, bytes: AsyncIterable<Uint8Array>, force: boolean): Promise<Result<number, Problem>> {
  let count = 0
  const counted = async function* () {
    for await (const part of bytes) {
      count += part.length
      yield part
    }
  }
  if (path === '-') {
    await pipeline(Readable.from(counted()), process.stdout, { end: false })
    return ok(count)
  }
  if (existsSync(path) && !force)
    return stop(exit.conflict, `${path} is already there.`, undefined, 'choose another --out, or say --force.')
  const fresh = `${path}.part`
  try {
    await pipeline(Readable.from(counted()), createWriteStream(fresh, { mode: 0o600 }))
    renameSync(fresh, path)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
  return ok(count)
}
