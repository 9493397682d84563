import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { fetchConfigurations } from '../api/configurations.ts'
import type { Configuration } from '../api/types.ts'
import { count } from '../lib/format.ts'
import { Empty, PageHead, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Ago } from '../ui/time.tsx'

const refreshMs = 5000

function Row({ one }: { readonly one: Configuration }) {
  const { results } = one
  return (
    <tr>
      <th scope="row">
        <Link to="/configurations/$id" params={{ id: one.id }}>
          {one.id}
        </Link>
      </th>
      <td>{one.priority}</td>
      <td>{results === null ? <span className="quiet">not yet</span> : `${count(results.applied)} of ${count(results.targeted)}`}</td>
      <td className="wide-only">
        <code>{one.targetCondition === '' ? 'nobody' : one.targetCondition}</code>
      </td>
      <td className="nowrap wide-only">
        <Ago at={one.updatedAt} />
      </td>
    </tr>
  )
}

/** Automatic device management: what is set on every device that a condition is true of, now and later. */
export function ConfigurationsPage() {
  const query = useQuery({ queryKey: ['configurations'], queryFn: fetchConfigurations, refetchInterval: refreshMs })
  const all = query.data?.configurations
  return (
    <div className="page">
      <PageHead
        title="Configurations"
        lead="Desired properties for every device that a condition is true of, as long as it is. Of two, the higher priority wins."
      >
        <Link to="/new-configuration" className="button button-main">
          New configuration
        </Link>
      </PageHead>
      {query.error !== null && all === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {all === undefined && query.error === null ? <Skeleton rows={6} label="Loading configurations" /> : null}
      {all !== undefined && all.length === 0 ? <Empty title="No configuration yet." /> : null}
      {all === undefined || all.length === 0 ? null : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Table of configurations">
          <table className="table">
            <caption className="hidden">Configurations by id</caption>
            <thead>
              <tr>
                <th scope="col">Configuration</th>
                <th scope="col">Priority</th>
                <th scope="col">Applied</th>
                <th scope="col" className="wide-only">
                  Target condition
                </th>
                <th scope="col" className="wide-only">
                  Changed
                </th>
              </tr>
            </thead>
            <tbody>
              {all.map((one) => (
                <Row key={one.id} one={one} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  )
}
