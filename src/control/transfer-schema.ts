import { type Static, Type } from 'typebox'
import { isoTime } from '#base'
import { type Import, importSources } from '#hub'
import { anyJson, closed, count, jsonObject, orNull, text, timeOrNull } from './hub-schema.ts'
import { time } from './schema.ts'

/* The shapes of imports and exports; see schema.ts for the rules. */

/** Lines of one request. The client makes as many requests as it needs. */
const maxLines = 500

/** The path parameters of one import. */
export const importPath = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) }, closed)

/** An import, as a job. */
export const importJob = Type.Object(
  {
    id: text,
    status: Type.Enum(['staged', 'running', 'completed', 'interrupted']),
    createdBy: text,
    createdTime: time,
    endTime: timeOrNull,
    total: count,
    done: count,
    failed: count,
  },
  { ...closed, title: 'Import' },
)

/** Imports, the newest first. */
export const importList = Type.Object({ imports: Type.Array(importJob) }, { ...closed, title: 'Imports' })

/** What lines are. */
const source = Type.Enum([...importSources])

/** Lines of a file, as they stand in it. */
export const importLines = Type.Object(
  { source, lines: Type.Array(Type.Object({ line: Type.Integer({ minimum: 1 }), text }, closed), { minItems: 1, maxItems: maxLines }) },
  { ...closed, title: 'ImportLines' },
)

const action = Type.Enum(['create', 'update', 'delete', 'same', 'refused'])
const problem = Type.Object({ code: text, message: text }, closed)
const entry = Type.Object(
  {
    kind: Type.Literal('entry'),
    source,
    line: count,
    id: text,
    action,
    differences: Type.Array(Type.Object({ field: text, here: anyJson, there: anyJson }, closed)),
    notices: Type.Array(text),
    problem: orNull(problem),
  },
  closed,
)
const counts = Type.Object({ create: count, update: count, delete: count, same: count, refused: count }, closed)
const refusedEnd = Type.Object({ kind: Type.Literal('refused'), code: text, message: text }, closed)

/** One line of a plan: an entry, the counts and the digest at the end, or why there is none. */
export const planLine = Type.Union([entry, Type.Object({ kind: Type.Literal('done'), counts, digest: text }, closed), refusedEnd], {
  title: 'ImportPlanLine',
})

/** What was planned. */
export const applyInput = Type.Object({ digest: Type.String({ pattern: '^[0-9a-f]{64}$' }) }, { ...closed, title: 'ImportApply' })

/** One line of an import at work. */
export const applyLine = Type.Union(
  [
    Type.Object({ kind: Type.Literal('progress'), done: count, total: count }, closed),
    Type.Object({ kind: Type.Literal('problem'), source, line: count, id: text, code: text, message: text }, closed),
    Type.Object({ kind: Type.Literal('done'), import: importJob }, closed),
    refusedEnd,
  ],
  { title: 'ImportApplyLine' },
)

/** What an export is to have in it. */
export const exportInput = Type.Object({ withKeys: Type.Optional(Type.Boolean()) }, { ...closed, title: 'ExportInput' })

/** One line of an export: in which file it belongs, or that there are no more. */
export const exportLine = Type.Union(
  [
    Type.Object(
      {
        kind: Type.Literal('line'),
        file: Type.Enum(['devices', 'configurations', 'enrollments', 'enrollmentGroups', 'keys']),
        value: jsonObject,
      },
      closed,
    ),
    Type.Object({ kind: Type.Literal('done') }, closed),
  ],
  { title: 'ExportLine' },
)

/** An import as it is shown. */
export function importView(job: Import): Static<typeof importJob> {
  return { ...job, createdTime: isoTime(job.createdTime), endTime: job.endTime === null ? null : isoTime(job.endTime) }
}
