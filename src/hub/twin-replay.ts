import { type DeviceId, isoTime } from '#base'
import { type Journal, type Offset, decodeRecord, recordKind } from '#journal'
import type { Store } from '#store'
import { type Registered, type TwinFact, afterFact, isNews, newTwin } from './twin-change.ts'
import type { TwinCopy } from './twin-copy.ts'
import { loadTwin } from './twin-rows.ts'
import type { Twin } from './twin.ts'

const page = { records: 5_000, bytes: 1024 * 1024 }

/** Reading back what a record says of twins needs no more than this. */
export type ReplayPorts = {
  readonly journal: Journal
  readonly store: Store
  registered(identity: DeviceId): Registered | undefined
  trouble(what: string, error: unknown): void
}

/** The fact of a twin in a record, if it is one. */
export function twinFactOf(bytes: Buffer): TwinFact | undefined {
  const kind = recordKind(bytes)
  if (kind !== 'twin-reported' && kind !== 'twin-changed' && kind !== 'model-announced') return undefined
  const fact = decodeRecord(bytes)
  if (!fact.ok) return undefined
  const { value } = fact
  return value.kind === 'twin-reported' || value.kind === 'twin-changed' || value.kind === 'model-announced' ? value : undefined
}

/**
 * Applies what the journal knows of twins and the rows do not: facts from the cursor on, in order, each to the twin of its generation, and none that the row has
 * already. What it makes is owed to the rows.
 */
export async function replayTwins(ports: ReplayPorts, copy: TwinCopy, cursor: Offset, signal: AbortSignal): Promise<void> {
  const { journal } = ports
  const end = journal.durableEnd
  // Nothing in this journal is what the rows were made of: whatever it knows, it has learnt since.
  if (cursor > end)
    ports.trouble('the journal is older than the twins; what changed in them last may be known to the rows alone', undefined)
  else if (cursor < journal.start && cursor > 0)
    ports.trouble(`records ${cursor} to ${journal.start - 1} are gone; twins may lack changes`, undefined)
  for (let at = Math.max(cursor > end ? 0 : cursor, journal.start); at < end;) {
    signal.throwIfAborted()
    const { records, next } = await journal.read(at, page)
    for (const record of records) {
      const fact = 'bytes' in record && record.offset < end ? twinFactOf(record.bytes) : undefined
      if (fact === undefined) continue
      await apply(ports, copy, fact)
      if (copy.isFull) await copy.saveRows()
    }
    if (next <= at) break
    at = next
  }
}

async function apply(ports: ReplayPorts, copy: TwinCopy, fact: TwinFact): Promise<void> {
  const identity = fact.device as DeviceId // registered when we wrote the record, and looked up again at once
  const registered = ports.registered(identity)
  if (registered?.generationId !== fact.generation) return
  const twin: Twin =
    copy.find(identity, registered.generationId) ??
    (await loadTwin(ports.store, identity, registered.generationId)) ??
    newTwin(identity, registered)
  if (!isNews(twin, fact)) return
  if (fact.kind !== 'model-announced' && fact.twinVersion !== twin.version + 1)
    ports.trouble(
      `changes ${twin.version + 1} to ${fact.twinVersion - 1} of the twin of ${identity} before ${isoTime(fact.time)} are lost`,
      undefined,
    )
  copy.owe(afterFact(twin, fact))
}
