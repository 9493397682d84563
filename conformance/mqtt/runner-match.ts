import { content } from './runner-encode.ts'
import { type Words, named, numeral, positional } from './runner-line.ts'
import type { Received } from './runner-wire.ts'

/** What a packet says, field by field, as a transcript would write it. */
export type Fields = ReadonlyMap<string, string>

/** Reads the fields of a packet: those of its header, and every property by its name in the specification. */
export function fieldsOf({ raw, packet, topic }: Received): Fields {
  const fields = new Map<string, string>([['raw', raw.toString('hex')]])
  for (const [key, value] of Object.entries(packet)) {
    if (key === 'cmd') fields.set('packet', String(value).toUpperCase())
    else if (key === 'messageId') fields.set('id', String(value))
    else if (key === 'properties') addProperties(fields, value)
    else if (key === 'reasonCode' || key === 'returnCode') fields.set('code', String(value))
    else if (key !== 'length' && value !== null) fields.set(key, text(value))
  }
  if (topic !== undefined) fields.set('topic', topic)
  if (packet.cmd === 'publish') fields.set('sentTopic', packet.topic)
  return fields
}

function addProperties(fields: Map<string, string>, given: unknown): void {
  if (typeof given !== 'object' || given === null) return
  for (const [key, value] of Object.entries(given)) {
    if (key === 'userProperties') for (const [name, one] of Object.entries(value)) fields.set(`user.${name}`, text(one))
    else fields.set(key, text(value))
  }
}

function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join(',')
  if (typeof value === 'boolean') return value ? '1' : '0'
  return Buffer.isBuffer(value) ? value.toString() : String(value)
}

/** What a transcript remembers: `?m` stands for what stood in its place before. */
export type Memory = Map<string, string>

/**
 * Compares a packet with what a line expects. Only what the line names is compared. A value may be `absent`, `present`, `a..b`
 * for a number between, `a|b` for one of several, `!a` for anything else, `?m` for what was (or now is) remembered as m, and
 * `contains=` looks for hexadecimal bytes anywhere in the packet. Returns what is wrong, or undefined.
 */
export function mismatch(what: string, words: Words, fields: Fields, memory: Memory): string | undefined {
  if (fields.get('packet') !== what) return `a ${what}`
  for (const [key, wanted] of expectations(what, words)) {
    const got = fields.get(key)
    if (key === 'contains' ? !fields.get('raw')?.includes(wanted.toLowerCase()) : !agrees(wanted, got, memory)) return `${key}=${wanted}`
  }
  return undefined
}

/** Positional words by the names of their fields, then the named ones. */
function expectations(what: string, words: Words): readonly (readonly [string, string])[] {
  const place = positional(words, 'retain', 'dup')
  const flags = ['retain', 'dup'].filter((flag) => words.positional.includes(flag)).map((flag): readonly [string, string] => [flag, '1'])
  const rest = words.named.filter(([key]) => key !== 'within')
  const at = (...keys: readonly string[]): readonly (readonly [string, string])[] =>
    keys.flatMap((key, index) => {
      const value = place[index]
      return value === undefined ? [] : [[key, value] as const]
    })
  switch (what) {
    case 'PUBLISH':
      return [...at('topic', 'payload'), ...flags, ...rest]
    case 'PUBACK':
    case 'PUBREC':
    case 'PUBREL':
    case 'PUBCOMP':
      return [...at('id', 'code'), ...rest]
    case 'SUBACK':
    case 'UNSUBACK':
      return [...at('id'), ...(place.length > 1 ? [['granted', place.slice(1).join(',')] as const] : []), ...rest]
    default:
      return [...at('code'), ...rest]
  }
}

function agrees(wanted: string, got: string | undefined, memory: Memory): boolean {
  if (wanted.includes('|') && wanted !== got) return wanted.split('|').some((one) => agrees(one, got, memory))
  if (wanted === 'absent') return got === undefined
  if (got === undefined) return false
  if (wanted === 'present') return true
  if (wanted.startsWith('!')) return !agrees(wanted.slice(1), got, memory)
  if (wanted.startsWith('?')) {
    const known = memory.get(wanted)
    if (known === undefined) memory.set(wanted, got)
    return known === undefined || known === got
  }
  const [, low, high] = /^(\d+)\.\.(\d+)$/.exec(wanted) ?? []
  if (low !== undefined) return Number(got) >= Number(low) && Number(got) <= Number(high)
  return same(wanted, got)
}

/** Lists of codes are compared one by one, numbers as numbers, everything else as text. */
function same(wanted: string, got: string): boolean {
  if (content(wanted) === got) return true
  const [left, right] = [wanted.split(','), got.split(',')]
  return left.length === right.length && left.every((one, index) => one === right[index] || sameNumber(one, right[index] ?? ''))
}

function sameNumber(wanted: string, got: string): boolean {
  return /^(0x[\da-f]+|\d+)$/i.test(wanted) && /^\d+$/.test(got) && numeral(wanted) === Number(got)
}

/** The window in milliseconds that `within=a..b` gives to an answer, after the step before it. */
export function windowOf(words: Words): readonly [number, number] {
  const [, low, high] = /^(\d+)\.\.(\d+)$/.exec(named(words, 'within') ?? '') ?? []
  return low === undefined || high === undefined ? [0, 10_000] : [Number(low), Number(high)]
}

/** A packet as a failure prints it. */
export function show(fields: Fields): string {
  const shown = [...fields].filter(([key]) => key !== 'packet' && key !== 'raw').map(([key, value]) => `${key}=${clip(value, 80)}`)
  return `${fields.get('packet')} ${shown.join(' ')} (${clip(fields.get('raw') ?? '', 120)})`
}

const clip = (value: string, length: number): string => (value.length > length ? `${value.slice(0, length)}...` : value)
