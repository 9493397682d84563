import { styled } from '../line.ts'
import { type Row, printTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'
import type { PlanEntry } from './shapes.ts'

/** Refused lines, and lines that would change something, that a summary shows; the others are counted. */
const shown = { refused: 100, changes: 50 } as const

/** What a plan comes to: counts, the first lines of it, and how often each notice is said. */
export class PlanSummary {
  #counts: ReadonlyMap<string, number> = new Map()
  #digest = ''
  #count = 0
  readonly #refused: PlanEntry[] = []
  readonly #changes: PlanEntry[] = []
  readonly #notices = new Map<string, { count: number; first: string }>()

  get count(): number {
    return this.#count
  }

  get digest(): string {
    return this.#digest
  }

  get refused(): number {
    return this.#counts.get('refused') ?? 0
  }

  /** Lines that would do something. */
  get changes(): number {
    return ['create', 'update', 'delete'].reduce((sum, action) => sum + (this.#counts.get(action) ?? 0), 0)
  }

  take(entry: PlanEntry): void {
    this.#count++
    if (entry.action === 'refused' && this.#refused.length < shown.refused) this.#refused.push(entry)
    if (entry.action !== 'refused' && entry.action !== 'same' && this.#changes.length < shown.changes) this.#changes.push(entry)
    // Notices name a device now and then: that many different ones are not of use.
    for (const notice of entry.notices) {
      const known = this.#notices.get(notice)
      if (known !== undefined) known.count++
      else if (this.#notices.size < shown.changes) this.#notices.set(notice, { count: 1, first: entry.id })
    }
  }

  end({ counts, digest }: { readonly counts: ReadonlyMap<string, number>; readonly digest: string }): void {
    this.#counts = counts
    this.#digest = digest
  }

  json(): object {
    const notices = [...this.#notices].map(([notice, { count, first }]) => ({ notice, count, first }))
    return { counts: Object.fromEntries(this.#counts), digest: this.#digest, refused: this.#refused, changes: this.#changes, notices }
  }

  async print(terminal: Terminal): Promise<void> {
    const rows: Row[] = [...this.#changes, ...this.#refused].map((entry) => [
      styled(entry.action === 'refused' ? 'red' : entry.action === 'delete' ? 'yellow' : 'green', entry.action),
      entry.source,
      String(entry.line),
      entry.id,
      entry.problem?.message ?? entry.differences.map(({ field, here, there }) => `${field}: ${brief(here)} -> ${brief(there)}`).join('; '),
    ])
    await printTable(terminal, ['ACTION', 'FILE', 'LINE', 'NAME', 'WHAT'], rows)
    const more = this.changes - this.#changes.length + this.refused - this.#refused.length
    if (more > 0) terminal.say(`  and ${more} more; --plan FILE has them all`)
    for (const [notice, { count, first }] of this.#notices) terminal.say(`  ${count} (first ${first}): ${notice}`)
    const counts = [...this.#counts].filter(([, count]) => count > 0).map(([action, count]) => `${count} ${action}`)
    terminal.say(styled('bold', counts.length === 0 ? 'nothing' : counts.join(', ')))
  }
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 40 ? `${text.slice(0, 40)}...` : text
}
