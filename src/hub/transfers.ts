import { createHash } from 'node:crypto'
import { type Clock, type Random, type Result, ok, refuse } from '#base'
import type { FactOf } from '#journal'
import type { Store } from '#store'
import type { Bulk } from './bulk.ts'
import type { BulkItem, BulkProblem } from './bulk-item.ts'
import type { Configurations } from './configuration.ts'
import type { ModuleRegistry } from './module-registry.ts'
import type { AuditedCommit } from './ports.ts'
import type { Registry } from './registry.ts'
import { actorOf } from './registry-state.ts'
import type { SharedKeyPorts } from './shared-keys.ts'
import { exportLines } from './transfer-export.ts'
import { readLine, stages } from './transfer-line.ts'
import { type PlanPorts, type Planned, type PlanSoFar, planItem, refused } from './transfer-plan.ts'
import type { ImportRow, KeptLine } from './transfer-rows.ts'
import { type ImportStore, openImportStore } from './transfer-store.ts'
import type { ImportAction, ImportEntry, ImportProblem, ImportReadGrants, ImportStep, ImportWriteGrants, Transfer } from './transfer.ts'
import type { Twins } from './twin.ts'

/** What moving in and out works on. */
export type TransferPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly commit: AuditedCommit
  readonly sharedKeys: SharedKeyPorts
  readonly devices: Registry
  readonly modules: ModuleRegistry
  readonly twins: Twins
  readonly configurations: Configurations
  readonly bulk: Bulk
  readonly tell: (fact: FactOf<'import-started' | 'import-ended'>) => void
}

/** Problems that one import tells of; the others are counted. */
const maxProblems = 100

/** Opens {@link Transfer} on its rows. Throws the store's Faults. */
export async function openTransfer(ports: TransferPorts): Promise<Transfer> {
  const { clock, tell } = ports
  const imports = await openImportStore(ports, ({ id, done, failed }) =>
    tell({ kind: 'import-ended', time: clock.now(), import: id, status: 'interrupted', done, failed }),
  )
  const planPorts: PlanPorts = { ...ports, enrollment: (kind, id) => imports.enrollment(kind, id) }
  const state: State = { ports, imports, planPorts }
  let running: string | undefined
  const isBusy = () => refuse('hub/import-running', 'An import is running. Wait for its end.')
  const staged = async (id: string): Promise<Result<ImportRow>> => {
    const row = await imports.find(id)
    if (row === undefined) return refuse('hub/import-not-found', 'There is no such import: another was begun meanwhile, or it never was.')
    return row.of.status === 'staged'
      ? ok(row)
      : refuse('hub/import-closed', 'This import has been applied. Begin another: it plans what is missing.')
  }
  return {
    async begin(grant) {
      return running === undefined ? ok(await imports.insert(actorOf(grant))) : isBusy()
    },
    async take(_grant, id, source, lines) {
      const row = await staged(id)
      if (!row.ok) return row
      if (running === id) return isBusy()
      const after = await imports.add(row.value, source, lines)
      return after.ok ? ok(after.value.of) : after
    },
    async plan(grants, id, tell, signal) {
      const row = await staged(id)
      return row.ok ? ok(await planAll(state, grants, id, tell, signal)) : row
    },
    async apply(grants, id, digest, tell, signal) {
      const row = await staged(id)
      if (!row.ok) return row
      if (running !== undefined) return isBusy()
      running = id
      try {
        const now = await planAll(state, grants, id, () => Promise.resolve(), signal)
        if (now.digest !== digest)
          return refuse('hub/import-plan-differs', 'The hub or the import has changed since this plan was made. Plan again.')
        return ok(await new Applying(state, grants, row.value, tell, signal).run(now.counts))
      } finally {
        running = undefined
      }
    },
    list: () => imports.list(),
    export: (grants, keys) => exportLines({ ...ports, enrollments: () => imports.enrollments() }, grants, keys),
  }
}

type State = { readonly ports: TransferPorts; readonly imports: ImportStore; readonly planPorts: PlanPorts }
type Counts = Record<ImportAction, number>

async function planAll(
  { imports, planPorts }: State,
  grants: ImportReadGrants,
  id: string,
  tell: (entries: readonly ImportEntry[]) => Promise<void>,
  signal: AbortSignal,
): Promise<{ readonly counts: Counts; readonly digest: string }> {
  const counts: Counts = { create: 0, update: 0, delete: 0, same: 0, refused: 0 }
  const sofar: PlanSoFar = { seen: new Set(), coming: new Map() }
  const hash = createHash('sha256')
  for await (const page of imports.lines(id)) {
    signal.throwIfAborted()
    const entries: ImportEntry[] = []
    for (const line of page) {
      const { item: _item, ...planned } = await planLine(planPorts, grants, sofar, line)
      const entry: ImportEntry = { source: line.source, line: line.line, ...planned }
      counts[entry.action]++
      hash.update(`${JSON.stringify([entry, line.text])}\n`)
      entries.push(entry)
    }
    await tell(entries)
  }
  return { counts, digest: hash.digest('hex') }
}

function planLine(ports: PlanPorts, grants: ImportReadGrants, sofar: PlanSoFar, line: KeptLine): Promise<Planned> {
  const item = readLine(line.source, line)
  return item.ok ? planItem(ports, grants, sofar, item.value) : Promise.resolve(refused(item.error.id, item))
}

