import { useInfiniteQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { useFacts } from '../api/facts.ts'
import { fetchTimeline } from '../api/hub.ts'
import type { Fact } from '../api/types.ts'
import { deniedDecision, summaryOf, toneOf } from '../lib/facts.ts'
import { dateTime } from '../lib/format.ts'
import { Badge, Empty, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { useDenial } from './denial.tsx'
import { DenialsPanel } from './device-denials.tsx'
import { FactDetail } from './live-facts.tsx'
import { TelemetryPanel } from './device-telemetry.tsx'

const pageSize = 500
const shownAtOnce = 60
/** No `before`: from the end of the journal. */
const newest: number | undefined = undefined

/** Newest first, each offset once. */
function merge(fresh: readonly Fact[], old: readonly Fact[]): readonly Fact[] {
  const byOffset = new Map<number, Fact>()
  for (const fact of [...fresh, ...old]) byOffset.set(fact.offset, fact)
  return [...byOffset.values()].toSorted((a, b) => b.offset - a.offset)
}

function TimelineRow({ fact }: { readonly fact: Fact }) {
  const [open, setOpen] = useState(false)
  const { button, answer } = useDenial(deniedDecision(fact), summaryOf(fact))
  return (
    <li className={`event event-${toneOf(fact.kind)}`}>
      <div className="event-line">
        <time className="event-time">{dateTime(fact.time)}</time>
        <Badge tone={toneOf(fact.kind)}>{fact.kind}</Badge>
        <span className="event-text">{summaryOf(fact)}</span>
        <span className="actions">
          {button}
          <button type="button" className="button button-small button-bare" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? 'Less' : 'More'}
          </button>
        </span>
      </div>
      {answer}
      {open ? <FactDetail fact={fact} /> : null}
    </li>
  )
}

/** What the device did and what was done to it, and its telemetry, from the journal and live. */
export function DeviceHistory({ device }: { readonly device: string }) {
  const stream = useFacts({ device, kind: '' }, false)
  const query = useInfiniteQuery({
    queryKey: ['timeline', device],
    queryFn: ({ pageParam }) => fetchTimeline(device, pageParam, pageSize),
    initialPageParam: newest,
    getNextPageParam: (last) => (last.complete ? undefined : (last.next ?? undefined)),
    staleTime: 30_000,
  })
  const [shown, setShown] = useState(shownAtOnce)
  const pages = query.data?.pages
  const facts = useMemo(() => merge(stream.facts, pages?.flatMap((page) => page.facts) ?? []), [stream.facts, pages])
  const telemetry = useMemo(() => facts.filter((fact) => fact.kind === 'telemetry'), [facts])
  const events = useMemo(() => facts.filter((fact) => fact.kind !== 'telemetry'), [facts])
  const latestDenial = events.find((fact) => fact.kind === 'denied')?.offset ?? -1
  const older = query.hasNextPage ? () => void query.fetchNextPage() : undefined

  if (query.error !== null && pages === undefined)
    return (
      <Panel title="Timeline">
        <ProblemNote error={query.error} retry={() => void query.refetch()} />
      </Panel>
    )
  if (pages === undefined)
    return (
      <Panel title="Timeline">
        <Skeleton rows={8} label="Loading the history" />
      </Panel>
    )
  return (
    <>
      <TelemetryPanel facts={telemetry} />
      <DenialsPanel device={device} latest={latestDenial} />
      <Panel title="Timeline" flush>
        {events.length === 0 ? (
          <Empty title="No connection, denial or change so far.">
            <p>They appear here the moment they happen.</p>
          </Empty>
        ) : (
          <ol className="events">
            {events.slice(0, shown).map((fact) => (
              <TimelineRow key={fact.offset} fact={fact} />
            ))}
          </ol>
        )}
        <div className="panel-foot">
          {events.length > shown ? (
            <button type="button" className="button" onClick={() => setShown(shown + shownAtOnce)}>
              Show more
            </button>
          ) : older === undefined ? (
            <span className="quiet">This is the beginning of what the journal keeps.</span>
          ) : (
            <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={older}>
              {query.isFetchingNextPage ? 'Looking…' : 'Look further back'}
            </button>
          )}
        </div>
      </Panel>
    </>
  )
}
