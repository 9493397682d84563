import type { EventEndpoint, RouteSet } from '../api/types.ts'
import { count } from '../lib/format.ts'
import { builtInEndpoint, eventSources, healthTone, sourceText, type Way, waysOf } from '../lib/routes.ts'
import { Panel } from '../ui/parts.tsx'

/* Sizes in units of the drawing, which are pixels at its full width. */
const wide = 960
const row = 48
const box = { width: 240, height: 36 }
const left = { sources: 0, routes: (wide - box.width) / 2, endpoints: wide - box.width } as const

/** The places of names in a column of the drawing, spread over its height. */
function placesOf(names: readonly string[], height: number): ReadonlyMap<string, number> {
  const step = height / Math.max(1, names.length)
  return new Map(names.map((name, n) => [name, step * (n + 0.5)]))
}

/** A soft line from the right end of one box to the left end of another. */
function line(fromX: number, fromY: number, toX: number, toY: number): string {
  const middle = (fromX + toX) / 2
  return `M${fromX} ${fromY}C${middle} ${fromY} ${middle} ${toY} ${toX} ${toY}`
}

function Box({
  x,
  y,
  title,
  note,
  tone = 'quiet',
}: {
  readonly x: number
  readonly y: number
  readonly title: string
  readonly note?: string
  readonly tone?: string
}) {
  const top = y - box.height / 2
  return (
    <g className={`way-box way-${tone}`}>
      <rect x={x + 0.5} y={top} width={box.width - 1} height={box.height} rx="4" />
      <text x={x + 12} y={note === undefined ? y + 5 : y - 2} className="way-title">
        {title.length > 30 ? `${title.slice(0, 29)}…` : title}
      </text>
      {note === undefined ? null : (
        <text x={x + 12} y={y + 12} className="way-note">
          {note}
        </text>
      )}
    </g>
  )
}

const routeKey = ({ route }: Way): string => route ?? '\u0000fallback'

/** What goes where, drawn: sources, routes and endpoints, with what each endpoint has got so far. */
export function RouteDrawing({ set, endpoints }: { readonly set: RouteSet; readonly endpoints: readonly EventEndpoint[] }) {
  const ways = waysOf(set)
  const sources = eventSources.map(([name]) => name).filter((name) => ways.some(({ source }) => source === name))
  const targets = [
    ...endpoints.map(({ name }) => name),
    ...(ways.some(({ endpoint }) => endpoint === builtInEndpoint) ? [builtInEndpoint] : []),
  ]
  const height = row * Math.max(1, sources.length, ways.length, targets.length)
  const at = {
    sources: placesOf(sources, height),
    routes: placesOf(ways.map(routeKey), height),
    endpoints: placesOf(targets, height),
  }
  const said = ways.map((way) => `${sourceText(way.source)} go by ${way.route ?? 'the fallback'} to ${way.endpoint}`).join('; ')
  return (
    <Panel title="Ways" flush>
      <div className="ways" tabIndex={0} role="region" aria-label="Ways of events, drawn">
        <svg viewBox={`0 0 ${wide} ${height}`} width={wide} role="img" aria-label={said === '' ? 'Nothing goes anywhere.' : said}>
          {ways.map((way) => {
            const [from, over, to] = [
              at.sources.get(way.source) ?? 0,
              at.routes.get(routeKey(way)) ?? 0,
              at.endpoints.get(way.endpoint) ?? 0,
            ]
            return (
              <path
                key={routeKey(way)}
                className={way.isOn ? 'way-line' : 'way-line way-off'}
                d={`${line(box.width, from, left.routes, over)}${line(left.routes + box.width, over, left.endpoints, to)}`}
              />
            )
          })}
          {sources.map((name) => (
            <Box key={name} x={left.sources} y={at.sources.get(name) ?? 0} title={sourceText(name)} />
          ))}
          {ways.map((way) => (
            <Box
              key={routeKey(way)}
              x={left.routes}
              y={at.routes.get(routeKey(way)) ?? 0}
              title={way.route ?? 'fallback'}
              note={way.route === undefined ? 'what no route matches' : way.isOn ? 'on' : 'off'}
              tone={way.isOn ? 'accent' : 'quiet'}
            />
          ))}
          {targets.map((name) => {
            const known = endpoints.find((one) => one.name === name)
            return (
              <Box
                key={name}
                x={left.endpoints}
                y={at.endpoints.get(name) ?? 0}
                title={name}
                note={
                  known === undefined
                    ? 'built in, read at any time'
                    : `${count(known.delivered)} delivered, ${count(known.lagRecords)} behind`
                }
                tone={known === undefined ? 'ok' : healthTone(known.health)}
              />
            )
          })}
        </svg>
      </div>
    </Panel>
  )
}
