import { Link } from '@tanstack/react-router'
import { useDeferredValue, useEffect, useState } from 'react'
import { useFacts } from '../api/facts.ts'
import type { Fact } from '../api/types.ts'
import { bodyText, deniedDecision, isDeviceId, ownFields, pairsOf, pretty, summaryOf, toneOf } from '../lib/facts.ts'
import { clockTime, count, dateTime } from '../lib/format.ts'
import { CodeBlock } from '../ui/copy.tsx'
import { Badge, Empty, Facts, Panel } from '../ui/parts.tsx'
import { WhoLink } from './who-link.tsx'

/** The kinds one may want alone. */
const kinds = [
  'telemetry',
  'connected',
  'disconnected',
  'connection-settled',
  'denied',
  'refused',
  'subscribed',
  'unsubscribed',
  'messages-dropped',
  'policy-changed',
  'reconnected',
  'clone-suspected',
  'theft-suspected',
  'overloaded',
  'recovered',
  'session-closed',
  'device-created',
  'device-changed',
  'device-deleted',
  'certificate-issued',
  'revoked',
  'twin-reported',
  'twin-changed',
  'model-announced',
  'module-created',
  'module-changed',
  'module-deleted',
  'method-called',
  'c2d-enqueued',
  'c2d-completed',
  'c2d-dead-lettered',
  'c2d-purged',
  'file-upload-started',
  'file-uploaded',
  'service-messages-dropped',
  'job-started',
  'job-device-ended',
  'job-ended',
  'configuration-changed',
  'configurations-evaluated',
  'configuration-content-applied',
  'routes-changed',
  'endpoint-changed',
  'import-started',
  'import-ended',
  'egress-failed',
  'egress-recovered',
  'egress-lost',
  'egress-dead-lettered',
  'service-added',
  'service-removed',
  'finding',
  'journal-damage',
  'hub-started',
] as const
/** Lines drawn at once; the stream keeps more, the eye does not. */
const shown = 100

/** Everything one fact says. */
export function FactDetail({ fact, close }: { readonly fact: Fact; readonly close?: () => void }) {
  const body = bodyText(fact)
  const denied = deniedDecision(fact)
  const properties = pairsOf(fact, 'properties')
  const system = pairsOf(fact, 'system')
  const topic = fact['topic']
  return (
    <div className="fact-detail">
      <div className="fact-detail-head">
        <h3>
          <Badge tone={toneOf(fact.kind)}>{fact.kind}</Badge> <span className="quiet">at offset {fact.offset}</span>
        </h3>
        {close === undefined ? null : (
          <button type="button" className="button button-small" onClick={close}>
            Close
          </button>
        )}
      </div>
      <Facts
        pairs={[
          ['Time', dateTime(fact.time)],
          ...(fact.device === undefined
            ? []
            : [
                [
                  'Device',
                  isDeviceId(fact.device) ? <WhoLink key="device" name={fact.device} /> : <code key="device">{fact.device}</code>,
                ] as const,
              ]),
          ...(typeof topic === 'string' ? [['Topic', <code key="topic">{topic}</code>] as const] : []),
          ...ownFields(fact).map(([name, value]) => [name, <code key={name}>{value}</code>] as const),
        ]}
      />
      {denied === undefined ? null : (
        <p>
          <Link to="/explain" search={{ decision: denied.decision, offset: String(denied.offset) }} className="button button-small">
            Explain this denial
          </Link>
        </p>
      )}
      {body === undefined ? null : (
        <>
          <h4>Body</h4>
          <CodeBlock text={pretty(body)} what="body" />
        </>
      )}
      {properties.length === 0 ? null : (
        <>
          <h4>Application properties</h4>
          <Facts pairs={properties} />
        </>
      )}
      {system.length === 0 ? null : (
        <>
          <h4>System properties</h4>
          <Facts pairs={system} />
        </>
      )}
    </div>
  )
}

/** The stream of facts: hold it, narrow it, look into one. */
export function FactPanel() {
  const [device, setDevice] = useState('')
  const [kind, setKind] = useState('')
  const [held, setHeld] = useState(false)
  const [chosen, setChosen] = useState<Fact | null>(null)
  const filter = useDeferredValue(device.trim())
  const [settled, setSettled] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setSettled(filter), 300)
    return () => clearTimeout(timer)
  }, [filter])
  const stream = useFacts({ device: settled, kind }, held)

  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.key !== 'p' || event.ctrlKey || event.metaKey || event.altKey) return
      if (event.target instanceof HTMLElement && event.target.closest('input, textarea, select, dialog') !== null) return
      setHeld((now) => !now)
    }
    document.addEventListener('keydown', pressed)
    return () => document.removeEventListener('keydown', pressed)
  }, [])

  return (
    <Panel
      title="Facts as they become durable"
      flush
      aside={
        <div className="filters">
          <label className="inline-field">
            <span>Device</span>
            <input
              type="search"
              data-search=""
              value={device}
              placeholder="any"
              spellCheck={false}
              onChange={(event) => setDevice(event.target.value)}
            />
          </label>
          <label className="inline-field">
            <span>Kind</span>
            <select value={kind} onChange={(event) => setKind(event.target.value)}>
              <option value="">any</option>
              {kinds.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
          </label>
          <button type="button" className="button button-small" aria-pressed={held} onClick={() => setHeld(!held)}>
            {held ? 'Release' : 'Hold'}
          </button>
        </div>
      }
    >
      <div className={chosen === null ? 'stream' : 'stream stream-split'}>
        <div className="stream-lines">
          {held ? (
            <p className="stream-held" role="status">
              Held. {stream.held === 0 ? 'Nothing new yet.' : `${count(stream.held)} newer are waiting.`}
            </p>
          ) : null}
          {stream.facts.length === 0 ? (
            <Empty
              title={
                settled === '' && kind === ''
                  ? 'Nothing has happened since this page was opened.'
                  : 'Nothing of this kind since this page was opened.'
              }
            >
              <p>
                Every message, connection and denial appears here the moment it is on disk. Send one: <code>npx thingwall demo</code>
              </p>
            </Empty>
          ) : (
            <ol className="stream-list" aria-label="Newest facts first">
              {stream.facts.slice(0, shown).map((fact) => (
                <li key={fact.offset}>
                  <button
                    type="button"
                    className="stream-line"
                    aria-pressed={chosen?.offset === fact.offset}
                    onClick={() => setChosen(chosen?.offset === fact.offset ? null : fact)}
                  >
                    <span className="stream-time">{clockTime(fact.time)}</span>
                    <span className={`stream-kind ink-${toneOf(fact.kind)}`}>{fact.kind}</span>
                    <span className="stream-device">{fact.device ?? ''}</span>
                    <span className="stream-text">{summaryOf(fact)}</span>
                  </button>
                </li>
              ))}
            </ol>
          )}
        </div>
        {chosen === null ? null : <FactDetail fact={chosen} close={() => setChosen(null)} />}
      </div>
    </Panel>
  )
}
