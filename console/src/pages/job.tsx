import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { cancelJob, fetchJob, fetchJobDevices, useJob } from '../api/jobs.ts'
import { queryClient } from '../api/query-client.ts'
import type { DeviceJob, DeviceJobStatus, Job } from '../api/types.ts'
import { count, dateTime, duration, toMs } from '../lib/format.ts'
import { deviceJobStatuses, jobTone, jobWork } from '../lib/jobs.ts'
import { jsonText } from '../lib/json-text.ts'
import { announce } from '../ui/announce.tsx'
import { Confirm, type Question } from '../ui/confirm.tsx'
import { CodeBlock } from '../ui/copy.tsx'
import { Badge, Empty, Facts, PageHead, Panel, ProblemNote, Progress, Skeleton } from '../ui/parts.tsx'
import { Ago } from '../ui/time.tsx'
import { WhoLink } from './who-link.tsx'

const refreshMs = 2000
const first: string | undefined = undefined

function outcome({ answer, error }: DeviceJob) {
  if (error !== null)
    return (
      <>
        {error.description} <code>{error.code}</code>
      </>
    )
  if (answer === null) return null
  return (
    <>
      status {answer.status}
      {answer.payload === null || answer.payload === undefined ? null : (
        <code className="clip" title={JSON.stringify(answer.payload)}>
          {JSON.stringify(answer.payload)}
        </code>
      )}
    </>
  )
}

function took({ startedAt, endedAt }: DeviceJob): string {
  return startedAt === null || endedAt === null ? '' : duration(toMs(endedAt) - toMs(startedAt))
}

function Devices({ job }: { readonly job: Job }) {
  const [status, setStatus] = useState<DeviceJobStatus | undefined>()
  const isOver = job.endedAt !== null
  const query = useInfiniteQuery({
    queryKey: ['job-devices', job.id, status],
    queryFn: ({ pageParam }) => fetchJobDevices(job.id, status, pageParam),
    initialPageParam: first,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: (old) => old,
    refetchInterval: isOver ? false : refreshMs,
  })
  // What the last device did is asked for once more.
  useEffect(() => {
    if (isOver) void queryClient.invalidateQueries({ queryKey: ['job-devices', job.id] })
  }, [isOver, job.id])
  const rows = query.data?.pages.flatMap((page) => page.devices)
  return (
    <Panel
      title="Devices"
      flush
      aside={
        <label className="inline-field">
          <span>Status</span>
          <select value={status ?? ''} onChange={(event) => setStatus(deviceJobStatuses.find((each) => each === event.target.value))}>
            <option value="">any</option>
            {deviceJobStatuses.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
      }
    >
      {query.error !== null && rows === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {rows === undefined && query.error === null ? <Skeleton rows={4} label="Loading devices" /> : null}
      {rows !== undefined && rows.length === 0 ? (
        <Empty
          title={status === undefined ? 'No device: the job has not begun, or its condition found none.' : `No device is ${status}.`}
        />
      ) : null}
      {rows === undefined || rows.length === 0 ? null : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Devices of the job">
          <table className="table">
            <caption className="hidden">What the job did to each device</caption>
            <thead>
              <tr>
                <th scope="col">Device</th>
                <th scope="col">Status</th>
                <th scope="col">What came of it</th>
                <th scope="col" className="wide-only">
                  Took
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.device}>
                  <th scope="row">
                    <WhoLink name={row.device} />
                  </th>
                  <td>
                    <Badge tone={jobTone(row.status)}>{row.status}</Badge>
                  </td>
                  <td>{outcome(row)}</td>
                  <td className="wide-only nowrap">{took(row)}</td>
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

/** One job: how far it is as it goes, what it did to each device, and the way to end it. */
export function JobPage() {
  const { id } = useParams({ from: '/app/jobs/$id' })
  const [question, setQuestion] = useState<Question | null>(null)
  const query = useQuery({ queryKey: ['job', id], queryFn: () => fetchJob(id) })
  const live = useJob(id)
  const job = live ?? query.data
  if (job === undefined)
    return (
      <div className="page">
        <PageHead title={id} lead={<Link to="/jobs">Jobs</Link>} />
        {query.error === null ? (
          <Skeleton rows={8} label="Loading the job" />
        ) : (
          <ProblemNote error={query.error} retry={() => void query.refetch()} />
        )}
      </div>
    )
  const { progress } = job
  const ended = progress.succeededCount + progress.failedCount + progress.canceledCount
  const cancel: Question = {
    title: `Cancel ${id}?`,
    body: <p>What is under way at a device is let run. What waits is not begun, and nothing is taken back.</p>,
    verb: 'Cancel the job',
    act: async () => {
      await cancelJob(id)
      announce(`${id} is cancelled.`)
      await queryClient.invalidateQueries({ queryKey: ['job', id] })
    },
  }
  return (
    <div className="page" data-job={job.status}>
      <PageHead
        title={id}
        lead={
          <>
            <Link to="/jobs">Jobs</Link> · <Badge tone={jobTone(job.status)}>{job.status}</Badge> · {jobWork(job)}
          </>
        }
      >
        <button type="button" className="button button-danger" disabled={job.endedAt !== null} onClick={() => setQuestion(cancel)}>
          Cancel…
        </button>
      </PageHead>
      {job.failureReason === null ? null : (
        <div className="problem" role="alert">
          <p className="problem-title">{job.failureReason}</p>
        </div>
      )}
      <div className="columns columns-2">
        <Panel title="Progress">
          <Progress label="Devices done" done={ended} of={progress.deviceCount} />
          <Facts
            pairs={[
              ['Succeeded', count(progress.succeededCount)],
              [
                'Failed',
                <span key="failed" className={progress.failedCount > 0 ? 'ink-bad' : ''}>
                  {count(progress.failedCount)}
                </span>,
              ],
              ['Cancelled', count(progress.canceledCount)],
              ['Running', count(progress.runningCount)],
              ['Waiting', count(progress.pendingCount)],
            ]}
          />
        </Panel>
        <Panel title="Job">
          <Facts
            pairs={[
              ['Condition', <code key="condition">{job.condition}</code>],
              ['Made', `${dateTime(job.createdAt)} by ${job.createdBy}`],
              ['Starts', <Ago key="start" at={job.startTime} />],
              ['At most', duration(job.maxExecutionSeconds * 1000)],
              ...(job.endedAt === null ? [] : [['Ended', dateTime(job.endedAt)] as const]),
            ]}
          />
          <CodeBlock text={jsonText(job.method ?? job.twin ?? {})} what={job.method === undefined ? 'twin patch' : 'method'} />
        </Panel>
      </div>
      <Devices job={job} />
      <Confirm question={question} close={() => setQuestion(null)} />
    </div>
  )
}
