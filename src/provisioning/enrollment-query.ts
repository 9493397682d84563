import { type Result, ok, refuse } from '#base'
import type { Json } from '#wire/json'
import { compileCondition, deviceDialect, parseCondition, valueAt } from '#wire/query'
import type { JsonObject } from './enrollment.ts'
import { provisioningLimits } from './limits.ts'

/** What is asked: the text of the query, how many items a page may have, and where to go on. */
export type QueryRequest = {
  readonly text: string
  readonly maxItems: number
  readonly continuation: string | undefined
}

/** A page. `continuation` undefined: there is no more. A page may be empty and still have one. */
export type QueryPage = { readonly items: readonly Json[]; readonly continuation: string | undefined }

/** Rows after a key, in its order, at most so many. */
export type ReadRows = (after: string, limit: number) => Promise<readonly { readonly key: string; readonly json: JsonObject }[]>

const sources = ['enrollments', 'enrollmentGroups', 'registrations'] as const
const batch = 500

/**
 * Answers `SELECT * FROM {source} [WHERE ...]`, or `*` for everything (azure-wire 7.1). A page looks at no more than some thousand rows. Refuses
 * `provisioning/query-malformed`.
 */
export async function runQuery(source: (typeof sources)[number], request: QueryRequest, read: ReadRows): Promise<Result<QueryPage>> {
  const where = whereOf(request.text, source)
  if (!where.ok) return where
  const condition = parseCondition(where.value, deviceDialect)
  if (!condition.ok) return refuse('provisioning/query-malformed', `The query cannot be read: ${condition.error.message}`)
  const after = request.continuation === undefined ? '' : Buffer.from(request.continuation, 'base64url').toString('utf8')
  const holds = compileCondition<JsonObject>(
    condition.value.where,
    deviceDialect,
    ({ steps }) =>
      (subject) =>
        valueAt(subject, steps),
  )
  const most = Math.min(Math.max(1, request.maxItems), provisioningLimits.pageItems)
  const items: Json[] = []
  let last = after
  for (let looked = 0; looked < provisioningLimits.pageScan; looked += batch) {
    const rows = await read(last, batch)
    for (const { key, json } of rows) {
      if (items.length === most) return page(items, last)
      last = key
      if (holds(json) === true) items.push(json)
    }
    if (rows.length < batch) return ok({ items, continuation: undefined })
  }
  return page(items, last)
}

function page(items: readonly Json[], last: string): Result<QueryPage> {
  return ok({ items, continuation: Buffer.from(last).toString('base64url') })
}

/** The condition alone. The words before it are few and fixed, so they are compared and not parsed. */
function whereOf(text: string, source: string): Result<string> {
  const words = text.trim().split(/\s+/)
  if (words.length === 1 && (words[0] === '*' || words[0] === '')) return ok('')
  const [select, all, from, name, where] = words
  const isSelect = select?.toUpperCase() === 'SELECT' && all === '*' && from?.toUpperCase() === 'FROM'
  if (!isSelect || name?.toLowerCase() !== source.toLowerCase())
    return refuse('provisioning/query-malformed', `The query must be SELECT * FROM ${source}, and may have a WHERE.`)
  if (where === undefined) return ok('')
  if (where.toUpperCase() !== 'WHERE' || words.length === 5)
    return refuse('provisioning/query-malformed', `After FROM ${source} there may be WHERE and a condition.`)
  // The condition goes on as it was written: white space inside of texts counts.
  return ok(/^\s*\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+([\s\S]*)$/.exec(text)?.[1] ?? '')
}
