import { type Clock, Fault, type Result, type Secret, fail, ok } from '#base'
import { SqliteFile, codeOf, storeFault } from './database.io.ts'
import { migrate } from './migrate.io.ts'
import type { Migration, Row, Statement, Store, Value } from './store.ts'

/*
 * Theory of operation.
 * There is one writer. `commit` only queues; at the end of the event-loop turn everything queued goes into one transaction, because the
 * price of a commit is its fsync and not its rows. Each batch stands in its own SAVEPOINT, so a conflict undoes that batch alone. Nobody is
 * answered before COMMIT has returned: should the disk fail, every batch of the transaction is told.
 */

/** Where the rows live. `key` is 32 bytes. */
export type StoreConfig = { readonly file: string; readonly key: Secret; readonly migrations: readonly Migration[] }

/** Statements that one transaction takes before the loop gets its turn back. */
const maxStatements = 2_000

type Pending = {
  readonly statements: readonly Statement[]
  readonly resolve: (outcome: Result<void, 'conflict'>) => void
  readonly reject: (error: Error) => void
}

/**
 * Opens the embedded store: one encrypted SQLite file, created if missing, its schema brought up to date. Hold {@link lockDirectory} first: two
 * processes on one file are not served. Throws the Faults `store/wrong-key`, `store/disk`, `store/migrations-disagree`, `store/backup-failed`.
 */
export async function openStore(config: StoreConfig, ports: { readonly clock: Clock }, signal: AbortSignal): Promise<Store> {
  signal.throwIfAborted()
  if (config.key.use((bytes) => bytes.length) !== 32) throw new Error('bug: the key of the store must have 32 bytes')
  const database = SqliteFile.open(config.file, config.key)
  try {
    migrate(database, config, ports.clock)
  } catch (error) {
    database[Symbol.dispose]()
    throw storeFault(error, `The database ${config.file} cannot be brought up to date.`)
  }
  return new SqliteStore(database)
}

class SqliteStore implements Store {
  readonly #database: SqliteFile
  #queue: Pending[] = []
  #scheduled = false
  #closed = false

  constructor(database: SqliteFile) {
    this.#database = database
  }

  async query(sql: string, ...args: readonly Value[]): Promise<readonly Row[]> {
    if (this.#closed) throw closed()
    try {
      return this.#database.all(sql, args)
    } catch (error) {
      throw storeFault(error, 'The store cannot read.')
    }
  }

  commit(statements: readonly Statement[]): Promise<Result<void, 'conflict'>> {
    if (this.#closed) return Promise.reject(closed())
    return new Promise((resolve, reject) => {
      this.#queue.push({ statements, resolve, reject })
      this.#schedule()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    while (this.#queue.length > 0) this.#flush()
    this.#database[Symbol.dispose]()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#queue.length > 0) this.#flush()
      if (this.#queue.length > 0) this.#schedule()
    })
  }

  #flush(): void {
    this.#write(this.#take())
  }

  #write(group: readonly Pending[]): void {
    const answers: (() => void)[] = []
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      for (const pending of group) answers.push(this.#apply(pending))
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
      // A deferred constraint speaks only at COMMIT, for the whole group: each batch alone tells whose it is.
      if (isConflict(error)) {
        if (group.length === 1) group[0]?.resolve(fail('conflict'))
        else for (const pending of group) this.#write([pending])
        return
      }
      const fault = storeFault(error, 'The store cannot write.')
      for (const pending of group) pending.reject(fault)
      return
    }
    for (const answer of answers) answer()
  }

  #take(): readonly Pending[] {
    let count = 0
    let statements = 0
    for (const pending of this.#queue) {
      statements += pending.statements.length
      if (count > 0 && statements > maxStatements) break
      count++
    }
    return this.#queue.splice(0, count)
  }

  /** Applies one batch in its savepoint; returns how to answer once the transaction is durable. Throws only when the transaction is lost. */
  #apply({ statements, resolve, reject }: Pending): () => void {
    this.#database.exec('SAVEPOINT batch')
    try {
      for (const statement of statements) {
        const changed = this.#database.run(statement.sql, statement.args)
        if (statement.expect !== undefined && statement.expect !== changed) return this.#undo(() => resolve(fail('conflict')))
      }
    } catch (error) {
      if (!this.#database.inTransaction || storeFault(error, '') instanceof Fault) throw error
      if (isConflict(error)) return this.#undo(() => resolve(fail('conflict')))
      const bug = storeFault(error, '')
      return this.#undo(() => reject(bug))
    }
    this.#database.exec('RELEASE batch')
    return () => resolve(ok(undefined))
  }

  #undo(answer: () => void): () => void {
    this.#database.exec('ROLLBACK TO batch')
    this.#database.exec('RELEASE batch')
    return answer
  }
}

const conflicts = new Set([
  'SQLITE_CONSTRAINT_PRIMARYKEY',
  'SQLITE_CONSTRAINT_UNIQUE',
  'SQLITE_CONSTRAINT_FOREIGNKEY',
  'SQLITE_CONSTRAINT_ROWID',
])

function isConflict(error: unknown): boolean {
  return conflicts.has(codeOf(error) ?? '')
}

function closed(): Fault {
  return new Fault('store/closed', 'The store is closed.')
}
