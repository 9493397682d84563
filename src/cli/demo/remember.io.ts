import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { list, object, text } from '../shape.ts'

const shape = object({ devices: list(text) })
const fileOf = (directory: string) => join(directory, 'demo.json')

/** Names of the devices that a demo made in this data directory. Only these are ever removed. */
export function remembered(directory: string): readonly string[] {
  const file = fileOf(directory)
  return existsSync(file) ? shape(JSON.parse(readFileSync(file, 'utf8')), file).devices : []
}

/** Remembers exactly these; with none, the file goes. */
export function remember(directory: string, devices: readonly string[]): void {
  const file = fileOf(directory)
  if (devices.length === 0) return rmSync(file, { force: true })
  writeFileSync(`${file}.new`, `${JSON.stringify({ devices })}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
