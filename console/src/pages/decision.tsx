import type { Decision } from '../api/types.ts'
import { Badge } from '../ui/parts.tsx'

/** An answer of the decision engine: yes or no, the rule, why, and the smallest change that would turn a no into a yes. */
export function DecisionView({ decision }: { readonly decision: Decision }) {
  return (
    <div
      className={decision.allowed ? 'decision decision-yes' : 'decision decision-no'}
      data-decision={decision.allowed ? 'allowed' : 'denied'}
    >
      <p className="decision-head">
        <Badge tone={decision.allowed ? 'ok' : 'bad'}>{decision.allowed ? 'allowed' : 'denied'}</Badge>
        <span>
          {decision.device} · {decision.action}
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
        <div>
          <dt>Rule</dt>
          <dd>{decision.rule === null ? 'none: what no rule allows is denied' : <code>{decision.rule}</code>}</dd>
        </div>
        {decision.change === null ? null : (
          <div>
            <dt>Smallest change</dt>
            <dd>{decision.change}</dd>
          </div>
        )}
        {decision.checked.length === 0 ? null : (
          <div>
            <dt>Rules looked at</dt>
            <dd>
              <ul className="plain-list">
                {decision.checked.map((rule) => (
                  <li key={rule.rule}>
                    <code>{rule.rule}</code> {rule.matched ? 'matches' : 'does not match'}:{' '}
                    <code>{[rule.topics].flat().join(', ') || 'no topic'}</code>
                  </li>
                ))}
              </ul>
            </dd>
          </div>
        )}
      </dl>
    </div>
  )
}
