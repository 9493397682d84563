import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { fetchJobs } from '../api/jobs.ts'
import type { Job, JobStatus } from '../api/types.ts'
import { count } from '../lib/format.ts'
import { jobStatuses, jobTone, jobWork } from '../lib/jobs.ts'
import { Badge, Empty, PageHead, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Ago } from '../ui/time.tsx'

const refreshMs = 3000

/** How far a job is, as a bar with its numbers. */
export function JobBar({ job }: { readonly job: Job }) {
  const { deviceCount, succeededCount, failedCount, canceledCount, percent } = job.progress
  const failed = failedCount + canceledCount
  return (
    <span className="job-bar">
      <progress value={percent} max={100} aria-label={`Progress of ${job.id}`} />
      <span className="quiet nowrap">
        {count(succeededCount + failed)} of {count(deviceCount)}
        {failed === 0 ? '' : `, ${count(failed)} failed`}
      </span>
    </span>
  )
}

function Row({ job }: { readonly job: Job }) {
  return (
    <tr>
      <th scope="row">
        <Link to="/jobs/$id" params={{ id: job.id }}>
          {job.id}
        </Link>
      </th>
      <td>
        <Badge tone={jobTone(job.status)}>{job.status}</Badge>
      </td>
      <td>{jobWork(job)}</td>
      <td className="wide-only">
        <code>{job.condition}</code>
      </td>
      <td>{job.status === 'scheduled' ? <Ago at={job.startTime} /> : <JobBar job={job} />}</td>
      <td className="nowrap wide-only">
        <Ago at={job.createdAt} />
      </td>
    </tr>
  )
}

/** Work over many devices: what was done in the last 30 days, and what is under way. */
export function JobsPage() {
  const { status } = useSearch({ from: '/app/jobs' })
  const navigate = useNavigate({ from: '/jobs' })
  const [trail, setTrail] = useState<readonly string[]>([])
  const at = trail.at(-1)
  const query = useQuery({
    queryKey: ['jobs', { status, at }],
    queryFn: () => fetchJobs(status, at),
    placeholderData: keepPreviousData,
    refetchInterval: refreshMs,
  })
  const page = query.data
  const choose = (chosen: JobStatus | undefined): void => {
    setTrail([])
    void navigate({ search: chosen === undefined ? {} : { status: chosen }, replace: true })
  }
  return (
    <div className="page">
      <PageHead title="Jobs" lead="A method called, or a twin changed, on every device that a condition finds.">
        <Link to="/new-job" className="button button-main">
          New job
        </Link>
      </PageHead>
      <div className="toolbar">
        <label className="inline-field">
          <span>Status</span>
          <select value={status ?? ''} onChange={(event) => choose(jobStatuses.find((each) => each === event.target.value))}>
            <option value="">any</option>
            {jobStatuses.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
      </div>
      {query.error !== null && page === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {page === undefined && query.error === null ? <Skeleton rows={8} label="Loading jobs" /> : null}
      {page !== undefined && page.jobs.length === 0 ? (
        <Empty title={status === undefined ? 'No job in the last 30 days.' : `No job is ${status}.`}>
          <p>
            <Link to="/new-job">Make one</Link>, and see first how many devices it would reach.
          </p>
        </Empty>
      ) : null}
      {page === undefined || page.jobs.length === 0 ? null : (
        <>
          <div className="table-frame" tabIndex={0} role="region" aria-label="Table of jobs">
            <table className={query.isPlaceholderData ? 'table table-stale' : 'table'}>
              <caption className="hidden">Jobs, newest first</caption>
              <thead>
                <tr>
                  <th scope="col">Job</th>
                  <th scope="col">Status</th>
                  <th scope="col">What</th>
                  <th scope="col" className="wide-only">
                    Condition
                  </th>
                  <th scope="col">Devices</th>
                  <th scope="col" className="wide-only">
                    Made
                  </th>
                </tr>
              </thead>
              <tbody>
                {page.jobs.map((job) => (
                  <Row key={job.id} job={job} />
                ))}
              </tbody>
            </table>
          </div>
          {trail.length === 0 && page.continuation === null ? null : (
            <nav className="pager" aria-label="Pages of jobs">
              <span />
              <span className="actions">
                <button type="button" className="button" disabled={trail.length === 0} onClick={() => setTrail(trail.slice(0, -1))}>
                  Newer
                </button>
                <button
                  type="button"
                  className="button"
                  disabled={page.continuation === null || query.isPlaceholderData}
                  onClick={() => {
                    if (page.continuation !== null) setTrail([...trail, page.continuation])
                  }}
                >
                  Older
                </button>
              </span>
            </nav>
          )}
        </>
      )}
    </div>
  )
}
