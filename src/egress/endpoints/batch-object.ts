import { isoTime } from '#base'
import type { Delivered } from '../endpoint.ts'
import type { RoutedEvent } from '../event.ts'
import { convert } from './file-formats.ts'
import { type FileFormat, extensions, lineOf } from './file.ts'
import type { SettingsReader } from './settings.ts'

/** How stores of objects name and write what they get: one object for each batch. */
export type ObjectSettings = { readonly prefix: string; readonly format: FileFormat }

const contentTypes: Readonly<Record<FileFormat, string>> = {
  'json-lines': 'application/x-ndjson',
  avro: 'application/avro',
  parquet: 'application/vnd.apache.parquet',
}

/** Reads `prefix` and `format`. */
export function readObjectSettings(reader: SettingsReader): ObjectSettings {
  return {
    prefix:
      reader.optionalText('prefix', {
        most: 200,
        pattern: /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)+$/,
        such: 'no / at its end, or characters other than letters, digits and . _ - /',
      }) ?? '',
    format: reader.choice('format', ['json-lines', 'avro', 'parquet'], 'json-lines'),
  }
}

/**
 * The object that a batch becomes. Its name says only where it begins: when the batch is delivered again, perhaps with more events after it or fewer, it replaces
 * what was there, and the events that fewer leave out follow in the next. So no event is in two objects.
 */
export async function objectOf(
  { prefix, format }: ObjectSettings,
  endpoint: string,
  batch: readonly RoutedEvent[],
): Promise<{ readonly name: string; readonly body: Buffer; readonly contentType: string }> {
  const [first] = batch
  if (first === undefined) throw new Error('bug: an empty batch')
  const day = isoTime(first.time).slice(0, 10).replaceAll('-', '/')
  const name = `${prefix}${endpoint}/${day}/${String(first.offset).padStart(16, '0')}.${extensions[format]}`
  const lines = Buffer.from(batch.map((event) => lineOf(event, format)).join(''))
  return { name, body: format === 'json-lines' ? lines : await convert(lines, format), contentType: contentTypes[format] }
}

/**
 * What a store's answer means for a batch. An object is bytes to it, so no answer is the fault of an event: whatever is not a yes may yet become one.
 * `retryAfter` in seconds is obeyed.
 */
export function judgeStore(status: number, text: string, retryAfter: string | undefined): Delivered {
  if (status >= 200 && status < 300) return { kind: 'ok' }
  const code = /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(text)?.[1]
  const reason = `the store answered ${status}${code === undefined ? '' : ` ${code}`}`
  const seconds = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined
  return seconds === undefined ? { kind: 'retry', reason } : { kind: 'retry', reason, afterMs: seconds * 1_000 }
}
