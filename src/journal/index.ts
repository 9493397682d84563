export type { Fact, FactKind, FactOf, JsonFact, Stamp, TelemetryFact } from './facts.ts'
export { type Journal, type JournalDamage, type JournalRecord, type JournalState, type Offset, maxRecordBytes } from './journal.ts'
export {
  decodeRecord,
  encodeFact,
  encodeStamp,
  encodeTelemetry,
  recordKind,
  telemetryFlags,
  telemetrySize,
  writeTelemetry,
} from './record.ts'
