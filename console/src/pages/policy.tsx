import { useQuery } from '@tanstack/react-query'
import { Link, useParams, useRouter } from '@tanstack/react-router'
import { useState } from 'react'
import { fetchPolicy, planPolicies, removePolicy } from '../api/policies.ts'
import { queryClient } from '../api/query-client.ts'
import type { PolicyDetail } from '../api/types.ts'
import { dateTime } from '../lib/format.ts'
import { announce } from '../ui/announce.tsx'
import { Confirm, type Question } from '../ui/confirm.tsx'
import { CopyButton } from '../ui/copy.tsx'
import { Editor } from '../ui/editor.tsx'
import { Facts, PageHead, Panel, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { Origin } from './policies.tsx'
import { appliedText, PlanView } from './policy-plan.tsx'

function Actions({ policy, told }: { readonly policy: PolicyDetail; readonly told: (receipt: string) => void }) {
  const router = useRouter()
  const [question, setQuestion] = useState<Question | null>(null)
  const [error, setError] = useState<unknown>(null)
  const { name, origin } = policy
  const ask = async (): Promise<void> => {
    setError(null)
    try {
      const plan = await planPolicies({ remove: name })
      setQuestion({
        title: `Remove ${name}?`,
        body: <PlanView plan={plan} />,
        verb: 'Remove',
        wide: true,
        act: async () => {
          const receipt = appliedText(await removePolicy(name, plan.from))
          announce(receipt)
          told(receipt)
          await queryClient.invalidateQueries({ queryKey: ['policies'] })
          // A built-in document of that name steps in again; otherwise there is nothing left to show here.
          const back = await fetchPolicy(name).catch(() => undefined)
          if (back === undefined) await router.navigate({ to: '/policies' })
          else queryClient.setQueryData(['policies', 'one', name], back)
        },
      })
    } catch (problem) {
      setError(problem)
    }
  }
  return (
    <>
      {name === 'hub-checks' ? (
        <span className="quiet">belongs to the hub</span>
      ) : (
        <Link to="/edit-policy" search={{ name }} className="button button-main">
          {origin === 'built-in' ? 'Replace…' : 'Edit'}
        </Link>
      )}
      {origin === 'built-in' ? null : (
        <button type="button" className="button button-danger" onClick={() => void ask()}>
          Remove…
        </button>
      )}
      {error === null ? null : <ProblemNote error={error} />}
      <Confirm question={question} close={() => setQuestion(null)} />
    </>
  )
}

/** One document: its text, who applied it, and what may be done with it. */
export function PolicyPage() {
  const { name } = useParams({ from: '/app/policies/$name' })
  const [receipt, setReceipt] = useState<string | null>(null)
  const query = useQuery({ queryKey: ['policies', 'one', name], queryFn: () => fetchPolicy(name) })
  const policy = query.data
  if (policy === undefined)
    return (
      <div className="page">
        <PageHead title={name} lead={<Link to="/policies">Policies</Link>} />
        {query.error === null ? (
          <Skeleton rows={8} label="Loading the document" />
        ) : (
          <ProblemNote error={query.error} retry={() => void query.refetch()} />
        )}
      </div>
    )
  return (
    <div className="page">
      <PageHead
        title={name}
        lead={
          <>
            <Link to="/policies">Policies</Link> · <Origin origin={policy.origin} />
          </>
        }
      >
        <Actions policy={policy} told={setReceipt} />
      </PageHead>
      {receipt === null ? null : (
        <p className="receipt" role="status" data-receipt="">
          {receipt}
        </p>
      )}
      {policy.trouble === null ? null : (
        <div className="problem" role="alert">
          <p className="problem-title">This document allows nothing: {policy.trouble}</p>
          <p>Apply it again.</p>
        </div>
      )}
      <Panel title="Document" aside={<CopyButton text={policy.text} what="text of the document" />}>
        <Editor label={`Text of ${name}`} text={policy.text} />
        <Facts
          pairs={[
            ['Kind', policy.kind],
            ['Rules', policy.kind === 'PolicyTests' ? 'none, only tests' : String(policy.rules)],
            ['Tests', String(policy.tests)],
            ...(policy.appliedAt === null
              ? []
              : [['Applied', `${dateTime(policy.appliedAt)} by ${policy.actor ?? 'unknown'}, version ${policy.version}`] as const]),
            [
              'SHA-256',
              <code key="digest" className="wrap-code">
                {policy.digest}
              </code>,
            ],
          ]}
        />
      </Panel>
    </div>
  )
}
