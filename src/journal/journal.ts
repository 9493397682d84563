import type { Instant } from '#base'

/** Counts records from 0: dense, in order of appending, never reused for a record that anyone was told about. */
export type Offset = number

/**
 * What a reader finds at an offset. `authentic` is false when the block around the record was hit and only the record's own checksum speaks for
 * it. A record that cannot be given back says why instead.
 */
export type JournalRecord =
  | { readonly offset: Offset; readonly bytes: Buffer; readonly authentic: boolean }
  | { readonly offset: Offset; readonly damaged: string }

/** How the disk is doing. While it is not `open`, nothing is acknowledged and the journal is paused; it recovers by itself. */
export type JournalCondition =
  | { readonly kind: 'open' }
  | { readonly kind: 'full'; readonly since: Instant; readonly message: string }
  | { readonly kind: 'failing'; readonly since: Instant; readonly message: string }

/** One thing that was found broken. `first` to `last` are the offsets concerned (`last` < `first`: none was lost). */
export type JournalDamage = { readonly segment: string; readonly first: Offset; readonly last: Offset; readonly reason: string }

/** For health, metrics and `doctor`. Milliseconds are of one flush: encryption, write and fdatasync. */
export type JournalState = JournalCondition & {
  readonly segments: number
  readonly bytes: number
  readonly flushes: number
  readonly flushP50Ms: number
  readonly flushP99Ms: number
  /** Failed writes or syncs, each of which cost a segment. */
  readonly failures: number
  /** Appends refused because the memory bound was reached. */
  readonly refused: number
  /** What retention has dropped since the start. */
  readonly droppedRecords: number
  readonly droppedSegments: number
  /** The latest damage found, at most 100; `damageFound` counts all. */
  readonly damage: readonly JournalDamage[]
  readonly damageFound: number
}

/** What has happened: records in order, durable before anyone is told, encrypted at rest. */
export interface Journal extends AsyncDisposable {
  /**
   * HOT PATH. Makes room for one record of `bytes` and returns where in {@link Journal.buffer} it starts; its offset is `end - 1` after the call.
   * The caller fills all of it before the turn ends and keeps no reference. Returns -1, and counts, when the memory bound is reached: the
   * caller has not heeded {@link Journal.paused}. Throws for a record larger than {@link maxRecordBytes}.
   */
  reserve(bytes: number): number
  /** The buffer of the latest {@link Journal.reserve}; ask again after each. */
  readonly buffer: Buffer
  /** Copies one whole record in; returns its offset, or -1 as {@link Journal.reserve} does. */
  append(record: Uint8Array): Offset
  /** As {@link Journal.append}, for a record that nobody waits for: it is on disk some 20 ms later, together with others. */
  appendSoon(record: Uint8Array): Offset
  /** Called once per flush, in order, after the disk has everything below `end`. Returns how to stop listening. */
  onDurable(listener: (end: Offset) => void): () => void
  /** Resolves when everything appended so far is on disk; rejects with the Fault `journal/closed` when the journal is closed first. */
  flushed(): Promise<void>
  /** Everything below is on disk. */
  readonly durableEnd: Offset
  /** The offset that the next record gets. */
  readonly end: Offset
  /** The oldest record kept. */
  readonly start: Offset
  /** Bytes that wait in memory for the disk. */
  readonly pendingBytes: number
  /** True while callers must pause their sources: too much is pending, or the disk is in trouble. */
  readonly paused: boolean
  /** Called when {@link Journal.paused} has ended. Returns how to stop listening. */
  onResume(listener: () => void): () => void
  /** Durable records from `from` on (from `start`, if that is later), at most so many and so many bytes, but at least one. `next` is where to go on. */
  read(
    from: Offset,
    limit: { readonly records: number; readonly bytes: number },
  ): Promise<{ readonly records: readonly JournalRecord[]; readonly next: Offset }>
  /** A snapshot for health and metrics. */
  state(): JournalState
}

/** Largest record: well above the largest MQTT packet with its stamp. */
export const maxRecordBytes = 768 * 1024
