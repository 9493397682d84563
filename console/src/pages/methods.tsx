import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useHistory } from '../api/history.ts'
import { toProblem } from '../api/problem.ts'
import { callMethod } from '../api/twins.ts'
import type { Fact, MethodAnswer, MethodCall } from '../api/types.ts'
import { nameOf, type Who, wordOf } from '../api/who.ts'
import { fieldText } from '../lib/facts.ts'
import { dateTime, milliseconds } from '../lib/format.ts'
import { jsonText, readJson } from '../lib/json-text.ts'
import { CodeBlock } from '../ui/copy.tsx'
import { Badge, Empty, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'

const shownCalls = 50
const statusTone = (status: number) => (status >= 200 && status < 300 ? 'ok' : status >= 400 ? 'bad' : 'warn')
const shownMs = (ms: unknown): string => (typeof ms === 'number' ? `${milliseconds(ms)} ms` : '')

/** A method while it runs, and what came of it. */
function Outcome({
  answer,
  error,
  isPending,
}: {
  readonly answer: MethodAnswer | undefined
  readonly error: unknown
  readonly isPending: boolean
}) {
  if (isPending) return <p className="quiet">Waiting for the answer…</p>
  if (error !== null) return <ProblemNote error={error} />
  if (answer === undefined) return <Empty title="Nothing was called from here yet." />
  return (
    <>
      <p data-answer={answer.status}>
        <Badge tone={statusTone(answer.status)}>status {answer.status}</Badge>{' '}
        <span className="quiet">after {shownMs(answer.durationMs)}</span>
      </p>
      {answer.payload === null ? <p className="quiet">Without a payload.</p> : <CodeBlock text={jsonText(answer.payload)} what="answer" />}
    </>
  )
}

function CallRow({ fact, again }: { readonly fact: Fact; readonly again: (method: string) => void }) {
  const [method, status, code] = [String(fact['method']), fact['status'], fact['code']]
  return (
    <tr>
      <td className="nowrap">{dateTime(fact.time)}</td>
      <th scope="row">
        <button type="button" className="link-button" aria-label={`Fill in ${method}`} onClick={() => again(method)}>
          {method}
        </button>
      </th>
      <td>{typeof status === 'number' ? <Badge tone={statusTone(status)}>{status}</Badge> : <Badge tone="bad">{String(code)}</Badge>}</td>
      <td className="nowrap">{shownMs(fact['durationMs'])}</td>
      <td className="wide-only">{fieldText(fact['actor'] ?? '')}</td>
    </tr>
  )
}

function RecentCalls({ who, again }: { readonly who: Who; readonly again: (method: string) => void }) {
  const { facts, isLoading, error, retry, older, isLookingBack } = useHistory(who.device)
  const calls = facts.filter((fact) => fact.kind === 'method-called' && fact.device === nameOf(who))
  return (
    <Panel title="Recent calls" flush>
      {error === null ? null : <ProblemNote error={error} retry={retry} />}
      {isLoading ? <Skeleton rows={3} label="Loading recent calls" /> : null}
      {!isLoading && error === null && calls.length === 0 ? <Empty title="No call that the journal knows of." /> : null}
      {calls.length === 0 ? null : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Recent calls">
          <table className="table">
            <caption className="hidden">Calls of direct methods, newest first</caption>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Method</th>
                <th scope="col">Answer</th>
                <th scope="col">Took</th>
                <th scope="col" className="wide-only">
                  By
                </th>
              </tr>
            </thead>
            <tbody>
              {calls.slice(0, shownCalls).map((fact) => (
                <CallRow key={fact.offset} fact={fact} again={again} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {older === undefined ? null : (
        <div className="panel-foot">
          <button type="button" className="button" disabled={isLookingBack} onClick={older}>
            {isLookingBack ? 'Looking…' : 'Look further back for calls'}
          </button>
        </div>
      )}
    </Panel>
  )
}

/** Calls a direct method, and shows what was called before. */
export function MethodsView({ who }: { readonly who: Who }) {
  const [name, setName] = useState('')
  const [payload, setPayload] = useState('')
  const [response, setResponse] = useState('30')
  const [connect, setConnect] = useState('0')
  const read = payload.trim() === '' ? undefined : readJson(payload)
  const call = useMutation({ mutationFn: (body: MethodCall) => callMethod(who, body) })
  const isOffline = call.error !== null && toProblem(call.error).code === 'hub/device-offline'
  return (
    <>
      <div className="columns columns-2">
        <Panel title="Call a method">
          <form
            className="form"
            onSubmit={(event) => {
              event.preventDefault()
              if (read?.kind === 'wrong') return
              call.mutate({
                name: name.trim(),
                ...(read === undefined ? {} : { payload: read.value }),
                responseTimeoutSeconds: Number(response),
                connectTimeoutSeconds: Number(connect),
              })
            }}
          >
            <label className="field">
              <span>Method</span>
              <input
                value={name}
                required
                maxLength={100}
                spellCheck={false}
                autoComplete="off"
                onChange={(event) => setName(event.target.value)}
              />
            </label>
            <label className="field">
              <span>
                Payload <span className="optional">JSON, optional</span>
              </span>
              <textarea
                rows={5}
                value={payload}
                spellCheck={false}
                aria-invalid={read?.kind === 'wrong'}
                onChange={(event) => setPayload(event.target.value)}
              />
              {read?.kind === 'wrong' ? <span className="hint hint-bad">{read.message}</span> : null}
            </label>
            <div className="field-row">
              <label className="field">
                <span>Seconds to answer</span>
                <input type="number" min={5} max={300} required value={response} onChange={(event) => setResponse(event.target.value)} />
              </label>
              <label className="field">
                <span>Seconds to come online</span>
                <input type="number" min={0} max={300} required value={connect} onChange={(event) => setConnect(event.target.value)} />
              </label>
            </div>
            <div className="actions">
              <button type="submit" className="button button-main" disabled={call.isPending || read?.kind === 'wrong'}>
                {call.isPending ? 'Calling…' : 'Call'}
              </button>
            </div>
          </form>
        </Panel>
        <Panel title="Answer">
          <div aria-live="polite" className="gaps">
            <Outcome answer={call.data} error={call.error} isPending={call.isPending} />
            {isOffline ? <p className="quiet">The {wordOf(who)} is not listening for methods now.</p> : null}
          </div>
        </Panel>
      </div>
      <RecentCalls who={who} again={setName} />
    </>
  )
}
