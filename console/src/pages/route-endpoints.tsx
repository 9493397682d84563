import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { queryClient } from '../api/query-client.ts'
import { addEndpoint, removeEndpoint } from '../api/routes.ts'
import type { EndpointInput, EventEndpoint } from '../api/types.ts'
import { count, duration } from '../lib/format.ts'
import { readObject } from '../lib/json-text.ts'
import { healthTone } from '../lib/routes.ts'
import { announce } from '../ui/announce.tsx'
import { Confirm, type Question } from '../ui/confirm.tsx'
import { Badge, Empty, Panel, ProblemNote } from '../ui/parts.tsx'
import { Ago } from '../ui/time.tsx'

/** What settings begin with, by kind; the hub says what it misses. */
const firstSettings: Readonly<Record<string, string>> = {
  file: '{"format": "json-lines"}',
  webhook: '{"url": "https://example.org/events", "signingSecret": "name-of-a-secret"}',
}

function Row({ one, ask }: { readonly one: EventEndpoint; readonly ask: (name: string) => void }) {
  return (
    <tr data-endpoint={one.name}>
      <th scope="row">
        {one.name} <span className="quiet">{one.kind}</span>
      </th>
      <td>
        <Badge tone={healthTone(one.health)}>{one.health}</Badge>
        {one.reason === null ? null : (
          <p className="ink-bad">
            {one.reason}
            {one.failingSince === null ? null : (
              <>
                {' · since '}
                <Ago at={one.failingSince} />
              </>
            )}
          </p>
        )}
      </td>
      <td>{count(one.delivered)}</td>
      <td className="nowrap">
        {count(one.lagRecords)} {one.lagMs > 0 ? <span className="quiet">{duration(one.lagMs)}</span> : null}
      </td>
      <td className="wide-only">{count(one.inFlight)}</td>
      <td className="wide-only">{count(one.failures)}</td>
      <td>{one.deadLetters === 0 ? '0' : <Badge tone="warn">{count(one.deadLetters)}</Badge>}</td>
      <td>
        <button type="button" className="button button-small" aria-label={`End ${one.name}…`} onClick={() => ask(one.name)}>
          End…
        </button>
      </td>
    </tr>
  )
}

function AddForm() {
  const [name, setName] = useState('')
  const [kind, setKind] = useState('file')
  const [settings, setSettings] = useState(firstSettings['file'] ?? '{}')
  const read = readObject(settings)
  const add = useMutation({
    mutationFn: (body: EndpointInput) => addEndpoint(body),
    onSuccess: () => {
      announce(`The endpoint ${name} is made.`)
      setName('')
      void queryClient.invalidateQueries({ queryKey: ['endpoints'] })
    },
  })
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault()
        if (read.kind === 'value') add.mutate({ name: name.trim(), kind: kind.trim(), settings: { ...read.value } })
      }}
    >
      <div className="form-line">
        <label className="field">
          <span>Name</span>
          <input
            value={name}
            required
            maxLength={64}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <label className="field">
          <span>Kind</span>
          <input
            value={kind}
            required
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => {
              const next = event.target.value
              const first = firstSettings[next.trim()]
              setKind(next)
              if (first !== undefined) setSettings(first)
            }}
          />
        </label>
        <label className="field grow">
          <span>Settings</span>
          <input
            value={settings}
            required
            spellCheck={false}
            aria-invalid={read.kind === 'wrong'}
            onChange={(event) => setSettings(event.target.value)}
          />
        </label>
        <button type="submit" className="button" disabled={add.isPending || read.kind === 'wrong'}>
          {add.isPending ? 'Making…' : 'Make endpoint'}
        </button>
      </div>
      {read.kind === 'wrong' ? <p className="hint hint-bad">{read.message}</p> : null}
      {add.error === null ? null : <ProblemNote error={add.error} />}
    </form>
  )
}

/** The endpoints that were made: how each does, how far it is, and one more. */
export function EndpointsPanel({ endpoints }: { readonly endpoints: readonly EventEndpoint[] }) {
  const [question, setQuestion] = useState<Question | null>(null)
  const ask = (name: string): void =>
    setQuestion({
      title: `End ${name}?`,
      body: <p>Its place and its dead letters go with it. Routes that name it must be removed first.</p>,
      verb: 'End',
      typed: name,
      act: async () => {
        await removeEndpoint(name)
        announce(`The endpoint ${name} is ended.`)
        await queryClient.invalidateQueries({ queryKey: ['endpoints'] })
      },
    })
  return (
    <Panel title="Endpoints">
      {endpoints.length === 0 ? (
        <Empty title="Only the built-in endpoint.">
          <p>It is read with the protocol of Event Hubs. Others are files, webhooks, brokers and databases.</p>
        </Empty>
      ) : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Table of endpoints">
          <table className="table">
            <caption className="hidden">Endpoints and how they do</caption>
            <thead>
              <tr>
                <th scope="col">Endpoint</th>
                <th scope="col">State</th>
                <th scope="col">Delivered</th>
                <th scope="col">Behind</th>
                <th scope="col" className="wide-only">
                  In flight
                </th>
                <th scope="col" className="wide-only">
                  Failures
                </th>
                <th scope="col">Dead letters</th>
                <th scope="col">
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {endpoints.map((one) => (
                <Row key={one.name} one={one} ask={ask} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <AddForm />
      <Confirm question={question} close={() => setQuestion(null)} />
    </Panel>
  )
}
