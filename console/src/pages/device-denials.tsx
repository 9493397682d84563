import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { fetchDenials } from '../api/policies.ts'
import type { DenialGroup } from '../api/types.ts'
import { mergeDenials } from '../lib/denials.ts'
import { count, dateTime } from '../lib/format.ts'
import { Empty, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Ago, wallTime } from '../ui/time.tsx'
import { useDenial } from './denial.tsx'

/** The hub walks the journal for each answer, so it is not asked more often. */
const restMs = 5000
/** No `before`: from the end of the journal. */
const newest: number | undefined = undefined

function Group({ group }: { readonly group: DenialGroup }) {
  const { button, answer } = useDenial(group, `${group.action} ${group.topic}`)
  return (
    <li className="denial" data-denial={`${group.action} ${group.topic}`}>
      <div className="denial-line">
        <b className="denial-count">{count(group.count)} ×</b>
        <span className="denial-what">
          {group.action} <code>{group.topic}</code>
        </span>
        <span className="quiet nowrap" title={`first ${dateTime(group.first)}`}>
          last <Ago at={group.last} />
        </span>
        {button}
      </div>
      {answer}
    </li>
  )
}

/** What the device was denied, by what it tried. `latest` is the offset of its newest denial that the page has heard of. */
export function DenialsPanel({ device, latest }: { readonly device: string; readonly latest: number }) {
  const query = useInfiniteQuery({
    queryKey: ['denials', device],
    queryFn: ({ pageParam }) => fetchDenials(device, pageParam),
    initialPageParam: newest,
    getNextPageParam: (last) => (last.complete ? undefined : (last.next ?? undefined)),
    staleTime: 30_000,
  })
  const { data, refetch, dataUpdatedAt } = query
  const groups = mergeDenials(data?.pages.map((page) => page.denials) ?? [])
  const behind = data !== undefined && latest > (groups[0]?.offset ?? -1)
  useEffect(() => {
    if (!behind) return undefined
    const timer = setTimeout(() => void refetch(), Math.max(300, dataUpdatedAt + restMs - wallTime()))
    return () => clearTimeout(timer)
  }, [behind, dataUpdatedAt, refetch])
  const total = groups.reduce((sum, group) => sum + group.count, 0)
  return (
    <Panel title="Denials" flush aside={total === 0 ? undefined : <span className="quiet">{count(total)} in all</span>}>
      {query.error !== null && data === undefined ? <ProblemNote error={query.error} retry={() => void refetch()} /> : null}
      {data === undefined && query.error === null ? <Skeleton rows={2} label="Loading denials" /> : null}
      {data !== undefined && groups.length === 0 ? <Empty title="Nothing was denied." /> : null}
      {groups.length === 0 ? null : (
        <ul className="denials" aria-label="Denials, the latest first">
          {groups.map((group) => (
            <Group key={`${group.action} ${group.topic}`} group={group} />
          ))}
        </ul>
      )}
      {query.hasNextPage ? (
        <div className="panel-foot">
          <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {query.isFetchingNextPage ? 'Looking…' : 'Look further back for denials'}
          </button>
        </div>
      ) : null}
    </Panel>
  )
}
