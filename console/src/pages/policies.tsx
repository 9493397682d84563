import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { fetchPolicies, testPolicies } from '../api/policies.ts'
import type { PolicyRow } from '../api/types.ts'
import { plural } from '../lib/format.ts'
import { Badge, Empty, PageHead, Panel, ProblemNote, Skeleton, type Tone } from '../ui/parts.tsx'
import { Ago } from '../ui/time.tsx'
import { HistoryPanel } from './policy-history.tsx'
import { TestsView } from './policy-tests.tsx'
import { UnusedPanel } from './policy-unused.tsx'

const refreshMs = 10_000
const tones: Readonly<Record<PolicyRow['origin'], Tone>> = { 'built-in': 'quiet', applied: 'accent', broken: 'bad' }

/** Where a document comes from, as a badge. */
export function Origin({ origin }: { readonly origin: PolicyRow['origin'] }) {
  return <Badge tone={tones[origin]}>{origin}</Badge>
}

function Row({ row }: { readonly row: PolicyRow }) {
  return (
    <tr>
      <th scope="row">
        <Link to="/policies/$name" params={{ name: row.name }}>
          {row.name}
        </Link>
        {row.trouble === null ? null : <p className="ink-bad">Allows nothing: {row.trouble}</p>}
      </th>
      <td>
        <Origin origin={row.origin} />
      </td>
      <td>{row.kind === 'PolicyTests' ? <span className="quiet">only tests</span> : row.rules}</td>
      <td>{row.tests}</td>
      <td className="wide-only">{row.appliedAt === null ? <span className="quiet">with the hub</span> : <Ago at={row.appliedAt} />}</td>
      <td className="wide-only">{row.actor ?? ''}</td>
    </tr>
  )
}

function TestsPanel() {
  const run = useMutation({ mutationFn: () => testPolicies(undefined) })
  return (
    <Panel
      title="Tests"
      aside={
        <button type="button" className="button button-small" disabled={run.isPending} onClick={() => run.mutate()}>
          {run.isPending ? 'Running…' : 'Run all tests'}
        </button>
      }
    >
      <div aria-live="polite">
        {run.error === null ? null : <ProblemNote error={run.error} retry={() => run.mutate()} />}
        {run.data === undefined ? (
          <p className="quiet">They run before every change, and one that fails stops it.</p>
        ) : (
          <TestsView results={run.data} />
        )}
      </div>
    </Panel>
  )
}

/** The documents that say who may do what, their tests, their past, and what of them nobody uses. */
export function PoliciesPage() {
  const query = useQuery({ queryKey: ['policies'], queryFn: fetchPolicies, refetchInterval: refreshMs })
  const list = query.data
  return (
    <div className="page">
      <PageHead
        title="Policies"
        lead={
          list === undefined
            ? 'Asking the hub…'
            : `${plural(list.policies.length, 'document')}, version ${list.version}. What no rule allows is denied.`
        }
      >
        <Link to="/edit-policy" className="button button-main">
          New document
        </Link>
      </PageHead>
      {list === undefined || list.health.length === 0 ? null : (
        <div className="problem" role="alert">
          <p className="problem-title">The policies are not well.</p>
          {list.health.map((reason) => (
            <p key={reason}>{reason}</p>
          ))}
          <p>Apply the documents again.</p>
        </div>
      )}
      {query.error !== null && list === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {list === undefined && query.error === null ? <Skeleton rows={4} label="Loading policies" /> : null}
      {list !== undefined && list.policies.length === 0 ? <Empty title="No document is in force: everything is denied." /> : null}
      {list === undefined || list.policies.length === 0 ? null : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Policy documents">
          <table className="table">
            <caption className="hidden">Policy documents in force</caption>
            <thead>
              <tr>
                <th scope="col">Document</th>
                <th scope="col">Origin</th>
                <th scope="col">Rules</th>
                <th scope="col">Tests</th>
                <th scope="col" className="wide-only">
                  Applied
                </th>
                <th scope="col" className="wide-only">
                  By
                </th>
              </tr>
            </thead>
            <tbody>
              {list.policies.map((row) => (
                <Row key={row.name} row={row} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <div className="columns columns-2">
        <TestsPanel />
        <UnusedPanel />
      </div>
      <HistoryPanel />
    </div>
  )
}
