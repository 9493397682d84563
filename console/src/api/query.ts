import { client, given, take } from './client.ts'
import type { QueryPage } from './types.ts'

/** Asks in the query language. A `continuation` goes on with the same text. */
export const runQuery = (query: string, maxItems: number, continuation?: string): Promise<QueryPage> =>
  take(client.POST('/api/v1/query', { body: given({ query, maxItems, continuation }) }))

/** How many devices or modules a condition is true of; `*` is every device. Refused as the query is. */
export async function countMatching(condition: string): Promise<number> {
  const said = condition.trim()
  const from = /^from\s/i.test(said) ? said : said === '*' ? 'FROM devices' : `FROM devices WHERE ${said}`
  const { items } = await runQuery(`SELECT COUNT() AS total ${from}`, 1)
  const first: unknown = items[0]
  const total: unknown = typeof first === 'object' && first !== null ? Reflect.get(first, 'total') : undefined
  return typeof total === 'number' ? total : 0
}
