import assert from 'node:assert/strict'
import { headerMagic, parseHeader, trailerMagic } from './block.ts'
import { peekTelemetry } from './peek.ts'
import { decodeRecord } from './record.ts'
import { salvage } from './salvage.ts'
import { parseSegmentHeader } from './segment.ts'
import { decodeSessionRecord } from './session-record.ts'

/** The secret that the bodies of the corpus were checked with. */
export const salt = 0x1234567

/** Every decoder of this room on the same bytes: only values, refusals and `undefined` may come out, and salvage answers every offset. */
export function target(bytes: Buffer): void {
  const fact = decodeRecord(bytes)
  if (!fact.ok) assert.match(fact.error.code, /^journal\/record-/)
  const peeked = peekTelemetry(bytes)
  if (fact.ok && fact.value.kind === 'telemetry' && fact.value.qos > 0) assert.equal(peeked?.topic, fact.value.topic)
  const change = decodeSessionRecord(bytes)
  if (!change.ok) assert.match(change.error.code, /^journal\/record-/)
  parseSegmentHeader(bytes)
  parseHeader(bytes, 0, headerMagic)
  parseHeader(bytes, bytes.length - 64, trailerMagic)
  const count = Math.min(20, Math.floor(bytes.length / 9))
  const records = salvage(bytes, 100, count, salt, false)
  assert.deepEqual(
    records.map((record) => record.offset),
    Array.from({ length: count }, (_, i) => 100 + i),
  )
}