/** One run of `apply`: page by page, each page durable before the row says so. */
class Applying {
  readonly #state: State
  readonly #grants: ImportReadGrants & { readonly to: ImportWriteGrants }
  readonly #tell: (step: ImportStep) => Promise<void>
  readonly #signal: AbortSignal
  #row: ImportRow
  #told = 0

  constructor(
    state: State,
    grants: ImportReadGrants & { readonly to: ImportWriteGrants },
    row: ImportRow,
    tell: (step: ImportStep) => Promise<void>,
    signal: AbortSignal,
  ) {
    this.#state = state
    this.#grants = grants
    this.#row = row
    this.#tell = tell
    this.#signal = signal
  }

  async run(counts: Counts): Promise<ImportRow['of']> {
    const { imports, ports } = this.#state
    const { clock, tell } = ports
    const { id } = this.#row.of
    await this.#audit('import.begin', counts)
    await this.#put({ status: 'running' })
    tell({ kind: 'import-started', time: clock.now(), import: id, actor: actorOf(this.#grants.to.write), ...counts })
    let isWhole = false
    try {
      const sofar: PlanSoFar = { seen: new Set(), coming: new Map() }
      for (const stage of Object.values(stages)) {
        for await (const page of imports.lines(id, stage)) await this.#page(page, sofar)
        // Parents that came after their children have a scope only now.
        if (stage !== stages.edges) continue
        for await (const page of imports.lines(id, stage)) await this.#again(page)
      }
      isWhole = true
    } finally {
      const status = isWhole ? 'completed' : 'interrupted'
      await this.#put({ status, endTime: clock.now() }, true)
      const { done, failed } = this.#row.of
      tell({ kind: 'import-ended', time: clock.now(), import: id, status, done, failed })
      await this.#audit(`import.${isWhole ? 'end' : 'interrupt'}`, { done, failed })
    }
    return this.#row.of
  }

  async #page(page: readonly KeptLine[], sofar: PlanSoFar): Promise<void> {
    this.#signal.throwIfAborted()
    const problems = await this.#do(page, sofar)
    const { done, failed } = this.#row.of
    await this.#put({ done: done + page.length, failed: failed + problems.length })
    const shown = problems.slice(0, maxProblems - this.#told)
    this.#told += shown.length
    await this.#tell({ done: this.#row.of.done, total: this.#row.of.total, problems: shown })
  }

  async #again(page: readonly KeptLine[]): Promise<void> {
    const children = page.filter((line) => {
      const item = readLine(line.source, line)
      if (!item.ok || item.value.kind !== 'identity') return false
      const { target } = item.value.bulk
      return target.kind === 'device' && (target.said.parentScopes ?? []).length > 0
    })
    if (children.length > 0) await this.#do(children, { seen: new Set(), coming: new Map() })
  }

  /** Does what a page asks for, and says which of its lines failed. */
  async #do(page: readonly KeptLine[], sofar: PlanSoFar): Promise<readonly ImportProblem[]> {
    const { planPorts, ports, imports } = this.#state
    const { to } = this.#grants
    const problems: ImportProblem[] = []
    const byIdentity = new Map<string, KeptLine>()
    const bulk: BulkItem[] = []
    for (const line of page) {
      const { id, action, problem, item } = await planLine(planPorts, this.#grants, sofar, line)
      const fail = (code: string, message: string) => problems.push({ source: line.source, line: line.line, id, code, message })
      if (problem !== null) fail(problem.code, problem.message)
      if (item === undefined || action === 'same' || action === 'refused') continue
      if (item.kind === 'identity') {
        byIdentity.set(item.identity, line)
        bulk.push(item.bulk)
        continue
      }
      if (item.kind === 'configuration') {
        const { id: name, content: _content, ...patch } = item.spec
        const { configurations } = ports
        const written =
          action === 'create'
            ? await configurations.create(to.configurations, item.spec)
            : await configurations.update(to.configurations, name, patch)
        if (!written.ok) fail(written.error.code, written.error.message)
        continue
      }
      const { enrollment } = item
      const entry = { action: 'enrollment.import', resource: `enrollment:${enrollment.kind}:${enrollment.id}` }
      await ports.commit(to.write, entry, [imports.enrollmentStatement(enrollment, ports.clock.now())])
    }
    if (bulk.length === 0) return problems
    const done = await ports.bulk(to, { items: bulk, problems: [] }, { sasArrivesDisabled: true, withReported: true })
    if (!done.ok) throw new Error(`bug: a page names an identity twice: ${done.error.message}`)
    return [...problems, ...[...done.value.problems, ...done.value.withoutTwin].map((one) => this.#problem(one, byIdentity))]
  }

  #problem({ device, module, code, message }: BulkProblem, lines: ReadonlyMap<string, KeptLine>): ImportProblem {
    const id = module === undefined ? device : `${device}/${module}`
    return { source: 'devices', line: lines.get(id)?.line ?? 0, id, code, message }
  }

  async #put(change: Partial<ImportRow['of']>, isOver = false): Promise<void> {
    this.#row = { ...this.#row, of: { ...this.#row.of, ...change } }
    await this.#state.imports.put(this.#row, isOver)
  }

  async #audit(action: string, detail: Readonly<Record<string, number>>): Promise<void> {
    await this.#state.ports.commit(this.#grants.to.write, { action, resource: `import:${this.#row.of.id}`, detail }, [])
  }
}
