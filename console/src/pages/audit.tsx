import { useInfiniteQuery } from '@tanstack/react-query'
import { Fragment, useState } from 'react'
import { fetchAudit } from '../api/hub.ts'
import type { AuditRecord } from '../api/types.ts'
import { fieldText } from '../lib/facts.ts'
import { dateTime, plural } from '../lib/format.ts'
import { Badge, Empty, Facts, PageHead, ProblemNote, Skeleton } from '../ui/parts.tsx'

const pageSize = 100

function Row({ record }: { readonly record: AuditRecord }) {
  const [open, setOpen] = useState(false)
  return (
    <Fragment>
      <tr>
        <td>{record.sequence}</td>
        <td className="nowrap">{dateTime(record.time)}</td>
        <td>{record.actor}</td>
        <td className="nowrap">{record.action}</td>
        <td>
          <code>{record.resource}</code>
        </td>
        <td>
          {record.outcome === 'done' || record.outcome === 'ok' || record.outcome === 'allowed' ? (
            <span className="quiet">{record.outcome}</span>
          ) : (
            <Badge tone="warn">{record.outcome}</Badge>
          )}
        </td>
        <td>
          <button
            type="button"
            className="button button-small button-bare"
            aria-expanded={open}
            aria-label={`${open ? 'Less' : 'More'} about record ${record.sequence}`}
            onClick={() => setOpen(!open)}
          >
            {open ? 'Less' : 'More'}
          </button>
        </td>
      </tr>
      {open ? (
        <tr>
          <td colSpan={7}>
            <Facts
              pairs={[
                [
                  'Detail',
                  <code key="detail">{record.detail === null || record.detail === undefined ? 'none' : fieldText(record.detail)}</code>,
                ],
                [
                  'Hash',
                  <code key="hash" className="wrap-code">
                    {record.hash}
                  </code>,
                ],
                [
                  'Previous hash',
                  <code key="previous" className="wrap-code">
                    {record.previousHash}
                  </code>,
                ],
              ]}
            />
          </td>
        </tr>
      ) : null}
    </Fragment>
  )
}

/** Who changed what: the hash-chained log, and whether the chain holds. */
export function AuditPage() {
  const query = useInfiniteQuery({
    queryKey: ['audit'],
    queryFn: ({ pageParam }) => fetchAudit(pageParam, pageSize),
    // From the end: what happened last is what one looks for first.
    initialPageParam: 0,
    getNextPageParam: (last) => last.next ?? undefined,
  })
  const pages = query.data?.pages
  const records = pages?.flatMap((page) => page.records) ?? []
  const verified = pages?.[0]?.verified
  const broken = pages?.[0]?.broken
  return (
    <div className="page">
      <PageHead title="Audit" lead="Every change, by whom, in a chain in which no record can be altered, removed or reordered unseen.">
        {verified === undefined ? null : <Badge tone={verified ? 'ok' : 'bad'}>{verified ? 'Chain verified' : 'Chain broken'}</Badge>}
      </PageHead>
      {verified === false ? (
        <div className="problem" role="alert">
          <p className="problem-title">A record does not follow from the one before it.</p>
          <p>
            Someone changed the log outside of the hub
            {broken === undefined ? '' : `: record ${broken.sequence}, ${broken.reason}`}. Compare it with a backup.
          </p>
        </div>
      ) : null}
      {query.error !== null && pages === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {pages === undefined && query.error === null ? <Skeleton rows={12} label="Loading the audit log" /> : null}
      {pages !== undefined && records.length === 0 ? <Empty title="No record yet." /> : null}
      {records.length === 0 ? null : (
        <>
          <div className="table-frame" tabIndex={0} role="region" aria-label="Audit log">
            <table className="table">
              <caption className="hidden">Audit records</caption>
              <thead>
                <tr>
                  <th scope="col">No.</th>
                  <th scope="col">Time</th>
                  <th scope="col">Actor</th>
                  <th scope="col">Action</th>
                  <th scope="col">Resource</th>
                  <th scope="col">Outcome</th>
                  <th scope="col">
                    <span className="hidden">Details</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {records.map((record) => (
                  <Row key={record.sequence} record={record} />
                ))}
              </tbody>
            </table>
          </div>
          <div className="pager">
            <span className="quiet">{plural(records.length, 'record')} shown</span>
            {query.hasNextPage ? (
              <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                Show more
              </button>
            ) : null}
          </div>
        </>
      )}
    </div>
  )
}
