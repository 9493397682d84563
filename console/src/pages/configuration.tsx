import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { changeConfiguration, deleteConfiguration, fetchConfiguration, fetchTargets } from '../api/configurations.ts'
import { queryClient } from '../api/query-client.ts'
import type { Configuration } from '../api/types.ts'
import { count, dateTime, measure } from '../lib/format.ts'
import { jsonText } from '../lib/json-text.ts'
import { announce } from '../ui/announce.tsx'
import { Confirm, type Question } from '../ui/confirm.tsx'
import { CodeBlock } from '../ui/copy.tsx'
import { Badge, Empty, Facts, PageHead, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Ago } from '../ui/time.tsx'
import { ConfigurationFields, draftOf, patchOf } from './configuration-fields.tsx'
import { WhoLink } from './who-link.tsx'

const refreshMs = 5000
const first: string | undefined = undefined

function Results({ one }: { readonly one: Configuration }) {
  const { results } = one
  if (results === null)
    return (
      <Panel title="Last evaluation">
        <Empty title="It was not evaluated yet." />
      </Panel>
    )
  const metrics = Object.entries(results.metrics)
  return (
    <Panel
      title="Last evaluation"
      aside={
        <span className="quiet">
          <Ago at={results.evaluatedAt} />
        </span>
      }
    >
      <Facts
        pairs={[
          ['Targeted', count(results.targeted)],
          ['Applied', count(results.applied)],
          ['Reported success', count(results.reportedSuccessful)],
          ['Reported failure', count(results.reportedFailed)],
          ...metrics.map(([name, value]) => [name, measure(value)] as const),
        ]}
      />
    </Panel>
  )
}

function Targets({ id }: { readonly id: string }) {
  const query = useInfiniteQuery({
    queryKey: ['configuration-targets', id],
    queryFn: ({ pageParam }) => fetchTargets(id, pageParam),
    initialPageParam: first,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: refreshMs,
  })
  const targets = query.data?.pages.flatMap((page) => page.targets)
  return (
    <Panel title="Targets" flush>
      {query.error !== null && targets === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {targets === undefined && query.error === null ? <Skeleton rows={3} label="Loading targets" /> : null}
      {targets !== undefined && targets.length === 0 ? <Empty title="It is for nobody now." /> : null}
      {targets === undefined || targets.length === 0 ? null : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Targets of the configuration">
          <table className="table">
            <caption className="hidden">Whom the configuration is for</caption>
            <thead>
              <tr>
                <th scope="col">Device</th>
                <th scope="col">Status</th>
              </tr>
            </thead>
            <tbody>
              {targets.map(({ device, status }) => (
                <tr key={device}>
                  <th scope="row">
                    <WhoLink name={device} />
                  </th>
                  <td>{status === 'Applied' ? <Badge tone="ok">applied</Badge> : <Badge tone="quiet">outranked</Badge>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {query.hasNextPage ? (
        <div className="panel-foot">
          <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {query.isFetchingNextPage ? 'Loading…' : 'Show more'}
          </button>
        </div>
      ) : null}
    </Panel>
  )
}

function EditForm({ one }: { readonly one: Configuration }) {
  // The etag is that of the configuration which the fields began with: a change of somebody else in between is refused.
  const [base, setBase] = useState(one)
  const [draft, setDraft] = useState(() => draftOf(one))
  const save = useMutation({
    mutationFn: () => changeConfiguration(base.id, patchOf(draft), base.etag),
    onSuccess: (saved) => {
      setBase(saved)
      setDraft(draftOf(saved))
      queryClient.setQueryData(['configuration', saved.id], saved)
      announce('The configuration is changed.')
    },
  })
  const isPristine = JSON.stringify(patchOf(draft)) === JSON.stringify(patchOf(draftOf(base)))
  return (
    <Panel title="Change">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <ConfigurationFields draft={draft} change={setDraft} />
        {save.error === null ? null : (
          <ProblemNote
            error={save.error}
            retry={() => {
              setBase(one)
              save.reset()
            }}
          />
        )}
        <div className="actions">
          <button type="submit" className="button button-main" disabled={save.isPending || isPristine}>
            {save.isPending ? 'Saving…' : 'Save'}
          </button>
          {save.isSuccess && isPristine ? <Badge tone="ok">saved</Badge> : null}
        </div>
      </form>
    </Panel>
  )
}

/** One configuration: what it sets, on whom, how that goes, and what can be changed. */
export function ConfigurationPage() {
  const { id } = useParams({ from: '/app/configurations/$id' })
  const navigate = useNavigate()
  const [question, setQuestion] = useState<Question | null>(null)
  const query = useQuery({ queryKey: ['configuration', id], queryFn: () => fetchConfiguration(id), refetchInterval: refreshMs })
  const one = query.data
  if (one === undefined)
    return (
      <div className="page">
        <PageHead title={id} lead={<Link to="/configurations">Configurations</Link>} />
        {query.error === null ? (
          <Skeleton rows={8} label="Loading the configuration" />
        ) : (
          <ProblemNote error={query.error} retry={() => void query.refetch()} />
        )}
      </div>
    )
  const remove: Question = {
    title: `Delete ${id}?`,
    body: <p>What it has set is taken back from every twin, unless another configuration sets it.</p>,
    verb: 'Delete',
    typed: id,
    act: async () => {
      await deleteConfiguration(id, one.etag)
      announce(`${id} is deleted.`)
      queryClient.removeQueries({ queryKey: ['configuration', id] })
      await navigate({ to: '/configurations' })
    },
  }
  return (
    <div className="page">
      <PageHead
        title={id}
        lead={
          <>
            <Link to="/configurations">Configurations</Link> · priority {one.priority} · changed {dateTime(one.updatedAt)}
          </>
        }
      >
        <button type="button" className="button" onClick={() => setQuestion(remove)}>
          Delete…
        </button>
      </PageHead>
      <div className="columns columns-2">
        <Results one={one} />
        <Panel title="What it sets" aside={<span className="quiet">never changes</span>}>
          <CodeBlock text={jsonText(one.content)} what="content" />
        </Panel>
      </div>
      <div className="columns columns-2">
        <EditForm key={one.id} one={one} />
        <Targets id={id} />
      </div>
      <Confirm question={question} close={() => setQuestion(null)} />
    </div>
  )
}
