import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useId, useRef } from 'react'
import { applyPolicies, planPolicies } from '../api/policies.ts'
import { useVerdict, type Verdict } from '../api/policy-check.ts'
import type { Mistake } from '../api/problem.ts'
import { queryClient } from '../api/query-client.ts'
import { plural } from '../lib/format.ts'
import { announce } from '../ui/announce.tsx'
import { Editor, type EditorHandle } from '../ui/editor.tsx'
import { Badge, Panel, ProblemNote } from '../ui/parts.tsx'
import { appliedText, isHarsh, PlanView } from './policy-plan.tsx'
import { passText, TestsView } from './policy-tests.tsx'

/** The hub takes no longer text. */
const maxLength = 1024 * 1024
const mistakesShown = 50

function Mistakes({ mistakes, goTo }: { readonly mistakes: readonly Mistake[]; readonly goTo: (line: number) => void }) {
  return (
    <ul className="mistakes">
      {mistakes.slice(0, mistakesShown).map(({ line, path, code, message }, n) => {
        const inside = (
          <>
            <span className="mistake-line">{line === undefined ? 'Document' : `Line ${line}`}</span>
            <span>
              {message} <span className="quiet">{[path, code].filter((part) => part !== undefined && part !== '').join(' · ')}</span>
            </span>
          </>
        )
        return (
          <li key={n}>
            {line === undefined ? (
              <div className="mistake">{inside}</div>
            ) : (
              <button type="button" className="mistake" onClick={() => goTo(line)}>
                {inside}
              </button>
            )}
          </li>
        )
      })}
      {mistakes.length > mistakesShown ? <li className="quiet">and {mistakes.length - mistakesShown} more</li> : null}
    </ul>
  )
}

function VerdictView({ verdict, goTo }: { readonly verdict: Verdict; readonly goTo: (line: number) => void }) {
  if (verdict.kind === 'empty') return <p className="quiet">There is no document in the text.</p>
  if (verdict.kind === 'looking') return <p className="quiet">Looking at the text…</p>
  if (verdict.kind === 'wrong')
    return (
      <>
        <p className="ink-bad">{plural(verdict.mistakes.length, 'mistake')}</p>
        <Mistakes mistakes={verdict.mistakes} goTo={goTo} />
      </>
    )
  const { tests } = verdict
  if (tests.failed > 0) return <TestsView results={tests} />
  return (
    <p>
      <Badge tone="ok">well formed</Badge>{' '}
      <span className="quiet">{tests.passed === 0 ? 'No document has tests.' : `${passText(tests.passed, true)}.`}</span>
    </p>
  )
}

/** The editor of policy documents. `undo`, when there is something to undo, brings the stored text back; `applied` hears of success. */
export function PolicyEditor({
  text,
  change,
  undo,
  applied,
}: {
  readonly text: string
  readonly change: (text: string) => void
  readonly undo?: () => void
  readonly applied: () => void
}) {
  const editor = useRef<EditorHandle>(null)
  const status = useId()
  const verdict = useVerdict(text)
  const plan = useMutation({ mutationFn: async (planned: string) => ({ planned, plan: await planPolicies({ text: planned }) }) })
  const planned = useRef<HTMLDivElement>(null)
  // The plan stands below the text, often below what is seen.
  useEffect(() => {
    if (plan.data === undefined) return
    planned.current?.scrollIntoView({ block: 'nearest' })
    announce('The plan is made. Nothing is changed yet.')
  }, [plan.data])
  const apply = useMutation({
    mutationFn: ({ planned, from }: { readonly planned: string; readonly from: number }) => applyPolicies(planned, from),
    onSuccess: (receipt) => {
      applied()
      plan.reset()
      announce(appliedText(receipt))
      void queryClient.invalidateQueries({ queryKey: ['policies'] })
    },
  })
  const marks = verdict.kind === 'wrong' ? [...new Set(verdict.mistakes.flatMap(({ line }) => line ?? []))] : []
  const stale = plan.data !== undefined && plan.data.planned !== text
  const current = plan.data === undefined || stale ? undefined : plan.data.plan
  const may = current !== undefined && current.tests.failed === 0 && current.documents.length > 0
  return (
    <>
      <Panel title="Text" aside={<span className="quiet">YAML or JSON; several documents with --- between them</span>}>
        <Editor
          ref={editor}
          label="Text of the policy document"
          text={text}
          marks={marks}
          described={status}
          maxLength={maxLength}
          change={(next) => {
            apply.reset()
            change(next)
          }}
        />
        <div id={status} aria-live="polite" className="gaps" data-check={verdict.kind}>
          <VerdictView verdict={verdict} goTo={(line) => editor.current?.goTo(line)} />
        </div>
        <div className="actions">
          <button
            type="button"
            className={may ? 'button' : 'button button-main'}
            disabled={plan.isPending || text.trim() === ''}
            onClick={() => plan.mutate(text)}
          >
            {plan.isPending ? 'Planning…' : 'Plan'}
          </button>
          {undo === undefined ? null : (
            <button type="button" className="button" onClick={undo}>
              Undo all
            </button>
          )}
        </div>
      </Panel>
      {plan.error === null ? null : <ProblemNote error={plan.error} />}
      {plan.data === undefined ? null : (
        <div ref={planned}>
          <Panel title="Plan" aside={<span className="quiet">against version {plan.data.plan.from}</span>}>
            {stale ? <p className="warning">The text has changed since. Plan again.</p> : null}
            <PlanView plan={plan.data.plan} tests={false} />
            {apply.error === null ? null : (
              <ProblemNote error={apply.error} retry={() => plan.mutate(text, { onSuccess: () => apply.reset() })} />
            )}
            <div className="actions">
              <button
                type="button"
                className={current !== undefined && isHarsh(current) ? 'button button-danger' : 'button button-main'}
                disabled={!may || apply.isPending}
                onClick={() => {
                  if (current !== undefined) apply.mutate({ planned: text, from: current.from })
                }}
              >
                {apply.isPending ? 'Applying…' : current !== undefined && isHarsh(current) ? 'Apply, and take this away' : 'Apply'}
              </button>
              {current === undefined ? null : current.tests.failed > 0 ? (
                <span className="ink-bad">A test fails: nothing is applied so.</span>
              ) : current.documents.length === 0 ? (
                <span className="quiet">There is nothing to apply.</span>
              ) : null}
            </div>
          </Panel>
        </div>
      )}
      {apply.data === undefined ? null : (
        <p className="receipt" role="status" data-receipt="">
          <Badge tone="ok">receipt</Badge> {appliedText(apply.data)}{' '}
          {apply.data.documents.map(({ name }) => (
            <Link key={name} to="/policies/$name" params={{ name }}>
              {name}
            </Link>
          ))}
        </p>
      )}
    </>
  )
}
