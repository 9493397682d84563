import type { Result } from '#base'

/** What a cell may hold. Whole numbers beyond 2^53 are bigint; bytes come back as Buffer. No booleans: store 0 or 1. */
export type Value = string | number | bigint | Uint8Array | null

/** One row of an answer, by column name. */
export type Row = Readonly<Record<string, Value>>

/**
 * One change. `args` fill the `?` of `sql` in order. With `expect` the batch is a conflict unless exactly that many rows
 * were inserted, updated or deleted: this is how callers compare and set.
 */
export type Statement = { readonly sql: string; readonly args: readonly Value[]; readonly expect?: number }

/**
 * What is true now. Small enough that an embedded file and a cluster database both serve it: reads see every commit
 * that has resolved; a commit is all of its statements or none, and is durable when it resolves.
 */
export interface Store extends AsyncDisposable {
  /** Rows of one SELECT. Throws the Fault `store/disk` when the disk fails, and an Error for SQL that is our bug. */
  query(sql: string, ...args: readonly Value[]): Promise<readonly Row[]>
  /**
   * Applies the statements together. `conflict`: a unique or foreign key was violated, or an `expect` was not met; nothing of
   * this batch was kept. Throws the Fault `store/disk` (full, failing; outcome unknown until read back) or `store/closed`.
   */
  commit(statements: readonly Statement[]): Promise<Result<void, 'conflict'>>
}

/**
 * One step of the schema, SQL text of one or more statements. The name (`room/step`) is its identity: once released, neither name nor text
 * nor place among the steps of its room may change. Steps expand first and contract a release later, so that the previous release runs on the new schema.
 */
export type Migration = { readonly name: string; readonly sql: string }
