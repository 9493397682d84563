import { useQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { fetchPolicy } from '../api/policies.ts'
import { draftOf, keepDraft } from '../lib/drafts.ts'
import { PageHead, ProblemNote, Skeleton } from '../ui/parts.tsx'
import { PolicyEditor } from './policy-editor.tsx'

/** A first document to be changed: one device may publish elsewhere, and two tests say so. */
const template = `apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthorization
metadata: {name: site-rules}
spec:
  authorizationPolicies:
    rules:
      - name: line-2
        principals: {attributes: [{thingwall.device: pump-1}]}
        brokerResources:
          - {method: Publish, topics: ["plant/line-2/{principal.username}/#"]}
tests:
  - {as: {device: pump-1}, allow: publish, topic: plant/line-2/pump-1/state}
  - {as: {device: pump-2}, deny: publish, topic: plant/line-2/pump-1/state}
`

/** Writes a document, or a new one: checked while one types, planned before it is applied. */
export function EditPolicyPage() {
  const { name } = useSearch({ from: '/app/edit-policy' })
  const query = useQuery({
    queryKey: ['policies', 'one', name],
    queryFn: () => fetchPolicy(name ?? ''),
    enabled: name !== undefined,
    staleTime: 0,
    retry: false,
  })
  // A document that was removed may come back from its past: then the draft is all there is.
  const gone = query.error !== null && draftOf(name ?? '') !== undefined
  const stored = name === undefined ? template : (query.data?.text ?? (gone ? '' : undefined))
  return (
    <div className="page">
      <PageHead
        title={name === undefined ? 'New document' : `Edit ${name}`}
        lead={
          <>
            <Link to="/policies">Policies</Link>
            {name === undefined || gone ? null : (
              <>
                {' · '}
                <Link to="/policies/$name" params={{ name }}>
                  {name}
                </Link>
              </>
            )}
          </>
        }
      />
      {stored === undefined && query.error !== null ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : null}
      {stored === undefined && query.error === null ? <Skeleton rows={12} label="Loading the document" /> : null}
      {stored === undefined ? null : <Draft key={name ?? ''} name={name ?? ''} stored={stored} />}
    </div>
  )
}

/** The text as it is being written, kept while one looks at other pages. */
function Draft({ name, stored }: { readonly name: string; readonly stored: string }) {
  const [text, setText] = useState(() => draftOf(name) ?? stored)
  const write = (next: string): void => {
    setText(next)
    keepDraft(name, next === stored ? undefined : next)
  }
  return (
    <PolicyEditor
      text={text}
      change={write}
      {...(text === stored ? {} : { undo: () => write(stored) })}
      applied={() => keepDraft(name, undefined)}
    />
  )
}
