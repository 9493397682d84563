import { type Result, ok } from '#base'
import type { QueryPage } from '#hub'
import { malformed, numberOf, objectBody, requiredText } from './read.ts'
import type { Reply } from './reply.ts'
import { type AzureCall, azureRoute, bodyBytes } from './route.ts'

/** Items on a page when nobody says how many, and at most (azure-wire 5.4). */
const page = { usual: 100, most: 1_000 } as const

/** Where a reader of pages is, by its headers. */
export type Paging = { readonly maxItems: number; readonly continuation: string | undefined }

/** Reads the headers of a request for a page: `x-ms-max-item-count` (more than a thousand is a thousand) and `x-ms-continuation`. */
export function pagingOf(call: Pick<AzureCall<never, never>, 'header'>): Result<Paging> {
  const count = numberOf(call.header('x-ms-max-item-count'), 'x-ms-max-item-count')
  if (!count.ok) return count
  if (count.value === 0) return malformed('x-ms-max-item-count must be at least 1.')
  const continuation = call.header('x-ms-continuation')
  return ok({ maxItems: Math.min(count.value ?? page.usual, page.most), continuation: continuation === '' ? undefined : continuation })
}

/** A page as clients read it. Node goes on for as long as there is a continuation header, so the last page has none. */
export function pageReply({ items, itemType, continuation }: QueryPage): Reply {
  const headers = { 'x-ms-item-type': itemType, ...(continuation === undefined ? {} : { 'x-ms-continuation': continuation }) }
  return { status: 200, json: items, headers }
}

/** Queries over devices, modules and jobs (azure-wire 5.4). */
export const queryRoutes = [
  azureRoute({
    method: 'POST',
    path: '/devices/query',
    needs: ['twin.read'],
    throttle: 'queries',
    bodyBytes,
    async run(call) {
      const body = objectBody(call.body)
      if (!body.ok) return body
      const text = requiredText(body.value, 'query')
      if (!text.ok) return text
      const paging = pagingOf(call)
      if (!paging.ok) return paging
      const answer = await call.ports.hub.queries.run(call.grant('twin.read'), { text: text.value, ...paging.value })
      return answer.ok ? ok(pageReply(answer.value)) : answer
    },
  }),
]
