import { useQuery } from '@tanstack/react-query'
import { hubQuery } from '../api/query-client.ts'
import { bytes, count, dateTime, fingerprint, milliseconds } from '../lib/format.ts'
import { CodeBlock, CopyValue } from '../ui/copy.tsx'
import { Facts, PageHead, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Ago } from '../ui/time.tsx'

/** What this hub is: its root, its open sockets with their reasons, its journal, its release. */
export function AboutPage() {
  const query = useQuery(hubQuery)
  const hub = query.data
  if (hub === undefined)
    return (
      <div className="page">
        <PageHead title="About this hub" />
        {query.error === null ? (
          <Skeleton rows={8} label="Loading" />
        ) : (
          <ProblemNote error={query.error} retry={() => void query.refetch()} />
        )}
      </div>
    )
  const { journal } = hub
  return (
    <div className="page">
      <PageHead title="About this hub" lead={`${hub.name}, Thingwall ${hub.version}`} />
      <div className="columns columns-2">
        <Panel title="Root of trust">
          <Facts
            pairs={[
              ['SHA-256', <CopyValue key="print" text={fingerprint(hub.rootFingerprint)} what="root fingerprint" />],
              [
                'Certificate',
                <a key="root" href="/root.pem" download="root.pem">
                  root.pem
                </a>,
              ],
            ]}
          />
          <p className="quiet">
            Compare the fingerprint with what npm start printed before you trust the certificate. How to trust it on each system:
          </p>
          <CodeBlock text="npx thingwall trust" what="trust command" />
        </Panel>
        <Panel title="Hub">
          <Facts
            pairs={[
              ['Names', hub.hostNames.join(', ')],
              [
                'Started',
                <span key="started">
                  <Ago at={hub.startedAt} />, {dateTime(hub.startedAt)}
                </span>,
              ],
              ['Memory', bytes(hub.memory.rss)],
              ['Devices', count(hub.devices)],
              ['Connections', count(hub.connections)],
            ]}
          />
        </Panel>
        <Panel title="Open sockets" flush>
          <div className="table-frame" tabIndex={0} role="region" aria-label="Table of open sockets">
            <table className="table">
              <caption className="hidden">Every open socket and why it is open</caption>
              <thead>
                <tr>
                  <th scope="col">Address</th>
                  <th scope="col">Protocol</th>
                  <th scope="col">Why it is open</th>
                </tr>
              </thead>
              <tbody>
                {hub.listeners.map((listener) => (
                  <tr key={`${listener.host}:${listener.port}`}>
                    <th scope="row">
                      <code className="nowrap">
                        {listener.host}:{listener.port}
                      </code>
                    </th>
                    <td>{listener.protocol}</td>
                    <td>{listener.reason}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
        <Panel title="Journal">
          <Facts
            pairs={[
              ['State', journal.state],
              ['Records', `${count(journal.start)} to ${count(journal.end)}`],
              ['Durable up to', count(journal.durableEnd)],
              ['Size', `${bytes(journal.bytes)} in ${count(journal.segments)} segments`],
              ['Flush', `median ${milliseconds(journal.flush.p50Ms)} ms, 99th percentile ${milliseconds(journal.flush.p99Ms)} ms`],
            ]}
          />
        </Panel>
      </div>
    </div>
  )
}
