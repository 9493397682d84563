import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { testConfiguration } from '../api/configurations.ts'
import { toProblem } from '../api/problem.ts'
import type { Configuration } from '../api/types.ts'
import { plural } from '../lib/format.ts'
import { Badge } from '../ui/parts.tsx'
import { PairFields, type Pair, pairsOf, pairsToObject } from './pair-fields.tsx'

const settleMs = 400

/** What can be changed of a configuration, as it is typed. */
export type ConfigurationDraft = {
  readonly targetCondition: string
  readonly priority: string
  readonly labels: readonly Pair[]
  readonly metrics: readonly Pair[]
}

/** The draft that a configuration begins with. */
export const draftOf = ({
  targetCondition,
  priority,
  labels,
  metrics,
}: Pick<Configuration, 'targetCondition' | 'priority' | 'labels' | 'metrics'>): ConfigurationDraft => ({
  targetCondition,
  priority: String(priority),
  labels: pairsOf(labels),
  metrics: pairsOf(metrics),
})

/** A draft as the hub takes it. */
export const patchOf = ({ targetCondition, priority, labels, metrics }: ConfigurationDraft) => ({
  targetCondition: targetCondition.trim(),
  priority: Number(priority),
  labels: pairsToObject(labels),
  metrics: pairsToObject(metrics),
})

/** Whom the condition is true of now, and what is wrong with the queries. */
function Tested({ draft }: { readonly draft: ConfigurationDraft }) {
  const wanted = JSON.stringify([draft.targetCondition.trim(), pairsToObject(draft.metrics)])
  const [settled, setSettled] = useState(wanted)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(wanted), settleMs)
    return () => clearTimeout(timer)
  }, [wanted])
  const query = useQuery({
    // The text stands for the draft: a new object with the same words asks nothing.
    queryKey: ['configuration-test', settled],
    queryFn: () => testConfiguration(draft.targetCondition.trim(), pairsToObject(draft.metrics)),
    retry: false,
    staleTime: 0,
  })
  if (query.error !== null) return <p className="ink-bad">{toProblem(query.error).message}</p>
  if (query.data === undefined) return <p className="quiet">Counting…</p>
  const { targetConditionError, metricErrors, targets } = query.data
  return (
    <div className="gaps">
      {targetConditionError === '' ? (
        <p data-count={targets ?? 0}>
          <Badge tone={targets === 0 ? 'warn' : 'accent'}>{targets === null ? 'not countable' : plural(targets, 'target')}</Badge>{' '}
          <span className="quiet">now</span>
        </p>
      ) : (
        <p className="ink-bad">{targetConditionError}</p>
      )}
      {Object.entries(metricErrors).map(([name, message]) =>
        message === '' ? null : (
          <p key={name} className="ink-bad">
            {name}: {message}
          </p>
        ),
      )}
    </div>
  )
}

/** The fields of a configuration that can be changed later, tried while one types. */
export function ConfigurationFields({
  draft,
  change,
}: {
  readonly draft: ConfigurationDraft
  readonly change: (draft: ConfigurationDraft) => void
}) {
  return (
    <>
      <label className="field">
        <span>
          Target condition <span className="optional">* is every device, nothing is nobody</span>
        </span>
        <textarea
          rows={3}
          value={draft.targetCondition}
          spellCheck={false}
          placeholder="tags.site = 'north'"
          onChange={(event) => change({ ...draft, targetCondition: event.target.value })}
        />
      </label>
      <div aria-live="polite">
        <Tested draft={draft} />
      </div>
      <label className="field">
        <span>Priority</span>
        <input
          type="number"
          min={0}
          required
          value={draft.priority}
          onChange={(event) => change({ ...draft, priority: event.target.value })}
        />
      </label>
      <PairFields legend="Metrics" one="metric" wide pairs={draft.metrics} change={(metrics) => change({ ...draft, metrics })} />
      <PairFields legend="Labels" one="label" pairs={draft.labels} change={(labels) => change({ ...draft, labels })} />
    </>
  )
}
