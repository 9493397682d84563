import { Link, useRouter } from '@tanstack/react-router'
import { useState } from 'react'
import { fetchPolicy } from '../api/policies.ts'
import type { Decision } from '../api/types.ts'
import { keepDraft } from '../lib/drafts.ts'
import { isDeviceId } from '../lib/facts.ts'
import { withRule } from '../lib/rule-text.ts'
import { CodeBlock } from '../ui/copy.tsx'
import { Badge, ProblemNote } from '../ui/parts.tsx'

type Patch = NonNullable<Decision['patch']>

/** The text that would turn a no into a yes, to copy or to go on with in the editor. Nothing is applied from here. */
function PatchView({ patch }: { readonly patch: Patch }) {
  const router = useRouter()
  const [error, setError] = useState<unknown>(null)
  const edit = async (): Promise<void> => {
    setError(null)
    try {
      if (patch.isNew) keepDraft('', patch.yaml)
      else {
        const { text } = await fetchPolicy(patch.document)
        const whole = withRule(text, patch.yaml)
        if (whole !== undefined) keepDraft(patch.document, whole)
      }
      await router.navigate({ to: '/edit-policy', search: patch.isNew ? {} : { name: patch.document } })
    } catch (problem) {
      setError(problem)
    }
  }
  return (
    <div className="gaps">
      <p>
        {patch.isNew ? 'This document would allow it:' : 'This rule would allow it, in '}
        {patch.isNew ? null : (
          <>
            <code>rules</code> of <code>{patch.document}</code>:
          </>
        )}
      </p>
      <CodeBlock text={patch.yaml} what={patch.isNew ? 'document' : 'rule'} />
      <button type="button" className="button button-small" onClick={() => void edit()}>
        Open in the editor
      </button>
      {error === null ? null : <ProblemNote error={error} />}
    </div>
  )
}

function attributesText(attributes: Decision['subject']['attributes']): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}

/** An answer of the decision engine: yes or no, the rule, why, and the smallest change that would turn a no into a yes. */
export function DecisionView({ decision }: { readonly decision: Decision }) {
  const { subject, patch } = decision
  const attributes = attributesText(subject.attributes)
  return (
    <div
      className={decision.allowed ? 'decision decision-yes' : 'decision decision-no'}
      data-decision={decision.allowed ? 'allowed' : 'denied'}
    >
      <p className="decision-head">
        <Badge tone={decision.allowed ? 'ok' : 'bad'}>{decision.allowed ? 'allowed' : 'denied'}</Badge>
        <span>
          {isDeviceId(decision.device) ? (
            <Link to="/devices/$id" params={{ id: decision.device }}>
              {decision.device}
            </Link>
          ) : (
            decision.device
          )}{' '}
          · {decision.action}
          {decision.topic === null ? null : (
            <>
              {' · '}
              <code>{decision.topic}</code>
            </>
          )}
        </span>
      </p>
      <p>{decision.reason}</p>
      <dl className="facts">
        {subject.clientId === subject.username ? null : (
          <div>
            <dt>Client identifier</dt>
            <dd>
              <code>{subject.clientId}</code>
            </dd>
          </div>
        )}
        {attributes === '' ? null : (
          <div>
            <dt>Attributes</dt>
            <dd>{attributes}</dd>
          </div>
        )}
        <div>
          <dt>Rule</dt>
          <dd>{decision.rule === null ? 'none: what no rule allows is denied' : <RuleLink rule={decision.rule} />}</dd>
        </div>
        {decision.change === null ? null : (
          <div>
            <dt>Smallest change</dt>
            <dd className="gaps">
              <p>{decision.change}</p>
              {patch === null ? null : <PatchView patch={patch} />}
            </dd>
          </div>
        )}
        {decision.checked.length === 0 ? null : (
          <div>
            <dt>Rules looked at</dt>
            <dd>
              <ul className="plain-list">
                {decision.checked.map((rule) => (
                  <li key={rule.rule}>
                    <RuleLink rule={rule.rule} /> {rule.matched ? 'matches' : 'does not match'}:{' '}
                    {rule.topics.length === 0 ? 'it says nothing of this' : <code>{rule.topics.join(', ')}</code>}
                  </li>
                ))}
              </ul>
            </dd>
          </div>
        )}
        <div>
          <dt>Policy</dt>
          <dd>version {decision.version}</dd>
        </div>
      </dl>
    </div>
  )
}

/** The id of a rule, leading to its document. */
export function RuleLink({ rule }: { readonly rule: string }) {
  return (
    <Link to="/policies/$name" params={{ name: rule.split('/')[0] ?? rule }}>
      <code>{rule}</code>
    </Link>
  )
}
