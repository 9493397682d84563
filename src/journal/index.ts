export type { Fact, FactKind, FactOf, JsonFact, Stamp, TelemetryFact } from './facts.ts'
export { type Journal, type JournalDamage, type JournalRecord, type JournalState, type Offset, maxRecordBytes } from './journal.ts'
export { type PeekedTelemetry, isQueuedTelemetry, isReceivedTelemetry, isRetainedTelemetry, peekTelemetry } from './peek.ts'
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
export {
  type RecordedDelivery,
  type SessionRecord,
  type WillText,
  decodeSessionRecord,
  encodeSessionRecord,
  isSessionRecord,
} from './session-record.ts'
export { type Rewrapped, rewrapSegments } from './rewrap.io.ts'
export { type JournalConfig, openJournal } from './segment-journal.ts'
export { systemDisk } from './disk.io.ts'
export type { Disk, DiskFile } from './disk.ts'
export type { JournalPorts } from './writer.ts'
