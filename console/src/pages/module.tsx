import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useRouter, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { deleteModule, fetchModule } from '../api/modules.ts'
import { queryClient } from '../api/query-client.ts'
import { dateTime, receiptText } from '../lib/format.ts'
import { announce } from '../ui/announce.tsx'
import { Confirm, type Question } from '../ui/confirm.tsx'
import { Dot, Facts, PageHead, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { MessagesView } from './messages.tsx'
import { MethodsView } from './methods.tsx'
import { proofText } from './modules.tsx'
import { TwinView } from './twin.tsx'

const refreshMs = 5000

/** One module of a device: its twin, its methods and its messages. */
export function ModulePage() {
  const { id, module } = useParams({ from: '/app/devices/$id/modules/$module' })
  const { tab } = useSearch({ from: '/app/devices/$id/modules/$module' })
  const navigate = useNavigate({ from: '/devices/$id/modules/$module' })
  const router = useRouter()
  const [question, setQuestion] = useState<Question | null>(null)
  const query = useQuery({ queryKey: ['module', id, module], queryFn: () => fetchModule(id, module), refetchInterval: refreshMs })
  const one = query.data
  const who = { device: id, module }
  const remove: Question = {
    title: `Delete ${module} of ${id}?`,
    body: <p>The module leaves the registry with its twin, and its sessions end. What it has sent stays in the journal.</p>,
    verb: 'Delete',
    typed: module,
    act: async () => {
      const { receipt } = await deleteModule(id, module)
      announce(`${module} is deleted: ${receiptText(receipt)}.`)
      queryClient.removeQueries({ queryKey: ['module', id, module] })
      await router.navigate({ to: '/devices/$id', params: { id }, search: { tab: 'modules' } })
    },
  }
  return (
    <div className="page">
      <PageHead
        title={module}
        lead={
          <>
            <Link to="/devices">Devices</Link> ·{' '}
            <Link to="/devices/$id" params={{ id }} search={{ tab: 'modules' }}>
              {id}
            </Link>
            {one === undefined ? null : (
              <>
                {' · '}
                <Dot on={one.connected}>{one.connected ? 'connected' : 'not connected'}</Dot>
              </>
            )}
          </>
        }
      >
        <button type="button" className="button" disabled={one === undefined} onClick={() => setQuestion(remove)}>
          Delete…
        </button>
      </PageHead>
      {one === undefined ? (
        query.error === null ? (
          <Skeleton rows={10} label="Loading the module" />
        ) : (
          <ProblemNote error={query.error} retry={() => void query.refetch()} />
        )
      ) : (
        <>
          <Facts
            pairs={[
              ['Authentication', proofText(one.authentication.type)],
              ...(one.managedBy === null || one.managedBy === '' ? [] : [['Managed by', one.managedBy] as const]),
              ['Added', dateTime(one.createdAt)],
            ]}
          />
          <Tabs
            label={`Parts of ${module}`}
            at={tab ?? 'twin'}
            goTo={(chosen) => void navigate({ search: chosen === 'twin' ? {} : { tab: chosen }, replace: true })}
            tabs={[
              { id: 'twin', label: 'Twin', body: <TwinView who={who} /> },
              { id: 'methods', label: 'Methods', body: <MethodsView who={who} /> },
              { id: 'messages', label: 'Messages', body: <MessagesView who={who} /> },
            ]}
          />
        </>
      )}
      <Confirm question={question} close={() => setQuestion(null)} />
    </div>
  )
}
