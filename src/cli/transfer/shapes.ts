import { anything, entries, list, maybe, number, object, text } from '../shape.ts'

/** An import, as a job. */
export const importJob = object({ id: text, status: text, total: number, done: number, failed: number })

/** What kind of line it is. */
export const kindOf = object({ kind: text })

/** What is planned for one line. */
export const planEntry = object({
  source: text,
  line: number,
  id: text,
  action: text,
  differences: list(object({ field: text, here: anything, there: anything })),
  notices: list(text),
  problem: maybe(object({ code: text, message: text })),
})

/** One of them. */
export type PlanEntry = ReturnType<typeof planEntry>

/** The end of a plan. */
export const planEnd = object({ counts: entries(number), digest: text })

/** A refusal in a stream. */
export const refusal = object({ code: text, message: text })

/** How far it is. */
export const step = object({ done: number, total: number })

/** A line that could not be done. */
export const failure = object({ source: text, line: number, id: text, code: text, message: text })

/** The end of an import. */
export const applyEnd = object({ import: importJob })

/** A line of an export. */
export const exportLine = object({ file: text, value: anything })
