import { useInfiniteQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useFacts } from './facts.ts'
import { fetchTimeline } from './hub.ts'
import type { Fact } from './types.ts'

const pageSize = 500
/** No `before`: from the end of the journal. */
const newest: number | undefined = undefined

/** Newest first, each offset once. */
function merge(fresh: readonly Fact[], old: readonly Fact[]): readonly Fact[] {
  const byOffset = new Map<number, Fact>()
  for (const fact of [...fresh, ...old]) byOffset.set(fact.offset, fact)
  return [...byOffset.values()].toSorted((a, b) => b.offset - a.offset)
}

/** What the journal has of a device, newest first, with what happens while one looks. `older` looks further back, where there is more. */
export function useHistory(device: string) {
  const stream = useFacts({ device, kind: '' }, false)
  const query = useInfiniteQuery({
    queryKey: ['timeline', device],
    queryFn: ({ pageParam }) => fetchTimeline(device, pageParam, pageSize),
    initialPageParam: newest,
    getNextPageParam: (last) => (last.complete ? undefined : (last.next ?? undefined)),
    staleTime: 30_000,
  })
  const pages = query.data?.pages
  const facts = useMemo(() => merge(stream.facts, pages?.flatMap((page) => page.facts) ?? []), [stream.facts, pages])
  return {
    facts,
    isLoading: pages === undefined && query.error === null,
    error: pages === undefined ? query.error : null,
    retry: () => void query.refetch(),
    older: query.hasNextPage ? () => void query.fetchNextPage() : undefined,
    isLookingBack: query.isFetchingNextPage,
  }
}
