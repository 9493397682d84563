import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { testRoutes } from '../api/routes.ts'
import type { EventSource, RouteTest, RouteTested } from '../api/types.ts'
import { Badge, Panel, ProblemNote } from '../ui/parts.tsx'
import { PairFields, type Pair, pairsToObject } from './pair-fields.tsx'
import { SourceOptions, sourceOf } from './route-list.tsx'

function Tested({ tested, ofCondition }: { readonly tested: RouteTested; readonly ofCondition: boolean }) {
  const { problem, matches, routes, endpoints } = tested
  if (problem !== null)
    return (
      <p className="ink-bad">
        Line {problem.line}, column {problem.column}: {problem.message}
      </p>
    )
  if (ofCondition)
    return (
      <p data-matches={String(matches)}>
        {matches === true ? (
          <Badge tone="ok">matches</Badge>
        ) : (
          <Badge tone="warn">{matches === null ? 'undefined' : 'does not match'}</Badge>
        )}{' '}
        {matches === null ? <span className="quiet">Neither true nor false: something that it speaks of is not there.</span> : null}
      </p>
    )
  return (
    <p data-matches={String(matches)}>
      {endpoints.length === 0 ? <Badge tone="warn">goes nowhere</Badge> : <Badge tone="ok">goes to {endpoints.join(', ')}</Badge>}{' '}
      <span className="quiet">{routes.length === 0 ? 'No route matches.' : `by ${routes.join(', ')}`}</span>
    </p>
  )
}

/** Tries a message: where it would go, or whether a condition is true of it. Nothing is sent. */
export function RouteTestPanel() {
  const [source, setSource] = useState<EventSource>('DeviceMessages')
  const [device, setDevice] = useState('')
  const [body, setBody] = useState('{"temperature": 81}')
  const [condition, setCondition] = useState('')
  const [pairs, setPairs] = useState<readonly Pair[]>([])
  const run = useMutation({ mutationFn: (message: RouteTest) => testRoutes(message) })
  return (
    <Panel title="Test a message" aside={<span className="quiet">nothing is sent</span>}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault()
          run.mutate({
            source,
            body,
            properties: pairsToObject(pairs),
            system: { 'content-type': 'application/json', 'content-encoding': 'utf-8' },
            ...(device.trim() === '' ? {} : { device: device.trim() }),
            ...(condition.trim() === '' ? {} : { condition: condition.trim() }),
          })
        }}
      >
        <div className="field-row">
          <label className="field">
            <span>Source</span>
            <select value={source} onChange={(event) => setSource(sourceOf(event.target.value))}>
              <SourceOptions />
            </select>
          </label>
          <label className="field">
            <span>
              Device <span className="optional">optional</span>
            </span>
            <input value={device} maxLength={128} spellCheck={false} onChange={(event) => setDevice(event.target.value)} />
          </label>
        </div>
        <label className="field">
          <span>Body</span>
          <textarea rows={3} value={body} spellCheck={false} onChange={(event) => setBody(event.target.value)} />
        </label>
        <PairFields legend="Properties" one="property" pairs={pairs} change={setPairs} />
        <label className="field">
          <span>
            Condition <span className="optional">the routes in force if empty</span>
          </span>
          <input
            value={condition}
            spellCheck={false}
            placeholder="$body.temperature > 80"
            onChange={(event) => setCondition(event.target.value)}
          />
        </label>
        <div className="actions">
          <button type="submit" className="button" disabled={run.isPending}>
            Test
          </button>
          <div aria-live="polite">
            {run.data === undefined ? null : <Tested tested={run.data} ofCondition={run.variables?.condition !== undefined} />}
          </div>
        </div>
        {run.error === null ? null : <ProblemNote error={run.error} />}
      </form>
    </Panel>
  )
}
