import type { Clock } from '#base'
import { type Fact, type Journal, decodeRecord, encodeFact, recordKind } from '#journal'

const lookMs = 60_000
// Enough to have seen every device of a busy plant once, little enough to be read in a second.
const recent = 200_000
const page = { records: 5_000, bytes: 1024 * 1024 }

/**
 * Writes what the journal has found broken in itself as facts, so that it shows where everything else shows: at once, and whenever more is
 * found. Returns how to stop.
 */
export function tellDamage(journal: Journal, clock: Clock, warn: (message: string) => void): () => void {
  let told = 0
  const look = () => {
    const { damage, damageFound } = journal.state()
    const fresh = Math.min(damageFound - told, damage.length)
    for (const { segment, first, last, reason } of fresh > 0 ? damage.slice(-fresh) : []) {
      journal.append(encodeFact({ kind: 'journal-damage', time: clock.now(), segment, first, last, reason }))
      warn(`journal segment ${segment} is damaged: ${reason}`)
    }
    told = damageFound
  }
  look()
  return clock.every(lookMs, look)
}

/** Shows what lately happened before this start, oldest first, to who judges by sessions; telemetry is left out. Ends early when aborted. */
export async function replayRecent(journal: Journal, observe: (fact: Fact) => void, signal: AbortSignal): Promise<void> {
  const end = journal.durableEnd
  let at = Math.max(journal.start, end - recent)
  while (at < end && !signal.aborted) {
    const { records, next } = await journal.read(at, page)
    for (const record of records) {
      if (!('bytes' in record) || record.offset >= end || recordKind(record.bytes) === 'telemetry') continue
      const fact = decodeRecord(record.bytes)
      if (fact.ok) observe(fact.value)
    }
    if (next <= at) break
    at = next
  }
}
