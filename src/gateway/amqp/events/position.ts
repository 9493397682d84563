import { type Result, ok, refuse } from '#base'
import { type Journal, type Offset, decodeRecord } from '#journal'
import { type Value, textOf } from '#wire/amqp'

/** Where a reader wants to begin: an offset and what follows it, or a time. */
export type Position =
  | { readonly from: 'latest' }
  | { readonly from: 'offset'; readonly offset: number }
  | { readonly from: 'time'; readonly ms: number; readonly inclusive: boolean }

const expression = /^amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time)\s*(>=|>)\s*'([^']{0,32})'$/
const filterName = 'apache.org:selector-filter:string'

/**
 * Reads the selector of a receiver (azure-wire 8.4). Without one it begins with what comes from now on [R]. Refuses `gateway/events-filter` for
 * anything else than the three comparisons.
 */
export function parsePosition(filter: ReadonlyMap<string, Value>): Result<Position> {
  const given = filter.get(filterName)
  if (given === undefined) return ok({ from: 'latest' })
  const text = textOf(given.type === 'described' ? given.value : given)
  const [, what, operator, value = ''] = expression.exec(text?.trim() ?? '') ?? []
  if (what === 'offset' && value === '@latest') return ok({ from: 'latest' })
  if (what === undefined || !/^-?[0-9]{1,15}$/.test(value))
    return refuse('gateway/events-filter', 'The filter is no comparison of offset, sequence number or enqueued time.')
  const number = Number(value)
  const inclusive = operator === '>='
  if (what === 'enqueued-time') return ok({ from: 'time', ms: number, inclusive })
  return ok({ from: 'offset', offset: Math.max(0, inclusive ? number : number + 1) })
}

type Read = Pick<Journal, 'read' | 'start' | 'durableEnd'>

/** The first offset of a position in the journal of now. A time is searched for: records stand in the order in which they came. */
export async function offsetOf(position: Position, journal: Read): Promise<Offset> {
  if (position.from === 'latest') return journal.durableEnd
  if (position.from === 'offset') return Math.min(Math.max(journal.start, position.offset), journal.durableEnd)
  let low = journal.start
  let high = journal.durableEnd
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const found = await timeAt(journal, middle, high)
    if (found === undefined || found >= position.ms + (position.inclusive ? 0 : 1)) high = middle
    else low = middle + 1
  }
  return low
}

/** The time of the first fact from `offset` on, below `end`. */
async function timeAt(journal: Read, offset: Offset, end: Offset): Promise<number | undefined> {
  for (let at = offset; at < end;) {
    const { records, next } = await journal.read(at, { records: 16, bytes: 64 * 1024 })
    for (const record of records) {
      if (!('bytes' in record) || record.offset >= end) continue
      const fact = decodeRecord(record.bytes)
      if (fact.ok) return fact.value.time
    }
    if (next <= at) return undefined
    at = next
  }
  return undefined
}
