import { useMemo, useState } from 'react'
import type { Fact } from '../api/types.ts'
import { numericFields, toColumns } from '../lib/fields.ts'
import { bodyText } from '../lib/facts.ts'
import { dateTime, measure, plural, toMs } from '../lib/format.ts'
import { silenceAfter, withGaps } from '../lib/gaps.ts'
import { Empty, Panel } from '../ui/parts.tsx'
import { Plot } from '../ui/plot.tsx'

const inks = ['--series-1', '--series-2', '--series-3', '--series-4', '--series-5', '--series-6'] as const
const fieldsAtFirst = 3
const rowsShown = 50

function Field({
  name,
  ink,
  points,
}: {
  readonly name: string
  readonly ink: string
  readonly points: readonly { readonly time: number; readonly fields: ReadonlyMap<string, number> }[]
}) {
  const own = points.filter((point) => point.fields.has(name))
  const whole = toColumns(own, [name])
  const columns = withGaps(whole, silenceAfter(whole[0] ?? []))
  const values = own.flatMap((point) => point.fields.get(name) ?? [])
  const [low, high, last] = [Math.min(...values), Math.max(...values), values[0] ?? 0]
  return (
    <figure className="field-plot">
      <figcaption>
        <b style={{ color: `var(${ink})` }}>{name}</b>
        <span className="field-last">{measure(last)}</span>
        <span className="quiet">
          {measure(low)} to {measure(high)}
        </span>
      </figcaption>
      <Plot
        columns={columns}
        series={[{ label: name, ink, dots: values.length < 80 }]}
        height={136}
        summary={`${name}: last ${measure(last)}, from ${measure(low)} to ${measure(high)} in ${plural(values.length, 'message')}.`}
      />
    </figure>
  )
}

/** Telemetry of one device, newest first in `facts`: the numbers of its JSON bodies over time, and the messages themselves. */
export function TelemetryPanel({ facts }: { readonly facts: readonly Fact[] }) {
  const points = useMemo(() => facts.map((fact) => ({ time: toMs(fact.time), fields: numericFields(bodyText(fact) ?? '') })), [facts])
  const names = useMemo(() => [...new Set(points.flatMap((point) => [...point.fields.keys()]))].toSorted(), [points])
  const [picked, setPicked] = useState<readonly string[] | null>(null)
  const chosen = picked ?? names.slice(0, fieldsAtFirst)

  if (facts.length === 0)
    return (
      <Panel title="Telemetry">
        <Empty title="No telemetry so far.">
          <p>Numbers in JSON bodies are plotted here as they arrive.</p>
        </Empty>
      </Panel>
    )
  return (
    <Panel
      title="Telemetry"
      aside={
        names.length === 0 ? undefined : (
          <fieldset className="picks">
            <legend className="hidden">Fields to plot</legend>
            {names.map((name) => (
              <label key={name} className="pick">
                <input
                  type="checkbox"
                  checked={chosen.includes(name)}
                  onChange={() => setPicked(chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name])}
                />
                {name}
              </label>
            ))}
          </fieldset>
        )
      }
    >
      <div className="field-plots">
        {names
          .filter((name) => chosen.includes(name))
          .map((name) => (
            <Field key={name} name={name} ink={inks[names.indexOf(name) % inks.length] ?? '--series-1'} points={points} />
          ))}
      </div>
      <details className="more">
        <summary>Messages ({plural(facts.length, 'message')} loaded)</summary>
        <div className="table-frame" tabIndex={0} role="region" aria-label="Telemetry messages">
          <table className="table table-dense">
            <caption className="hidden">Newest messages first</caption>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Offset</th>
                <th scope="col">Topic</th>
                <th scope="col">Body</th>
              </tr>
            </thead>
            <tbody>
              {facts.slice(0, rowsShown).map((fact) => (
                <tr key={fact.offset}>
                  <td className="nowrap">{dateTime(fact.time)}</td>
                  <td>{fact.offset}</td>
                  <td>
                    <code>{typeof fact['topic'] === 'string' ? fact['topic'] : ''}</code>
                  </td>
                  <td>
                    <code className="clip">{bodyText(fact) ?? ''}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </Panel>
  )
}
