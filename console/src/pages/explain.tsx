import { useQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { explain, explainDecision } from '../api/policies.ts'
import { Empty, PageHead, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { DecisionView } from './decision.tsx'
import { ExplainForm } from './explain-form.tsx'

/** Asks the decision engine that also answers devices: may this one do this, and which rule says so. */
export function ExplainPage() {
  const asked = useSearch({ from: '/app/explain' })
  const { decision: denial, offset, action, topic } = asked
  const complete =
    (asked.device !== undefined || asked.username !== undefined) && action !== undefined && (action === 'connect' || topic !== undefined)
  const query = useQuery({
    queryKey: ['explain', asked],
    queryFn: async () => {
      if (denial === undefined) return explain({ ...asked, action: action ?? 'publish' })
      const at = Number(offset)
      const found = await explainDecision(denial, offset === undefined || !Number.isSafeInteger(at) ? undefined : at)
      return found.decision
    },
    enabled: complete || denial !== undefined,
    staleTime: 0,
  })
  return (
    <div className="page page-narrow">
      <PageHead title="Explain" lead="Who may do this? The answer comes from the same engine that answers devices." />
      <ExplainForm
        key={JSON.stringify(asked)}
        asked={asked}
        again={() => {
          if (complete) void query.refetch()
        }}
      />
      <div aria-live="polite" className="gaps">
        {denial === undefined ? null : (
          <p className="quiet">
            What happened at offset {offset ?? 'unknown'} of the journal, judged by the policy in force now.{' '}
            <Link to="/explain">Ask anew</Link>
          </p>
        )}
        {query.isFetching && query.data === undefined ? <Skeleton rows={4} label="Asking" /> : null}
        {query.error === null ? null : <ProblemNote error={query.error} retry={() => void query.refetch()} />}
        {query.data === undefined || query.data === null ? null : <DecisionView decision={query.data} />}
        {query.data === null ? <Empty title="The journal does not keep this denial, or it is older than one look back." /> : null}
        {complete || denial !== undefined ? null : (
          <Empty title="Nothing asked yet.">
            <p>
              The same in a terminal: <code>npx thingwall explain pump-1 publish plant/other/x</code>
            </p>
          </Empty>
        )}
      </div>
    </div>
  )
}
