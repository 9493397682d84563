import { QueryClient, queryOptions } from '@tanstack/react-query'
import { fetchHub, fetchMe } from './hub.ts'
import { toProblem } from './problem.ts'

/** The cache of what the hub said. A refusal is final; only silence is asked again. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failures, error) => toProblem(error).status === 0 && failures < 2,
      staleTime: 2000,
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
})

/** Who is signed in; asked once a visit. */
export const meQuery = queryOptions({ queryKey: ['me'], queryFn: fetchMe, staleTime: Infinity, retry: false })

/** The hub at a glance, kept fresh while someone looks. */
export const hubQuery = queryOptions({ queryKey: ['hub'], queryFn: fetchHub, refetchInterval: 5000 })
