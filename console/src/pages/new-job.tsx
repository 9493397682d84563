import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { createJob } from '../api/jobs.ts'
import { countMatching } from '../api/query.ts'
import { toProblem } from '../api/problem.ts'
import type { JobInput } from '../api/types.ts'
import { plural } from '../lib/format.ts'
import { readJson } from '../lib/json-text.ts'
import { readTwinText } from '../lib/twin-edit.ts'
import { announce } from '../ui/announce.tsx'
import { Badge, PageHead, Panel, ProblemNote } from '../ui/parts.tsx'

const settleMs = 400
const firstPatch = '{\n  "desired": {\n    "interval": 10\n  }\n}'

/** How many the condition is true of now; it is asked again by the job when that starts. */
function Preview({ condition }: { readonly condition: string }) {
  const [settled, setSettled] = useState(condition)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(condition), settleMs)
    return () => clearTimeout(timer)
  }, [condition])
  const query = useQuery({
    queryKey: ['count', settled],
    queryFn: () => countMatching(settled),
    enabled: settled.trim() !== '',
    retry: false,
    staleTime: 0,
  })
  const isModules = /^from\s+devices\.modules\b/i.test(settled.trim())
  if (settled.trim() === '') return <p className="quiet">A job without a condition reaches nobody; * is every device.</p>
  if (query.error !== null) return <p className="ink-bad">{toProblem(query.error).message}</p>
  if (query.data === undefined) return <p className="quiet">Counting…</p>
  return (
    <p data-count={query.data}>
      <Badge tone={query.data === 0 ? 'warn' : 'accent'}>{plural(query.data, isModules ? 'module' : 'device')}</Badge>{' '}
      <span className="quiet">match now. The job asks again when it starts.</span>
    </p>
  )
}

/** Makes a job, after it has said whom it would reach. */
export function NewJobPage() {
  const search = useSearch({ from: '/app/new-job' })
  const navigate = useNavigate()
  const [condition, setCondition] = useState(search.condition ?? '')
  const [id, setId] = useState('')
  const [kind, setKind] = useState<'twin' | 'method'>('twin')
  const [patch, setPatch] = useState(firstPatch)
  const [method, setMethod] = useState('')
  const [payload, setPayload] = useState('')
  const [timeout, setTimeout_] = useState('30')
  const [start, setStart] = useState('')
  const [longest, setLongest] = useState('60')
  const readPatch = readTwinText(patch)
  const readPayload = payload.trim() === '' ? undefined : readJson(payload)
  const make = useMutation({
    mutationFn: (body: JobInput) => createJob(body),
    onSuccess: (job) => {
      announce(`The job ${job.id} is made.`)
      void navigate({ to: '/jobs/$id', params: { id: job.id } })
    },
  })
  const wrong = kind === 'twin' ? readPatch.kind === 'wrong' : readPayload?.kind === 'wrong'
  const work = (): Pick<JobInput, 'method' | 'twin'> => {
    if (kind === 'method')
      return {
        method: {
          name: method.trim(),
          responseTimeoutSeconds: Number(timeout),
          ...(readPayload?.kind === 'value' ? { payload: readPayload.value } : {}),
        },
      }
    if (readPatch.kind === 'wrong') return {}
    const { tags, desired } = readPatch.value
    return { twin: { ...(Object.keys(tags).length === 0 ? {} : { tags }), ...(Object.keys(desired).length === 0 ? {} : { desired }) } }
  }
  return (
    <div className="page page-narrow">
      <PageHead title="New job" lead={<Link to="/jobs">Jobs</Link>} />
      <Panel title="Job">
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault()
            if (wrong) return
            make.mutate({
              condition: condition.trim(),
              ...work(),
              ...(id.trim() === '' ? {} : { id: id.trim() }),
              ...(start === '' ? {} : { startTime: new Date(start).toISOString() }),
              maxExecutionSeconds: Math.round(Number(longest) * 60),
            })
          }}
        >
          <label className="field">
            <span>Condition</span>
            <textarea
              rows={3}
              required
              value={condition}
              spellCheck={false}
              placeholder="tags.site = 'north'"
              onChange={(event) => setCondition(event.target.value)}
            />
          </label>
          <div aria-live="polite">
            <Preview condition={condition} />
          </div>
          <fieldset className="switch switch-start">
            <legend className="hidden">What it does</legend>
            {(['twin', 'method'] as const).map((value) => (
              <label key={value} className="switch-option">
                <input type="radio" name="kind" checked={kind === value} onChange={() => setKind(value)} />
                <span>{value === 'twin' ? 'Change twins' : 'Call a method'}</span>
              </label>
            ))}
          </fieldset>
          {kind === 'twin' ? (
            <label className="field">
              <span>Merge patch of tags and desired properties</span>
              <textarea
                rows={8}
                value={patch}
                spellCheck={false}
                aria-invalid={readPatch.kind === 'wrong'}
                onChange={(event) => setPatch(event.target.value)}
              />
              {readPatch.kind === 'wrong' ? (
                <span className="hint hint-bad">{readPatch.message}</span>
              ) : (
                <span className="hint">What is null is deleted; what is not named stays.</span>
              )}
            </label>
          ) : (
            <>
              <div className="field-row">
                <label className="field">
                  <span>Method</span>
                  <input value={method} required maxLength={100} spellCheck={false} onChange={(event) => setMethod(event.target.value)} />
                </label>
                <label className="field">
                  <span>Seconds to answer</span>
                  <input type="number" min={5} max={300} required value={timeout} onChange={(event) => setTimeout_(event.target.value)} />
                </label>
              </div>
              <label className="field">
                <span>
                  Payload <span className="optional">JSON, optional</span>
                </span>
                <textarea
                  rows={4}
                  value={payload}
                  spellCheck={false}
                  aria-invalid={readPayload?.kind === 'wrong'}
                  onChange={(event) => setPayload(event.target.value)}
                />
                {readPayload?.kind === 'wrong' ? <span className="hint hint-bad">{readPayload.message}</span> : null}
              </label>
            </>
          )}
          <div className="field-row">
            <label className="field">
              <span>
                Job id <span className="optional">optional</span>
              </span>
              <input value={id} maxLength={64} spellCheck={false} autoComplete="off" onChange={(event) => setId(event.target.value)} />
            </label>
            <label className="field">
              <span>
                Starts <span className="optional">now if empty</span>
              </span>
              <input type="datetime-local" value={start} onChange={(event) => setStart(event.target.value)} />
            </label>
            <label className="field">
              <span>Minutes at most</span>
              <input type="number" min={1} max={525600} required value={longest} onChange={(event) => setLongest(event.target.value)} />
            </label>
          </div>
          {make.error === null ? null : <ProblemNote error={make.error} />}
          <div className="actions">
            <button type="submit" className="button button-main" disabled={make.isPending || wrong}>
              {make.isPending ? 'Making…' : 'Make the job'}
            </button>
          </div>
        </form>
      </Panel>
    </div>
  )
}
