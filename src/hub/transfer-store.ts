import { type Clock, type Instant, type Random, type Result, ok, refuse } from '#base'
import type { Row, Statement, Store } from '#store'
import { type Json, parseJson } from '#wire/json'
import type { SharedKeyPorts } from './shared-keys.ts'
import type { Enrollment } from './transfer-enrollment.ts'
import { maxLineBytes, readLine, stageOf, stages } from './transfer-line.ts'
import {
  type ImportRow,
  type KeptLine,
  enrollmentReplacement,
  importInsertion,
  importReplacement,
  importRowOf,
  lineInsertion,
  lineOf,
} from './transfer-rows.ts'
import { textOf } from './registry-columns.ts'
import { isTwinObject } from './twin-rules.ts'
import type { Import, ImportLine, ImportSource } from './transfer.ts'

/** What an import may hold: every identity that a hub may have, and 2 GiB of text. */
export const importLimits = { lines: 1_100_000, bytes: 2 * 1024 ** 3, kept: 100 } as const

/** Lines that are read from the store at a time. */
const pageLines = 500

/** Keeps imports, their lines and imported enrollments. */
export type ImportStore = {
  find(id: string): Promise<ImportRow | undefined>
  list(): Promise<readonly Import[]>
  insert(createdBy: string): Promise<Import>
  /** Writes an import back; `isOver`: its lines go. */
  put(row: ImportRow, isOver?: boolean): Promise<void>
  /** Adds lines to a staged import. Refuses `hub/import-full`. */
  add(row: ImportRow, source: ImportSource, lines: readonly ImportLine[]): Promise<Result<ImportRow>>
  /** The lines of one stage, or of all in their order, page by page. */
  lines(id: string, stage?: number): AsyncIterable<readonly KeptLine[]>
  enrollment(kind: Enrollment['kind'], id: string): Promise<Json | undefined>
  enrollments(): AsyncIterable<Enrollment>
  enrollmentStatement(enrollment: Enrollment, at: Instant): Statement
}

/** What it is kept with. */
export type ImportStorePorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly sharedKeys: SharedKeyPorts
}

/** Opens the store of imports. One that was running when the process ended is interrupted, which is told before it is written: rather twice than never. */
export async function openImportStore(
  { store, clock, random, sharedKeys }: ImportStorePorts,
  interrupted: (broken: Import) => void,
): Promise<ImportStore> {
  for (const row of await store.query("SELECT * FROM imports WHERE status = 'running'")) interrupted(importRowOf(row).of)
  await write([{ sql: "UPDATE imports SET status = 'interrupted', ended_at = ? WHERE status = 'running'", args: [clock.now()] }])
  const [last] = await store.query('SELECT MAX(number) AS number FROM imports')
  let number = Number(last?.['number'] ?? 0)

  async function write(statements: readonly Statement[]): Promise<void> {
    const outcome = await store.commit(statements)
    if (!outcome.ok) throw new Error('bug: rows of an import met others of their name')
  }
  const seal = (purpose: string, text: string) => sharedKeys.seal(`hub/${purpose}`, Buffer.from(text))
  const open = (purpose: string, sealed: Buffer): string => {
    const opened = sharedKeys.unseal(`hub/${purpose}`, sealed)
    if (!opened.ok) throw new Error(`bug: what was imported does not open: ${opened.error.message}`)
    using secret = opened.value
    return secret.use((bytes) => bytes.toString('utf8'))
  }
  const enrollmentOf = (row: Row): Json => {
    const body = row['body']
    if (!(body instanceof Uint8Array)) throw new Error('bug: an enrollment has no body')
    const json = parseJson(open(`enrollment ${textOf(row, 'kind')} ${textOf(row, 'id').toLowerCase()}`, Buffer.from(body)), maxLineBytes)
    if (!json.ok) throw new Error('bug: an enrollment is no JSON')
    return json.value
  }
  return {
    async find(id) {
      const [row] = await store.query('SELECT * FROM imports WHERE id = ?', id)
      return row === undefined ? undefined : importRowOf(row)
    },
    async list() {
      const rows = await store.query('SELECT * FROM imports ORDER BY number DESC LIMIT ?', importLimits.kept)
      return rows.map((row) => importRowOf(row).of)
    },
    async insert(createdBy) {
      const id = random.bytes(12).toString('hex')
      const common = { createdBy, createdTime: clock.now(), endTime: null, total: 0, done: 0, failed: 0 }
      const of: Import = { id, status: 'staged', ...common }
      await write([
        { sql: 'DELETE FROM import_lines', args: [] },
        { sql: "DELETE FROM imports WHERE status = 'staged' OR number <= ?", args: [number + 1 - importLimits.kept] },
        importInsertion({ of, number: ++number, bytes: 0 }),
      ])
      return of
    },
    async put(row, isOver = false) {
      const gone = { sql: 'DELETE FROM import_lines WHERE import_id = ?', args: [row.of.id] }
      await write([importReplacement(row), ...(isOver ? [gone] : [])])
    },
    async add(row, source, lines) {
      const bytes = row.bytes + lines.reduce((sum, { text }) => sum + text.length, 0)
      const total = row.of.total + lines.length
      if (total > importLimits.lines || bytes > importLimits.bytes)
        return refuse('hub/import-full', `An import has at most ${importLimits.lines} lines, and ${importLimits.bytes} bytes.`)
      const purpose = `import ${row.of.id}`
      const insertions = lines.map(({ line, text }, at) => {
        const item = readLine(source, { line, text })
        const stage = item.ok ? stageOf(item.value) : stages.leavingModules
        // One character more than may be says as well that it is too long.
        const short = text.slice(0, maxLineBytes + 1)
        return lineInsertion(row.of.id, { source, line, text: short, stage, number: row.of.total + at }, seal(purpose, short))
      })
      const after = { ...row, bytes, of: { ...row.of, total } }
      await write([...insertions, importReplacement(after)])
      return ok(after)
    },
    async *lines(id, stage) {
      for (const one of stage === undefined ? Object.values(stages) : [stage])
        for (let after = -1; ;) {
          const rows = await store.query(
            'SELECT * FROM import_lines WHERE import_id = ? AND stage = ? AND number > ? ORDER BY number LIMIT ?',
            id,
            one,
            after,
            pageLines,
          )
          const page = rows.map((row) => lineOf(row, (body) => open(`import ${id}`, body)))
          if (page.length > 0) yield page
          after = page.at(-1)?.number ?? after
          if (page.length < pageLines) break
        }
    },
    async enrollment(kind, id) {
      const [row] = await store.query('SELECT * FROM imported_enrollments WHERE kind = ? AND id = ?', kind, id)
      return row === undefined ? undefined : enrollmentOf(row)
    },
    async *enrollments() {
      for (const kind of ['individual', 'group'] as const)
        for (let after = ''; ;) {
          const rows = await store.query(
            'SELECT * FROM imported_enrollments WHERE kind = ? AND id > ? ORDER BY id LIMIT ?',
            kind,
            after,
            pageLines,
          )
          for (const row of rows) {
            const body = enrollmentOf(row)
            if (isTwinObject(body)) yield { kind, id: textOf(row, 'id'), body }
          }
          const last = rows.at(-1)
          if (last === undefined || rows.length < pageLines) break
          after = textOf(last, 'id')
        }
    },
    enrollmentStatement: ({ kind, id, body }, at) =>
      enrollmentReplacement(kind, id, seal(`enrollment ${kind} ${id.toLowerCase()}`, JSON.stringify(body)), at),
  }
}
