import { type Fact, type Journal, type Offset, decodeRecord } from '#journal'

/** What one request may look at: the journal has no index by device, so it is walked backwards, and only so far. */
export const timelineLimits = { records: 20_000, bytes: 16 * 1024 * 1024, step: 1_000 } as const

/** Facts, newest first. `next` is where to go on; `complete` is true when nothing older is kept. */
export type Timeline = {
  readonly facts: readonly { readonly offset: Offset; readonly fact: Fact }[]
  readonly complete: boolean
  readonly next: Offset | null
}

/** Walks the journal backwards from `before` (exclusive) for facts that are `wanted`, until `limit` are found or the bounds are met. */
export async function readTimeline(
  journal: Pick<Journal, 'read' | 'start' | 'durableEnd'>,
  wanted: (fact: Fact) => boolean,
  before: Offset | undefined,
  limit: number,
): Promise<Timeline> {
  const facts: { offset: Offset; fact: Fact }[] = []
  let end = Math.min(before ?? journal.durableEnd, journal.durableEnd)
  let records = 0
  let bytes = 0
  while (end > journal.start && facts.length < limit && records < timelineLimits.records && bytes < timelineLimits.bytes) {
    const start = Math.max(journal.start, end - timelineLimits.step)
    const found: { offset: Offset; fact: Fact }[] = []
    let at = start
    while (at < end) {
      const page = await journal.read(at, { records: end - at, bytes: timelineLimits.bytes / 4 })
      for (const record of page.records) {
        records++
        if (!('bytes' in record) || record.offset >= end) continue
        bytes += record.bytes.length
        const fact = decodeRecord(record.bytes)
        if (fact.ok && wanted(fact.value)) found.push({ offset: record.offset, fact: fact.value })
      }
      if (page.next <= at) break
      at = page.next
    }
    const room = limit - facts.length
    const newest = found.toReversed().slice(0, room)
    facts.push(...newest)
    end = found.length > room ? (newest.at(-1)?.offset ?? start) : start
  }
  const complete = end <= journal.start
  return { facts, complete, next: complete ? null : end }
}

/** Whether a fact is about a device or, where it names one, a module; what modules of a device do is about the device, too. */
export function isAbout(fact: Fact, identity: string): boolean {
  const who = deviceOf(fact)
  return who !== undefined && (who === identity || (who.startsWith(identity) && who[identity.length] === '/'))
}

/** The device or module that a fact is about, if any. */
export function deviceOf(fact: Fact): string | undefined {
  return 'device' in fact ? fact.device : undefined
}
