import { Link } from '@tanstack/react-router'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { type Live, liveSeconds, useLive } from '../api/live.ts'
import { hubQuery } from '../api/query-client.ts'
import type { Sample } from '../api/types.ts'
import { bytes, count, milliseconds, plural, toMs } from '../lib/format.ts'
import { withGaps } from '../lib/gaps.ts'
import { CodeBlock } from '../ui/copy.tsx'
import { Badge, Empty, PageHead, Panel } from '../ui/parts.tsx'
import { Legend, Plot, type Series } from '../ui/plot.tsx'
import { FactPanel } from './live-facts.tsx'

const rates: readonly Series[] = [
  { label: 'In', ink: '--series-1', filled: true },
  { label: 'Out', ink: '--series-2', dash: [5, 3] },
]
const latency: readonly Series[] = [{ label: 'Time to disk', ink: '--series-3', filled: true }]
/** Milliseconds between two spoken summaries: often enough to follow, seldom enough to work beside. */
const spokenEveryMs = 30_000
/** The hub samples every second; after so many without one the line breaks. */
const silentSeconds = 2.5

const sum = (samples: readonly Sample[], of: (sample: Sample) => number): number => samples.reduce((total, sample) => total + of(sample), 0)

function Readout({
  label,
  value,
  unit,
  note,
  tone = 'plain',
}: {
  readonly label: string
  readonly value: string
  readonly unit?: string
  readonly note?: string
  readonly tone?: 'plain' | 'warn'
}) {
  return (
    <div className={tone === 'warn' ? 'readout readout-warn' : 'readout'}>
      <dt>{label}</dt>
      <dd>
        <span className="readout-value">{value}</span>
        {unit === undefined ? null : <span className="readout-unit">{unit}</span>}
      </dd>
      {note === undefined ? null : <dd className="readout-note">{note}</dd>}
    </div>
  )
}

function Readouts({ samples }: { readonly samples: readonly Sample[] }) {
  const last = samples.at(-1)
  const show = (of: (sample: Sample) => string): string => (last === undefined ? '–' : of(last))
  const denied = sum(samples, (sample) => sample.denied)
  const refused = sum(samples, (sample) => sample.refused)
  return (
    <dl className="readouts">
      <Readout label="Messages in" value={show((s) => count(s.messagesIn))} unit="/s" note={show((s) => `${bytes(s.bytesIn)}/s`)} />
      <Readout label="Messages out" value={show((s) => count(s.messagesOut))} unit="/s" note="to subscribers" />
      <Readout label="Connections" value={show((s) => count(s.connections))} note="all over TLS" />
      <Readout
        label="Durable after"
        value={show((s) => milliseconds(s.flushMs))}
        unit="ms"
        note={show((s) => `${bytes(s.pendingBytes)} on their way`)}
      />
      <Readout label="Denied" value={count(denied)} tone={denied > 0 ? 'warn' : 'plain'} note="by policy, last 2 min" />
      <Readout label="Refused" value={count(refused)} note="connections, last 2 min" />
    </dl>
  )
}

/** A sentence now and then instead of numbers read aloud every second. */
function Spoken({ live }: { readonly live: Live }) {
  const [sentence, setSentence] = useState('')
  const last = live.samples.at(-1)
  const text =
    last === undefined
      ? ''
      : `${count(last.messagesIn)} messages a second in, ${plural(last.connections, 'connection')}, ${count(sum(live.samples, (s) => s.denied))} denied in two minutes.`
  const slot = last === undefined ? 0 : Math.floor(toMs(last.time) / spokenEveryMs)
  useEffect(() => setSentence(text), [slot])
  return (
    <p className="hidden" role="status">
      {sentence}
    </p>
  )
}

/** The hub now: rates, connections, what was denied, how soon it is on disk, and the stream of facts. */
export function LivePage() {
  const live = useLive()
  const hub = useQuery(hubQuery)
  const { samples } = live
  const times = samples.map((s) => toMs(s.time) / 1000)
  const last = samples.at(-1)
  const peak = samples.reduce((most, sample) => Math.max(most, sample.messagesIn), 0)
  const findings = hub.data?.findings ?? 0
  return (
    <div className="page live">
      <PageHead
        title="Live"
        lead={
          hub.data === undefined
            ? 'Asking the hub…'
            : `${hub.data.name}: ${plural(hub.data.devices, 'device')}, ${plural(hub.data.connections, 'connection')}`
        }
      >
        {findings > 0 ? (
          <Link to="/checks" className="badge-link">
            <Badge tone="bad">{plural(findings, 'failed check')}</Badge>
          </Link>
        ) : hub.data === undefined ? null : (
          <Badge tone="ok">No failed check</Badge>
        )}
        <Badge tone={live.link.phase === 'open' ? 'ok' : 'warn'}>
          {live.link.phase === 'open' ? 'Streaming' : live.link.phase === 'opening' ? 'Connecting' : 'Waiting for the hub'}
        </Badge>
      </PageHead>
      <Spoken live={live} />
      <Readouts samples={samples} />
      <div className="live-grid">
        <div className="live-plots">
          <Panel
            title="Messages a second, last two minutes"
            aside={<Legend series={rates} values={last === undefined ? [] : [count(last.messagesIn), count(last.messagesOut)]} />}
          >
            <Plot
              columns={withGaps([times, samples.map((s) => s.messagesIn), samples.map((s) => s.messagesOut)], silentSeconds)}
              series={rates}
              window={liveSeconds}
              height={200}
              summary={
                last === undefined
                  ? 'No sample yet.'
                  : `Messages a second over two minutes: now ${count(last.messagesIn)} in and ${count(last.messagesOut)} out, peak ${count(peak)} in.`
              }
            />
          </Panel>
          <Panel title="Time to disk, milliseconds">
            <Plot
              columns={withGaps([times, samples.map((s) => s.flushMs)], silentSeconds)}
              series={latency}
              window={liveSeconds}
              height={200}
              summary={
                last === undefined
                  ? 'No sample yet.'
                  : `Milliseconds until a message is on disk over two minutes: now ${milliseconds(last.flushMs)}.`
              }
            />
          </Panel>
        </div>
        {hub.data !== undefined && hub.data.devices === 0 ? (
          <Panel title="Begin here">
            <Empty title="No device yet.">
              <p>
                Try a small fleet of real SDK devices, or <Link to="/add">add your own device</Link>:
              </p>
              <CodeBlock text="npx thingwall demo" what="demo command" />
            </Empty>
          </Panel>
        ) : null}
        <FactPanel />
      </div>
    </div>
  )
}
