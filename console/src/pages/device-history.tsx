import { useMemo, useState } from 'react'
import { useHistory } from '../api/history.ts'
import type { Fact } from '../api/types.ts'
import { deniedDecision, summaryOf, toneOf } from '../lib/facts.ts'
import { dateTime } from '../lib/format.ts'
import { Badge, Empty, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { useDenial } from './denial.tsx'
import { DenialsPanel } from './device-denials.tsx'
import { FactDetail } from './live-facts.tsx'
import { TelemetryPanel } from './device-telemetry.tsx'

const shownAtOnce = 60

function TimelineRow({ fact, device }: { readonly fact: Fact; readonly device: string }) {
  const [open, setOpen] = useState(false)
  const { button, answer } = useDenial(deniedDecision(fact), summaryOf(fact))
  return (
    <li className={`event event-${toneOf(fact.kind)}`}>
      <div className="event-line">
        <time className="event-time">{dateTime(fact.time)}</time>
        <Badge tone={toneOf(fact.kind)}>{fact.kind}</Badge>
        <span className="event-text">
          {fact.device === undefined || fact.device === device ? '' : `${fact.device.slice(device.length + 1)}: `}
          {summaryOf(fact)}
        </span>
        <span className="actions">
          {button}
          <button type="button" className="button button-small button-bare" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? 'Less' : 'More'}
          </button>
        </span>
      </div>
      {answer}
      {open ? <FactDetail fact={fact} /> : null}
    </li>
  )
}

/** What the device and its modules did and what was done to them, and its telemetry, from the journal and live. */
export function DeviceHistory({ device }: { readonly device: string }) {
  const { facts, isLoading, error, retry, older, isLookingBack } = useHistory(device)
  const [shown, setShown] = useState(shownAtOnce)
  const telemetry = useMemo(() => facts.filter((fact) => fact.kind === 'telemetry' && fact.device === device), [facts, device])
  const events = useMemo(() => facts.filter((fact) => fact.kind !== 'telemetry'), [facts])
  const latestDenial = events.find((fact) => fact.kind === 'denied')?.offset ?? -1

  if (error !== null)
    return (
      <Panel title="Timeline">
        <ProblemNote error={error} retry={retry} />
      </Panel>
    )
  if (isLoading)
    return (
      <Panel title="Timeline">
        <Skeleton rows={8} label="Loading the history" />
      </Panel>
    )
  return (
    <>
      <TelemetryPanel facts={telemetry} />
      <DenialsPanel device={device} latest={latestDenial} />
      <Panel title="Timeline" flush>
        {events.length === 0 ? (
          <Empty title="No connection, denial or change so far.">
            <p>They appear here the moment they happen.</p>
          </Empty>
        ) : (
          <ol className="events">
            {events.slice(0, shown).map((fact) => (
              <TimelineRow key={fact.offset} fact={fact} device={device} />
            ))}
          </ol>
        )}
        <div className="panel-foot">
          {events.length > shown ? (
            <button type="button" className="button" onClick={() => setShown(shown + shownAtOnce)}>
              Show more
            </button>
          ) : older === undefined ? (
            <span className="quiet">This is the beginning of what the journal keeps.</span>
          ) : (
            <button type="button" className="button" disabled={isLookingBack} onClick={older}>
              {isLookingBack ? 'Looking…' : 'Look further back'}
            </button>
          )}
        </div>
      </Panel>
    </>
  )
}
