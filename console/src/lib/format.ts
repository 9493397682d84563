import type { CloseReceipt, Moment } from '../api/types.ts'

/** Milliseconds since the epoch of a moment, whichever way it was written. NaN for nonsense. */
export function toMs(moment: Moment): number {
  return typeof moment === 'number' ? moment : Date.parse(moment)
}

const two = (n: number): string => String(n).padStart(2, '0')

/** Local date and time to the second: `2026-03-01 14:05:09`. */
export function dateTime(moment: Moment): string {
  const at = new Date(toMs(moment))
  if (Number.isNaN(at.getTime())) return 'unknown'
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** Local date only: `2026-03-01`. */
export function date(moment: Moment): string {
  return dateTime(moment).slice(0, 10)
}

/** Local time of day with milliseconds: `14:05:09.120`. */
export function clockTime(moment: Moment): string {
  const at = new Date(toMs(moment))
  if (Number.isNaN(at.getTime())) return 'unknown'
  return `${dateTime(moment).slice(11)}.${String(at.getMilliseconds()).padStart(3, '0')}`
}

const units: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
]

/** A length of time in its largest whole unit: `29 d`, `4 h`, `12 min`, `3 s`, `41 ms`. */
export function duration(ms: number): string {
  const size = Math.abs(ms)
  for (const [name, unit] of units) if (size >= unit) return `${Math.floor(size / unit)} ${name}`
  return `${Math.round(size)} ms`
}

/** `4 min ago`, `in 29 d`, `now`. */
export function relative(moment: Moment, now: number): string {
  const ms = toMs(moment) - now
  if (Number.isNaN(ms)) return 'unknown'
  if (Math.abs(ms) < 1000) return 'now'
  return ms < 0 ? `${duration(ms)} ago` : `in ${duration(ms)}`
}

const grouped = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })

/** A count with thin grouping: `12,345`. Small rates keep one decimal. */
export function count(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 100 ? grouped.format(value) : String(Math.round(value * 10) / 10)
}

/** A measured number short enough for a table: four significant digits. */
export function measure(value: number): string {
  if (Number.isInteger(value)) return String(value)
  return String(Number(value.toPrecision(4)))
}

/** Milliseconds for a readout: `0.42`, `3.1`, `120`. */
export function milliseconds(value: number): string {
  if (value >= 100) return String(Math.round(value))
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** A size in bytes with a binary unit: `3.4 MiB`. */
export function bytes(value: number): string {
  let size = value
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (size < 1024) return `${unit === 'B' ? size : size.toFixed(size < 10 ? 1 : 0)} ${unit}`
    size /= 1024
  }
  return `${size.toFixed(1)} TiB`
}

/** A fingerprint in pairs, as certificate tools print it. */
export function fingerprint(hex: string): string {
  const plain = hex.replace(/^sha256:/i, '').replaceAll(':', '')
  return (plain.match(/.{1,2}/g) ?? []).join(':').toUpperCase()
}

/** The sentence of a receipt: `closed 3 of 3 in 41 ms (2 mqtts, 1 wss)`. */
export function receiptText(receipt: CloseReceipt): string {
  if (receipt.of === 0) return 'no live session to close'
  const by = Object.entries(receipt.transports)
    .filter(([, n]) => n > 0)
    .map(([name, n]) => `${n} ${name}`)
  return `closed ${receipt.closed} of ${receipt.of} in ${Math.round(receipt.elapsedMs)} ms${by.length > 0 ? ` (${by.join(', ')})` : ''}`
}

/** `1 device`, `3 devices`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}
