import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { queryClient } from '../api/query-client.ts'
import { addRoute, changeRoute, removeRoute, switchFallback, switchRoute } from '../api/routes.ts'
import type { EventEndpoint, EventRoute, EventSource, RouteSet } from '../api/types.ts'
import { builtInEndpoint, eventSources, sourceText } from '../lib/routes.ts'
import { announce } from '../ui/announce.tsx'
import { Confirm, type Question } from '../ui/confirm.tsx'
import { Badge, Empty, Facts, Panel, ProblemNote } from '../ui/parts.tsx'

const isSource = (value: string): value is EventSource => eventSources.some(([name]) => name === value)

/** Reads a source out of a select. */
export const sourceOf = (value: string): EventSource => (isSource(value) ? value : 'DeviceMessages')

/** The sources as options. */
export function SourceOptions() {
  return eventSources.map(([value, label]) => (
    <option key={value} value={value}>
      {label}
    </option>
  ))
}

type FormProps = {
  readonly set: RouteSet
  readonly endpoints: readonly EventEndpoint[]
  /** The route that is changed; null: another one is added. */
  readonly edited: EventRoute | null
  readonly close: () => void
}

function RouteForm({ set, endpoints, edited, close }: FormProps) {
  const [name, setName] = useState(edited?.name ?? '')
  const [source, setSource] = useState<EventSource>(edited?.source ?? 'DeviceMessages')
  const [condition, setCondition] = useState(edited?.condition ?? '')
  const [endpoint, setEndpoint] = useState(edited?.endpoint ?? builtInEndpoint)
  const add = useMutation({
    mutationFn: () => {
      const route = { name: name.trim(), source, endpoint, condition: condition.trim() }
      return edited === null ? addRoute(route, set.version) : changeRoute(route, set.version)
    },
    onSuccess: (now) => {
      queryClient.setQueryData(['routes'], now)
      announce(`The route ${name} holds from now on.`)
      setName('')
      setCondition('')
      close()
    },
  })
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault()
        add.mutate()
      }}
    >
      <div className="form-line">
        <label className="field">
          <span>Name</span>
          <input
            value={name}
            required
            readOnly={edited !== null}
            maxLength={64}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <label className="field">
          <span>Source</span>
          <select value={source} onChange={(event) => setSource(sourceOf(event.target.value))}>
            <SourceOptions />
          </select>
        </label>
        <label className="field">
          <span>Endpoint</span>
          <select value={endpoint} onChange={(event) => setEndpoint(event.target.value)}>
            <option value={builtInEndpoint}>{builtInEndpoint} (built in)</option>
            {endpoints.map((one) => (
              <option key={one.name}>{one.name}</option>
            ))}
          </select>
        </label>
        <label className="field grow">
          <span>
            Condition <span className="optional">every event if empty</span>
          </span>
          <input
            value={condition}
            spellCheck={false}
            placeholder="$body.temperature > 80"
            onChange={(event) => setCondition(event.target.value)}
          />
        </label>
        <button type="submit" className="button" disabled={add.isPending}>
          {edited === null ? (add.isPending ? 'Adding…' : 'Add route') : add.isPending ? 'Changing…' : 'Change route'}
        </button>
        {edited === null ? null : (
          <button type="button" className="button" onClick={close}>
            Leave it
          </button>
        )}
      </div>
      {add.error === null ? null : <ProblemNote error={add.error} />}
    </form>
  )
}

/** The routes in force, changed, switched and removed here, and one more. */
export function RoutesPanel({ set, endpoints }: { readonly set: RouteSet; readonly endpoints: readonly EventEndpoint[] }) {
  const [question, setQuestion] = useState<Question | null>(null)
  const [edited, setEdited] = useState<EventRoute | null>(null)
  const toggle = useMutation({
    mutationFn: ({ name, isEnabled }: EventRoute) => switchRoute(name, !isEnabled, set.version),
    onSuccess: (now) => queryClient.setQueryData(['routes'], now),
  })
  const fall = useMutation({
    mutationFn: () => switchFallback(!set.fallback, set.version),
    onSuccess: (now) => queryClient.setQueryData(['routes'], now),
  })
  const ask = (name: string): void =>
    setQuestion({
      title: `Remove ${name}?`,
      body: <p>What it has already sent on its way is delivered. Nothing more goes by it.</p>,
      verb: 'Remove',
      act: async () => {
        queryClient.setQueryData(['routes'], await removeRoute(name, set.version))
        announce(`The route ${name} is removed.`)
      },
    })
  return (
    <Panel
      title="Routes"
      aside={
        <span className="actions">
          <span className="quiet">
            {set.fallback ? 'what matches no route goes to the built-in endpoint' : 'what matches no route goes nowhere'}
          </span>
          <button
            type="button"
            className="button button-small"
            aria-pressed={set.fallback}
            disabled={fall.isPending}
            onClick={() => fall.mutate()}
          >
            Fallback
          </button>
        </span>
      }
    >
      {toggle.error === null ? null : <ProblemNote error={toggle.error} />}
      {fall.error === null ? null : <ProblemNote error={fall.error} />}
      {set.routes.length === 0 ? (
        <Empty title="No route yet." />
      ) : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Table of routes">
          <table className="table">
            <caption className="hidden">Routes in force</caption>
            <thead>
              <tr>
                <th scope="col">Route</th>
                <th scope="col">Source</th>
                <th scope="col" className="wide-only">
                  Condition
                </th>
                <th scope="col">Endpoint</th>
                <th scope="col">
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {set.routes.map((one) => (
                <tr key={one.name}>
                  <th scope="row">
                    {one.name} {one.isEnabled ? null : <Badge tone="quiet">off</Badge>}
                  </th>
                  <td>{sourceText(one.source)}</td>
                  <td className="wide-only">
                    {one.condition === '' ? <span className="quiet">every event</span> : <code>{one.condition}</code>}
                  </td>
                  <td>{one.endpoint}</td>
                  <td>
                    <span className="actions actions-end">
                      <button
                        type="button"
                        className="button button-small"
                        aria-label={`Change ${one.name}`}
                        onClick={() => setEdited(one)}
                      >
                        Change
                      </button>
                      <button
                        type="button"
                        className="button button-small"
                        aria-label={`Switch ${one.isEnabled ? 'off' : 'on'} ${one.name}`}
                        disabled={toggle.isPending}
                        onClick={() => toggle.mutate(one)}
                      >
                        {one.isEnabled ? 'Switch off' : 'Switch on'}
                      </button>
                      <button
                        type="button"
                        className="button button-small"
                        aria-label={`Remove ${one.name}…`}
                        onClick={() => ask(one.name)}
                      >
                        Remove…
                      </button>
                    </span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {set.enrichments.length === 0 ? null : (
        <Facts pairs={set.enrichments.map(({ key, value, endpoints: to }) => [`adds ${key}`, `${value}, for ${to.join(', ')}`] as const)} />
      )}
      <RouteForm key={edited?.name ?? ''} set={set} endpoints={endpoints} edited={edited} close={() => setEdited(null)} />
      <Confirm question={question} close={() => setQuestion(null)} />
    </Panel>
  )
}
