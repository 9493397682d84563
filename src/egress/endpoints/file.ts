import { type Result } from '#base'
import { type RoutedEvent, eventToJson } from '../event.ts'
import { readSettings } from './settings.ts'

/** Files in the endpoint's own directory, made anew when one is large or old enough. */
export type FileSettings = { readonly format: FileFormat; readonly rotateBytes: number; readonly rotateMs: number }

/** What files are written as. */
export type FileFormat = 'json-lines' | 'avro' | 'parquet'

const formats = ['json-lines', 'avro', 'parquet'] as const
const mib = 1024 * 1024

/** Reads the settings of an endpoint of the kind `file`. Refuses `egress/endpoint-malformed`. */
export function parseFile(given: unknown): Result<FileSettings> {
  return readSettings('file', given, (reader) => ({
    format: reader.choice<FileFormat>('format', formats, 'json-lines'),
    rotateBytes: reader.integer('rotateBytes', { least: 1_024, most: 64 * mib, otherwise: 16 * mib }),
    rotateMs: reader.integer('rotateSeconds', { least: 1, most: 86_400, otherwise: 300 }) * 1_000,
  }))
}

/** Ends of names. */
export const extensions: Readonly<Record<FileFormat, string>> = { 'json-lines': 'jsonl', avro: 'avro', parquet: 'parquet' }

/** One event as a line of the file in the making. Formats with columns get the body as it was sent; JSON lines get it as text where it is. */
export function lineOf(event: RoutedEvent, format: FileFormat): string {
  if (format === 'json-lines') return `${JSON.stringify(eventToJson(event))}\n`
  const { offset, time, source, device, module, system, properties, body } = event
  return `${JSON.stringify({ offset, time, source, device, module, system, properties, bodyBase64: body.toString('base64') })}\n`
}

/** Bytes up to the end of the last whole line: what a crash in the middle of a write leaves behind it is no line. */
export function wholeLines(bytes: Buffer): number {
  return bytes.lastIndexOf(0x0a) + 1
}

/** What a finished file is called: endpoint, time of its first event, offsets of its first and last. */
export function fileName(endpoint: string, lines: Buffer, format: FileFormat): string {
  const end = lines.lastIndexOf(0x0a, lines.length - 2) + 1
  const first = headOf(lines.subarray(0, lines.indexOf(0x0a)))
  const last = headOf(lines.subarray(end, lines.length - 1))
  const time = new Date(first.time).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  return `${endpoint}_${time}_${first.offset}-${last.offset}.${extensions[format]}`
}

function headOf(line: Buffer): { readonly offset: number; readonly time: string | number } {
  const head: unknown = JSON.parse(line.toString('utf8'))
  if (typeof head === 'object' && head !== null && 'offset' in head && 'time' in head) {
    const { offset, time } = head
    if (typeof offset === 'number' && (typeof time === 'number' || typeof time === 'string')) return { offset, time }
  }
  throw new Error('bug: a line of the file in the making is none of ours')
}
