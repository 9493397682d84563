import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { fetchEndpoints, fetchRoutes } from '../api/routes.ts'
import type { EventEndpoint } from '../api/types.ts'
import { count, plural } from '../lib/format.ts'
import { PageHead, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Legend, Plot, type Series } from '../ui/plot.tsx'
import { wallTime } from '../ui/time.tsx'
import { DeadLettersPanel } from './dead-letters.tsx'
import { RouteDrawing } from './route-drawing.tsx'
import { EndpointsPanel } from './route-endpoints.tsx'
import { RoutesPanel } from './route-list.tsx'
import { RouteTestPanel } from './route-test.tsx'

const refreshMs = 2000
/** Ten minutes of lag are kept while the page is open. */
const samplesKept = 300
const inks = ['--series-1', '--series-2', '--series-3', '--series-4', '--series-5', '--series-6'] as const

const shownSeconds = 120

type Sample = { readonly at: number; readonly lag: ReadonlyMap<string, number> }

/** The lag of every endpoint since the page was opened. */
function useLag(endpoints: readonly EventEndpoint[] | undefined, askedAt: number): readonly Sample[] {
  const [samples, setSamples] = useState<readonly Sample[]>([])
  useEffect(() => {
    if (endpoints === undefined) return
    const lag = new Map(endpoints.map(({ name, lagRecords }) => [name, lagRecords]))
    setSamples((old) => [...old, { at: wallTime() / 1000, lag }].slice(-samplesKept))
    // What has not changed is the same object, but a sample none the less.
  }, [endpoints, askedAt])
  return samples
}

function LagPanel({ endpoints, samples }: { readonly endpoints: readonly EventEndpoint[]; readonly samples: readonly Sample[] }) {
  const shown = endpoints.slice(0, inks.length)
  const series = useMemo(
    (): readonly Series[] => shown.map(({ name }, n) => ({ label: name, ink: inks[n] ?? '--series-1' })),
    [shown.map(({ name }) => name).join(' ')],
  )
  return (
    <Panel title="Lag, records of the journal" aside={<Legend series={series} values={shown.map(({ lagRecords }) => count(lagRecords))} />}>
      <Plot
        columns={[samples.map(({ at }) => at), ...shown.map(({ name }) => samples.map(({ lag }) => lag.get(name) ?? null))]}
        series={series}
        height={160}
        window={shownSeconds}
        summary={shown.map(({ name, lagRecords }) => `${name} is ${plural(lagRecords, 'record')} behind`).join(', ')}
      />
    </Panel>
  )
}

/** Where events go: from which sources, by which routes, to which endpoints, how far each of them is, and what they would not take. */
export function RoutesPage() {
  const routes = useQuery({ queryKey: ['routes'], queryFn: fetchRoutes, refetchInterval: refreshMs })
  const made = useQuery({ queryKey: ['endpoints'], queryFn: fetchEndpoints, refetchInterval: refreshMs })
  const endpoints = made.data?.endpoints
  const samples = useLag(endpoints, made.dataUpdatedAt)
  const set = routes.data
  const error = routes.error ?? made.error
  if (set === undefined || endpoints === undefined)
    return (
      <div className="page">
        <PageHead title="Routes" lead="Asking the hub…" />
        {error === null ? (
          <Skeleton rows={10} label="Loading routes" />
        ) : (
          <ProblemNote
            error={error}
            retry={() => {
              void routes.refetch()
              void made.refetch()
            }}
          />
        )}
      </div>
    )
  return (
    <div className="page">
      <PageHead
        title="Routes"
        lead={`${plural(set.routes.length, 'route')} to ${plural(endpoints.length, 'endpoint')} besides the built-in one, version ${set.version}.`}
      />
      <RouteDrawing set={set} endpoints={endpoints} />
      {endpoints.length === 0 ? null : <LagPanel endpoints={endpoints} samples={samples} />}
      <RoutesPanel set={set} endpoints={endpoints} />
      <EndpointsPanel endpoints={endpoints} />
      <DeadLettersPanel total={endpoints.reduce((sum, { deadLetters }) => sum + deadLetters, 0)} />
      <RouteTestPanel />
    </div>
  )
}
