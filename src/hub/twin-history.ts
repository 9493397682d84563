import type { DeviceId } from '#base'
import type { Journal, Offset } from '#journal'
import { twinFactOf } from './twin-replay.ts'
import type { TwinFact } from './twin-change.ts'
import type { TwinChange, TwinHistory } from './twin.ts'

/** Records that one page looks at: some hundred milliseconds. */
const maxRecords = 200_000
const step = 5_000
const stepBytes = 4 * 1024 * 1024
const maxChanges = 500

/** Reads the changes of one twin backwards; see `Twins.history`. Those of an earlier device of the same name are not its own. */
export async function readTwinHistory(
  journal: Journal,
  identity: DeviceId,
  generation: string | undefined,
  limit: number,
  before: Offset = journal.durableEnd,
): Promise<TwinHistory> {
  const changes: TwinChange[] = []
  if (generation === undefined) return { changes, next: undefined }
  const most = Math.min(Math.max(1, limit), maxChanges)
  let end = Math.min(before, journal.durableEnd)
  const last = end - maxRecords
  while (end > journal.start && end > last) {
    const from = Math.max(journal.start, end - step)
    const found = await readStep(journal, identity, generation, from, end)
    for (const change of found.toReversed()) {
      changes.push(change)
      if (changes.length === most) return { changes, next: change.offset > journal.start ? change.offset : undefined }
    }
    end = from
    // A long way back is many steps: devices get their turn between two.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { changes, next: end > journal.start ? end : undefined }
}

async function readStep(
  journal: Journal,
  identity: DeviceId,
  generation: string,
  from: Offset,
  end: Offset,
): Promise<readonly TwinChange[]> {
  const found: TwinChange[] = []
  // Most records are of others, and looking for the name costs less than reading them.
  const name = Buffer.from(`"device":${JSON.stringify(identity)}`)
  for (let at = from; at < end;) {
    const { records, next } = await journal.read(at, { records: end - at, bytes: stepBytes })
    for (const record of records) {
      const isNear = 'bytes' in record && record.offset < end && record.bytes.includes(name)
      const fact = isNear ? twinFactOf(record.bytes) : undefined
      const change = fact?.device === identity && fact.generation === generation ? changeOf(record.offset, fact) : undefined
      if (change !== undefined) found.push(change)
    }
    if (next <= at) break
    at = next
  }
  return found
}

function changeOf(offset: Offset, fact: TwinFact): TwinChange | undefined {
  const { time, device } = fact
  if (fact.kind === 'model-announced') return undefined
  if (fact.kind === 'twin-reported') {
    const { patch: reported, twinVersion: version } = fact
    return { offset, time, actor: `device:${device}`, part: 'reported', patch: { reported }, isReplacement: false, version }
  }
  const { actor, tags, desired, replaces: isReplacement, twinVersion: version, cause } = fact
  const patch = { ...(tags === undefined ? {} : { tags }), ...(desired === undefined ? {} : { desired }) }
  return { offset, time, actor, part: 'service', patch, isReplacement, version, ...(cause === undefined ? {} : { cause }) }
}
