import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { fetchTwin } from '../api/twins.ts'
import type { Twin } from '../api/types.ts'
import { nameOf, type Who } from '../api/who.ts'
import { jsonText } from '../lib/json-text.ts'
import type { TwinText } from '../lib/twin-past.ts'
import { CodeBlock } from '../ui/copy.tsx'
import { Badge, Empty, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Ago } from '../ui/time.tsx'
import { TwinEditor } from './twin-editor.tsx'
import { TwinHistoryPanel } from './twin-history.tsx'

const refreshMs = 3000

function Reported({ twin }: { readonly twin: Twin }) {
  const { properties, metadata, version } = twin.reported
  const at = metadata['$lastUpdated']
  const isEmpty = Object.keys(properties).length === 0
  return (
    <Panel
      title="Reported properties"
      aside={
        <span className="quiet">
          version {version}
          {isEmpty || typeof at !== 'string' ? null : (
            <>
              , <Ago at={at} />
            </>
          )}
        </span>
      }
    >
      {isEmpty ? <Empty title="It has reported nothing so far." /> : <CodeBlock text={jsonText(properties)} what="reported properties" />}
      {twin.modelId === '' ? null : (
        <p className="quiet">
          Model <code>{twin.modelId}</code>
        </p>
      )}
      {Object.keys(twin.configurations).length === 0 ? null : (
        <ul className="plain-list" aria-label="Configurations">
          {Object.entries(twin.configurations).map(([id, status]) => (
            <li key={id}>
              <Badge tone={status === 'Applied' ? 'ok' : 'quiet'}>{status}</Badge> {id}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

/** The twin of a device or a module: what is wanted of it, what it says, and how that came to be. */
export function TwinView({ who }: { readonly who: Who }) {
  const name = nameOf(who)
  const query = useQuery({ queryKey: ['twin', name], queryFn: () => fetchTwin(who), refetchInterval: refreshMs })
  // A text that somebody else proposes to the editor, by a number so that the same one can come twice.
  const [proposed, setProposed] = useState<{ readonly n: number; readonly text: TwinText } | null>(null)
  const twin = query.data
  if (twin === undefined)
    return query.error === null ? (
      <Skeleton rows={10} label="Loading the twin" />
    ) : (
      <ProblemNote error={query.error} retry={() => void query.refetch()} />
    )
  return (
    <>
      <div className="columns columns-2">
        <TwinEditor key={name} who={who} twin={twin} proposed={proposed} />
        <Reported twin={twin} />
      </div>
      <TwinHistoryPanel who={who} twin={twin} propose={(text) => setProposed({ n: (proposed?.n ?? 0) + 1, text })} />
    </>
  )
}
