import { useMutation, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { fetchChecks, runChecks } from '../api/hub.ts'
import { queryClient } from '../api/query-client.ts'
import type { Control, Verdict } from '../api/types.ts'
import { duration, plural } from '../lib/format.ts'
import { announce } from '../ui/announce.tsx'
import { Badge, Empty, PageHead, ProblemNote, Progress, Skeleton, type Tone } from '../ui/parts.tsx'
import { Ago } from '../ui/time.tsx'
import { ControlBody } from './control.tsx'

const order: readonly Verdict[] = ['fail', 'unknown', 'pass', 'na']
const words: Readonly<Record<Verdict, string>> = { fail: 'fail', unknown: 'unknown', pass: 'pass', na: 'not applicable' }
const tones: Readonly<Record<Verdict, Tone>> = { fail: 'bad', unknown: 'warn', pass: 'ok', na: 'quiet' }
const weights = ['critical', 'high', 'medium', 'low', 'info']

/** Failing first, then what could not be seen; within a verdict the gravest first. */
function byNeed(a: Control, b: Control): number {
  return (
    order.indexOf(a.verdict) - order.indexOf(b.verdict) ||
    weights.indexOf(a.severity) - weights.indexOf(b.severity) ||
    a.control.localeCompare(b.control)
  )
}

function Running() {
  const [seconds, setSeconds] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => setSeconds((old) => old + 1), 1000)
    return () => clearInterval(timer)
  }, [])
  return <Progress label={`Checking the running system, ${seconds} s`} />
}

function ControlRow({ control }: { readonly control: Control }) {
  return (
    <li className={`control control-${control.verdict}`} data-control={control.control}>
      <details>
        <summary>
          <span className="control-verdict">
            <Badge tone={tones[control.verdict]}>{words[control.verdict]}</Badge>
          </span>
          <span className="control-title">
            <b>{control.title}</b>
            <span className="control-reason">{control.reason}</span>
          </span>
          <span className="control-meta">
            <span>{control.severity}</span>
            <code>{control.control}</code>
          </span>
        </summary>
        <ControlBody control={control} />
      </details>
    </li>
  )
}

/** The recommendations as controls: what was checked, what came of it, and the evidence. */
export function ChecksPage() {
  const query = useQuery({ queryKey: ['checks'], queryFn: fetchChecks, refetchInterval: 15_000 })
  const [only, setOnly] = useState<Verdict | ''>('')
  const [wanted, setWanted] = useState('')
  const run = useMutation({
    mutationFn: runChecks,
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['checks'] })
      void queryClient.invalidateQueries({ queryKey: ['hub'] })
      announce('The checks have run.')
    },
  })
  const controls = query.data?.controls ?? []
  const text = wanted.trim().toLowerCase()
  const shown = controls
    .filter(
      (each) =>
        (only === '' || each.verdict === only) &&
        (text === '' ||
          `${each.control} ${each.title} ${each.reason} ${each.recommendation} ${each.serves.join(' ')}`.toLowerCase().includes(text)),
    )
    .toSorted(byNeed)
  const tally = (verdict: Verdict): number => controls.filter((each) => each.verdict === verdict).length
  const ranAt = query.data?.ranAt ?? null
  return (
    <div className="page">
      <PageHead
        title="Checks"
        lead={
          query.data === undefined ? (
            'Asking the hub…'
          ) : ranAt === null ? (
            'Not run yet.'
          ) : (
            <>
              {plural(controls.length, 'control')}, ran <Ago at={ranAt} /> in {duration(query.data.durationMs)}
            </>
          )
        }
      >
        <button type="button" className="button button-main" disabled={run.isPending} onClick={() => run.mutate()}>
          {run.isPending ? 'Running…' : 'Run now'}
        </button>
      </PageHead>
      {run.isPending ? <Running /> : null}
      {run.error === null ? null : <ProblemNote error={run.error} retry={() => run.mutate()} />}
      <div className="toolbar">
        <fieldset className="switch">
          <legend className="hidden">Verdict</legend>
          {(['', ...order] as const).map((verdict) => (
            <label key={verdict} className="switch-option">
              <input type="radio" name="verdict" checked={only === verdict} onChange={() => setOnly(verdict)} />
              <span>{verdict === '' ? `all ${controls.length}` : `${words[verdict]} ${tally(verdict)}`}</span>
            </label>
          ))}
        </fieldset>
        <label className="inline-field grow">
          <span>Search</span>
          <input
            type="search"
            data-search=""
            value={wanted}
            placeholder="control, clause or word"
            onChange={(event) => setWanted(event.target.value)}
          />
        </label>
      </div>
      {query.error !== null && query.data === undefined ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {query.data === undefined && query.error === null ? <Skeleton rows={10} label="Loading checks" /> : null}
      {query.data !== undefined && shown.length === 0 ? (
        controls.length === 0 ? (
          <Empty title="The checks have not run yet.">
            <p>
              Run them here, or type <code>npx thingwall check</code>
            </p>
          </Empty>
        ) : (
          <Empty title="No control matches." />
        )
      ) : (
        <ul className="controls" aria-label="Controls, failing first">
          {shown.map((control) => (
            <ControlRow key={control.control} control={control} />
          ))}
        </ul>
      )}
    </div>
  )
}
