import { useEffect, useRef } from 'react'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { measure } from '../lib/format.ts'
import { lonely } from '../lib/gaps.ts'
import { useThemeVersion } from './theme.ts'

/** One line of a plot. `ink` is a custom property holding its colour. */
export type Series = {
  readonly label: string
  readonly ink: string
  readonly dash?: readonly number[]
  readonly dots?: boolean
  readonly filled?: boolean
}

const style = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

function options(
  series: readonly Series[],
  width: number,
  height: number,
  unit: string,
  range: UPlot.Scale.Range | undefined,
): UPlot.Options {
  const axis = {
    stroke: style('--ink-3'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: style('--line'), width: 1 },
    ticks: { stroke: style('--line'), width: 1, size: 4 },
  }
  return {
    width,
    height,
    cursor: { points: { size: 6 }, drag: { x: false, y: false } },
    legend: { show: false },
    padding: [8, 24, 0, 0],
    scales: {
      x: range === undefined ? {} : { range },
      y: { range: (_plot, low, high) => (low === null || high === null ? [0, 1] : padded(low, high)) },
    },
    axes: [
      { ...axis, size: 28, space: 76, values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => clock(tick, step)) },
      { ...axis, size: 48, values: (_plot, ticks) => ticks.map((tick) => `${measure(tick)}${unit}`) },
    ],
    series: [
      {},
      ...series.map((line) => ({
        label: line.label,
        stroke: style(line.ink),
        width: 1.5,
        ...(line.filled === true ? { fill: `${style(line.ink)}1c` } : {}),
        spanGaps: false,
        points: {
          show: line.dots === true,
          size: 4,
          fill: style(line.ink),
          ...(line.dots === true ? {} : { filter: (plot: UPlot, index: number) => [...lonely(Array.from(plot.data[index] ?? []))] }),
        },
        ...(line.dash === undefined ? {} : { dash: [...line.dash] }),
      })),
    ],
  }
}

/** Room above and below; a quantity that never went below zero starts at zero unless it hardly moves. */
function padded(low: number, high: number): [number, number] {
  if (low === high) return low === 0 ? [0, 1] : [Math.min(low, 0), Math.max(high * 1.25, 0)]
  const room = (high - low) * 0.1
  return low >= 0 && low < (high - low) * 2 ? [0, high * 1.12] : [low - room, high + room]
}

function clock(seconds: number, step: number): string {
  const at = new Date(seconds * 1000)
  if (step < 1) return `${at.toTimeString().slice(6, 8)}.${String(at.getMilliseconds()).padStart(3, '0')}`
  const time = at.toTimeString().slice(0, step >= 60 ? 5 : 8)
  return step >= 86_400 ? `${at.getMonth() + 1}/${at.getDate()}` : time
}

/**
 * Lines over time. `columns` is times in seconds, then one row a series; a line stops at a null. What is drawn is also said in `summary`, because a canvas says
 * nothing to a screen reader. `window` pins the time axis to the last seconds before the newest point.
 */
export function Plot({
  columns,
  series,
  summary,
  height = 200,
  unit = '',
  window: windowSeconds,
}: {
  readonly columns: readonly (readonly (number | null)[])[]
  readonly series: readonly Series[]
  readonly summary: string
  readonly height?: number
  readonly unit?: string
  readonly window?: number
}) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot>(null)
  const latest = useRef(columns)
  const theme = useThemeVersion()
  const shape = JSON.stringify(series)

  useEffect(() => {
    latest.current = columns
    plot.current?.setData(toData(columns))
  }, [columns])

  useEffect(() => {
    const element = place.current
    if (element === null) return undefined
    const range: UPlot.Scale.Range | undefined =
      windowSeconds === undefined ? undefined : (_plot, _low, high) => [(high ?? 0) - windowSeconds, high ?? 0]
    const made = new UPlot(options(series, Math.max(element.clientWidth, 120), height, unit, range), toData(latest.current), element)
    plot.current = made
    const watch = new ResizeObserver(() => made.setSize({ width: Math.max(element.clientWidth, 120), height }))
    watch.observe(element)
    return () => {
      watch.disconnect()
      made.destroy()
      plot.current = null
    }
    // `shape` stands for `series`: a new array with the same lines must not rebuild the plot.
  }, [shape, height, unit, windowSeconds, theme])

  return <div className="plot" ref={place} role="img" aria-label={summary} style={{ height }} />
}

function toData(columns: readonly (readonly (number | null)[])[]): UPlot.AlignedData {
  const [times = [], ...rows] = columns
  return [times.map((time) => time ?? 0), ...rows.map((row) => row.slice())]
}

/** The names of the lines with their strokes, in text beside the plot. */
export function Legend({ series, values }: { readonly series: readonly Series[]; readonly values?: readonly string[] }) {
  return (
    <ul className="legend">
      {series.map((line, n) => (
        <li key={line.label}>
          <span
            aria-hidden="true"
            className={line.dash === undefined ? 'legend-mark' : 'legend-mark legend-dash'}
            style={{ color: `var(${line.ink})` }}
          />
          {line.label}
          {values?.[n] === undefined ? null : <b>{values[n]}</b>}
        </li>
      ))}
    </ul>
  )
}
