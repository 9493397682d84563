import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { explain } from '../api/hub.ts'
import { actions } from '../lib/facts.ts'
import { Empty, PageHead, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { DecisionView } from './decision.tsx'

/** Asks the decision engine that also answers devices: may this device do this, and which rule says so. */
export function ExplainPage() {
  const asked = useSearch({ from: '/app/explain' })
  const navigate = useNavigate({ from: '/explain' })
  const [device, setDevice] = useState(asked.device ?? '')
  const [action, setAction] = useState(asked.action ?? 'publish')
  const [topic, setTopic] = useState(asked.topic ?? '')
  const complete = asked.device !== undefined && asked.action !== undefined && (asked.action === 'connect' || asked.topic !== undefined)
  const query = useQuery({
    queryKey: ['explain', asked.device, asked.action, asked.topic],
    queryFn: () => explain(asked.device ?? '', asked.action ?? 'publish', asked.topic),
    enabled: complete,
    staleTime: 0,
  })
  return (
    <div className="page page-narrow">
      <PageHead title="Explain" lead="May this device do this? The answer comes from the same engine that answers the device." />
      <form
        className="form form-line"
        onSubmit={(event) => {
          event.preventDefault()
          void navigate({ search: { device: device.trim(), action, ...(action === 'connect' || topic === '' ? {} : { topic }) } })
          if (complete) void query.refetch()
        }}
      >
        <label className="field">
          <span>Device</span>
          <input
            value={device}
            required
            data-search=""
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            placeholder="pump-1"
            onChange={(event) => setDevice(event.target.value)}
          />
        </label>
        <label className="field">
          <span>Action</span>
          <select value={action} onChange={(event) => setAction(actions.find((each) => each === event.target.value) ?? 'publish')}>
            {actions.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label className="field grow">
          <span>{action === 'subscribe' ? 'Topic filter' : 'Topic name'}</span>
          <input
            value={action === 'connect' ? '' : topic}
            required={action !== 'connect'}
            disabled={action === 'connect'}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            placeholder={action === 'connect' ? 'not needed' : 'devices/pump-1/messages/events/'}
            onChange={(event) => setTopic(event.target.value)}
          />
        </label>
        <button type="submit" className="button button-main">
          Explain
        </button>
      </form>
      <div aria-live="polite">
        {complete && query.isFetching && query.data === undefined ? <Skeleton rows={4} label="Asking" /> : null}
        {query.error === null ? null : <ProblemNote error={query.error} retry={() => void query.refetch()} />}
        {query.data === undefined ? null : <DecisionView decision={query.data} />}
        {complete ? null : (
          <Empty title="Nothing asked yet.">
            <p>
              The same in a terminal: <code>npx thingwall explain pump-1 publish plant/other/x</code>
            </p>
          </Empty>
        )}
      </div>
    </div>
  )
}
