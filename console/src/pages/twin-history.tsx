import { useInfiniteQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { fetchTwinHistory } from '../api/twins.ts'
import type { Twin, TwinChange } from '../api/types.ts'
import { nameOf, type Who } from '../api/who.ts'
import { dateTime } from '../lib/format.ts'
import { isObject, type JsonObject } from '../lib/json-text.ts'
import { type Change, changesBetween, merged } from '../lib/twin-diff.ts'
import { type PastTwin, pastOf, type TwinText } from '../lib/twin-past.ts'
import { ChangeLines } from '../ui/changes.tsx'
import { Badge, Empty, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'

const pageSize = 50
const newest: number | undefined = undefined

/** A change as lines; what was before is said where it is known. */
function linesOf(change: TwinChange, before: PastTwin | undefined): readonly Change[] {
  return (['tags', 'desired', 'reported'] as const).flatMap((part) => {
    const patch = change.patch[part]
    if (!isObject(patch)) return []
    const old: JsonObject | undefined = part === 'reported' ? undefined : before?.[part]
    if (old !== undefined) return changesBetween(old, change.isReplacement ? patch : merged(old, patch), [part])
    return leaves(patch, [part])
  })
}

/** Every value of a patch, where what was before is not known. */
function leaves(patch: JsonObject, path: readonly string[]): readonly Change[] {
  return Object.entries(patch).flatMap(([name, value]): readonly Change[] => {
    const here = [...path, name]
    if (isObject(value) && Object.keys(value).length > 0) return leaves(value, here)
    return value === null ? [{ path: here, before: 'deleted', after: undefined }] : [{ path: here, before: undefined, after: value }]
  })
}

function Row({
  change,
  before,
  after,
  twin,
  propose,
}: {
  readonly change: TwinChange
  readonly before: PastTwin | undefined
  readonly after: PastTwin | undefined
  readonly twin: Twin
  readonly propose: (text: TwinText) => void
}) {
  const lines = linesOf(change, before)
  const isOwn = change.part === 'reported'
  const was = after?.tags === undefined && after?.desired === undefined ? undefined : after
  const restore = (): void => {
    const now: TwinText = { tags: twin.tags, desired: twin.desired.properties }
    const { tags, desired } = change.patch
    if (was !== undefined) propose({ tags: was.tags ?? now.tags, desired: was.desired ?? now.desired })
    else
      propose({
        tags: isObject(tags) ? merged(now.tags, tags) : now.tags,
        desired: isObject(desired) ? merged(now.desired, desired) : now.desired,
      })
  }
  return (
    <li className={`event event-${isOwn ? 'quiet' : 'accent'}`} data-change={change.offset}>
      <div className="event-line">
        <time className="event-time">{dateTime(change.time)}</time>
        <Badge tone={isOwn ? 'quiet' : 'accent'}>{isOwn ? 'reported' : change.isReplacement ? 'replaced' : 'changed'}</Badge>
        <span className="event-text">
          version {change.version} · by {change.actor}
          {change.cause === undefined ? '' : ` · ${change.cause.kind} ${change.cause.id}`}
        </span>
        {isOwn ? null : (
          <button
            type="button"
            className="button button-small"
            aria-label={`${was === undefined ? 'Use these values of' : 'Restore'} version ${change.version}`}
            onClick={restore}
          >
            {was === undefined ? 'Use these values' : 'Restore'}
          </button>
        )}
      </div>
      {lines.length === 0 ? <p className="quiet">Nothing differs from before.</p> : null}
      {lines.length === 0 ? null : <ChangeLines changes={lines} label={`What version ${change.version} changed`} />}
    </li>
  )
}

/** How the twin came to be what it is. An older state goes into the editor, to be looked at and saved like any other. */
export function TwinHistoryPanel({
  who,
  twin,
  propose,
}: {
  readonly who: Who
  readonly twin: Twin
  readonly propose: (text: TwinText) => void
}) {
  const query = useInfiniteQuery({
    // The version makes every change ask anew, and the pages already open stay on screen meanwhile.
    queryKey: ['twin-history', nameOf(who), twin.version],
    queryFn: ({ pageParam }) => fetchTwinHistory(who, pageParam, pageSize),
    initialPageParam: newest,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: (old) => old,
    staleTime: 30_000,
  })
  const pages = query.data?.pages
  const changes = useMemo(() => pages?.flatMap((page) => page.changes) ?? [], [pages])
  const past = useMemo(() => pastOf(changes), [changes])
  return (
    <Panel title="History of the twin" flush aside={<span className="quiet">version {twin.version}</span>}>
      {query.error !== null && pages === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {pages === undefined && query.error === null ? <Skeleton rows={4} label="Loading the history" /> : null}
      {pages !== undefined && changes.length === 0 && !query.hasNextPage ? <Empty title="Nothing has changed so far." /> : null}
      {changes.length === 0 ? null : (
        <ol className="events" aria-label="Changes of the twin, newest first">
          {changes.map((change) => (
            <Row
              key={change.offset}
              change={change}
              before={past.get(change.offset)?.before}
              after={past.get(change.offset)?.after}
              twin={twin}
              propose={propose}
            />
          ))}
        </ol>
      )}
      {query.hasNextPage ? (
        <div className="panel-foot">
          <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {query.isFetchingNextPage ? 'Looking…' : 'Look further back'}
          </button>
        </div>
      ) : null}
    </Panel>
  )
}
