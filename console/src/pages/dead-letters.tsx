import { useInfiniteQuery, useMutation } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { queryClient } from '../api/query-client.ts'
import { dropLetters, fetchDeadLetters, type LetterChoice, openDeadLetter, replayLetters } from '../api/routes.ts'
import type { DeadLetter } from '../api/types.ts'
import { count, plural } from '../lib/format.ts'
import { jsonText } from '../lib/json-text.ts'
import { announce } from '../ui/announce.tsx'
import { Confirm, type Question } from '../ui/confirm.tsx'
import { CodeBlock } from '../ui/copy.tsx'
import { Badge, Empty, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Ago } from '../ui/time.tsx'
import { WhoLink } from './who-link.tsx'

const first: number | undefined = undefined

function Letter({ letter, replay, drop }: { readonly letter: DeadLetter; readonly replay: () => void; readonly drop: () => void }) {
  const open = useMutation({ mutationFn: () => openDeadLetter(letter.id) })
  const isOpen = open.data !== undefined
  return (
    <>
      <tr data-letter={letter.id}>
        <th scope="row">{letter.endpoint}</th>
        <td>{letter.device === '' ? null : <WhoLink name={letter.device} />}</td>
        <td>
          {letter.reason} {letter.replays ? <Badge tone="accent">is tried again</Badge> : null}
        </td>
        <td className="wide-only">{letter.tries}</td>
        <td className="nowrap wide-only">
          <Ago at={letter.putAsideAt} />
        </td>
        <td>
          <span className="actions">
            <button
              type="button"
              className="button button-small button-bare"
              aria-expanded={isOpen}
              aria-label={`${isOpen ? 'Close' : 'Open'} dead letter ${letter.id}`}
              onClick={() => (isOpen ? open.reset() : open.mutate())}
            >
              {isOpen ? 'Close' : 'Open'}
            </button>
            <button type="button" className="button button-small" aria-label={`Replay dead letter ${letter.id}`} onClick={replay}>
              Replay
            </button>
            <button type="button" className="button button-small" aria-label={`Drop dead letter ${letter.id}…`} onClick={drop}>
              Drop…
            </button>
          </span>
        </td>
      </tr>
      {open.error === null && open.data === undefined ? null : (
        <tr>
          <td colSpan={6}>
            {open.error === null ? null : <ProblemNote error={open.error} />}
            {open.data === undefined ? null : <CodeBlock text={jsonText(open.data.event)} what={`event of dead letter ${letter.id}`} />}
          </td>
        </tr>
      )}
    </>
  )
}

/** Events that an endpoint would not take, with the reason: looked into, tried again, thrown away. `total` is how many there are. */
export function DeadLettersPanel({ total }: { readonly total: number }) {
  const [question, setQuestion] = useState<Question | null>(null)
  const query = useInfiniteQuery({
    queryKey: ['dead-letters'],
    queryFn: ({ pageParam }) => fetchDeadLetters(pageParam),
    initialPageParam: first,
    getNextPageParam: (last) => last.next ?? undefined,
  })
  const letters = query.data?.pages.flatMap((page) => page.deadLetters)
  const refresh = (): void => void queryClient.invalidateQueries({ queryKey: ['dead-letters'] })
  // The endpoints are asked often anyway: their count says when this list is old.
  useEffect(refresh, [total])
  const replay = useMutation({
    mutationFn: (which: LetterChoice) => replayLetters(which),
    onSuccess: ({ letters: many }) => {
      announce(`${plural(many, 'dead letter')} will be tried again.`)
      refresh()
    },
  })
  const drop = (which: LetterChoice, what: string): void =>
    setQuestion({
      title: `Drop ${what}?`,
      body: <p>The endpoint never gets them. In the journal they stay as long as it keeps them.</p>,
      verb: 'Drop',
      act: async () => {
        const { letters: many } = await dropLetters(which)
        announce(`${plural(many, 'dead letter')} dropped.`)
        refresh()
      },
    })
  const endpoints = [...new Set(letters?.map(({ endpoint }) => endpoint) ?? [])]
  return (
    <Panel title="Dead letters" flush aside={total === 0 ? undefined : <span className="quiet">{count(total)} in all</span>}>
      {query.error !== null && letters === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {replay.error === null ? null : <ProblemNote error={replay.error} />}
      {letters === undefined && query.error === null ? <Skeleton rows={2} label="Loading dead letters" /> : null}
      {letters !== undefined && letters.length === 0 ? <Empty title="Every event was taken so far." /> : null}
      {letters === undefined || letters.length === 0 ? null : (
        <>
          <div className="table-frame" tabIndex={0} role="region" aria-label="Table of dead letters">
            <table className="table">
              <caption className="hidden">Dead letters, oldest first</caption>
              <thead>
                <tr>
                  <th scope="col">Endpoint</th>
                  <th scope="col">Device</th>
                  <th scope="col">Reason</th>
                  <th scope="col" className="wide-only">
                    Tries
                  </th>
                  <th scope="col" className="wide-only">
                    Put aside
                  </th>
                  <th scope="col">
                    <span className="hidden">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {letters.map((letter) => (
                  <Letter
                    key={letter.id}
                    letter={letter}
                    replay={() => replay.mutate({ id: letter.id })}
                    drop={() => drop({ id: letter.id }, `dead letter ${letter.id}`)}
                  />
                ))}
              </tbody>
            </table>
          </div>
          <div className="panel-foot actions">
            {endpoints.map((endpoint) => (
              <span key={endpoint} className="actions">
                <button type="button" className="button button-small" onClick={() => replay.mutate({ endpoint })}>
                  Replay all of {endpoint}
                </button>
                <button type="button" className="button button-small" onClick={() => drop({ endpoint }, `all of ${endpoint}`)}>
                  Drop all of {endpoint}…
                </button>
              </span>
            ))}
            {query.hasNextPage ? (
              <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {query.isFetchingNextPage ? 'Loading…' : 'Show more'}
              </button>
            ) : null}
          </div>
        </>
      )}
      <Confirm question={question} close={() => setQuestion(null)} />
    </Panel>
  )
}
