import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { fetchPolicyVersions } from '../api/policies.ts'
import { keepDraft } from '../lib/drafts.ts'
import { dateTime } from '../lib/format.ts'
import { Empty, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'

const shown = 20

/** What was applied and taken out lately. An older text opens in the editor, to be planned and applied like any other. */
export function HistoryPanel() {
  const query = useQuery({ queryKey: ['policies', 'versions'], queryFn: () => fetchPolicyVersions(shown) })
  const navigate = useNavigate()
  const open = (name: string, text: string): void => {
    keepDraft(name, text)
    void navigate({ to: '/edit-policy', search: { name } })
  }
  const versions = query.data?.versions
  return (
    <Panel title="Changes" flush>
      {query.error !== null && versions === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {versions === undefined && query.error === null ? <Skeleton rows={3} label="Loading changes" /> : null}
      {versions !== undefined && versions.length === 0 ? <Empty title="Nothing was applied so far." /> : null}
      {versions === undefined || versions.length === 0 ? null : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Changes of policy">
          <table className="table">
            <caption className="hidden">Changes of policy, newest first</caption>
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Document</th>
                <th scope="col">What</th>
                <th scope="col">When</th>
                <th scope="col" className="wide-only">
                  By
                </th>
                <th scope="col">
                  <span className="hidden">Text</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {versions.map(({ version, name, text, appliedAt, actor }) => (
                <tr key={`${version} ${name}`}>
                  <td>{version}</td>
                  <th scope="row">{name}</th>
                  <td>{text === null ? 'removed' : 'applied'}</td>
                  <td className="nowrap">{dateTime(appliedAt)}</td>
                  <td className="wide-only">{actor}</td>
                  <td>
                    {text === null ? null : (
                      <button
                        type="button"
                        className="button button-small"
                        aria-label={`Open ${name} as of version ${version} in the editor`}
                        onClick={() => open(name, text)}
                      >
                        Open
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  )
}
