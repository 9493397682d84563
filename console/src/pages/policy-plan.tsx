import type { AppliedPolicy, PlannedEffect, PolicyPlan } from '../api/types.ts'
import { count, milliseconds, plural } from '../lib/format.ts'
import { Badge, Facts } from '../ui/parts.tsx'
import { TestsView } from './policy-tests.tsx'

const tones = { added: 'ok', changed: 'accent', removed: 'warn' } as const

/** Whether somebody would lose something that is in use now. */
export function isHarsh(plan: PolicyPlan): boolean {
  return plan.sessions.closed + plan.subscriptionsLost + plan.publishesLost + plan.retainedHidden > 0
}

/** The receipt in a sentence. */
export function appliedText({ version, effect, tests, elapsedMs }: AppliedPolicy): string {
  return [
    `Version ${version} is in force after ${milliseconds(elapsedMs)} ms: ${plural(effect.sessionsClosed, 'session')} closed`,
    `${plural(effect.subscriptionsRemoved, 'subscription')} removed`,
    `${plural(effect.messagesDropped, 'message')} dropped`,
    `${plural(effect.retainedHidden, 'retained message')} hidden`,
    `${plural(tests, 'test')} passed.`,
  ].join(', ')
}

function Diff({ lines }: { readonly lines: readonly string[] }) {
  if (lines.length === 0) return <p className="quiet">No rule goes or comes.</p>
  return (
    <pre className="diff" tabIndex={0} role="region" aria-label="Rules that go and come">
      {lines.map((line, n) => (
        <code key={n} className={line.startsWith('+ ') ? 'diff-come' : line.startsWith('- ') ? 'diff-go' : 'diff-name'}>
          {line}
          {'\n'}
        </code>
      ))}
    </pre>
  )
}

function Words({ label, words }: { readonly label: string; readonly words: readonly string[] }) {
  if (words.length === 0) return null
  return (
    <li>
      <span className="quiet">{label}</span>{' '}
      {words.map((word, n) => (
        <span key={word}>
          {n === 0 ? '' : ', '}
          <code>{word}</code>
        </span>
      ))}
    </li>
  )
}

/** What becomes of the session itself. */
function Fate({ effect }: { readonly effect: PlannedEffect }) {
  if (effect.closed) return <Badge tone="bad">shut out</Badge>
  if (effect.connected && effect.subscriptionsLost.length > 0) return <Badge tone="warn">disconnected</Badge>
  return effect.connected ? 'stays connected' : <span className="quiet">away</span>
}

function EffectRow({ effect }: { readonly effect: PlannedEffect }) {
  return (
    <tr>
      <th scope="row">{effect.identity}</th>
      <td className="wide-only">
        <code>{effect.clientId}</code>
      </td>
      <td>
        <Fate effect={effect} />
      </td>
      <td>
        <ul className="plain-list">
          <Words label="loses subscription" words={effect.subscriptionsLost} />
          <Words label="cannot publish, and did lately," words={effect.publishesLost} />
          <Words label="loses the right to" words={effect.rightsLost} />
          <Words label="wins the right to" words={effect.rightsGained} />
          {effect.queued === 0 ? null : <li className="quiet">{plural(effect.queued, 'message')} waiting for it</li>}
        </ul>
      </td>
    </tr>
  )
}

/** What a change would do, before it is done: rules, sessions, and how the tests come out unless that is said elsewhere. */
export function PlanView({ plan, tests = true }: { readonly plan: PolicyPlan; readonly tests?: boolean }) {
  const { sessions, affected } = plan
  const hit = sessions.losing + sessions.gaining
  return (
    <div className="form" data-plan={plan.from}>
      <Facts
        pairs={[
          [
            'Documents',
            plan.documents.length === 0
              ? 'none differs from what is in force'
              : plan.documents.map(({ name, change }) => (
                  <span key={name} className="plan-document">
                    <Badge tone={tones[change]}>{change}</Badge> <code>{name}</code>
                  </span>
                )),
          ],
          [
            'Sessions',
            `${count(sessions.judged)} judged: ${count(sessions.closed)} may not connect any more, ${count(sessions.losing)} lose rights, ${count(sessions.gaining)} win`,
          ],
          [
            'In use and lost',
            `${plural(plan.subscriptionsLost, 'subscription')}, ${plural(plan.publishesLost, 'lately used topic')}, ${plural(plan.retainedHidden, 'retained message')} hidden, at most ${plural(plan.queuedAtRisk, 'waiting message')} dropped`,
          ],
        ]}
      />
      <Diff lines={plan.diff} />
      {affected.length === 0 ? null : (
        <div className="table-frame" tabIndex={0} role="region" aria-label="Sessions affected">
          <table className="table table-dense">
            <caption className="hidden">Sessions that lose or win something</caption>
            <thead>
              <tr>
                <th scope="col">Who</th>
                <th scope="col" className="wide-only">
                  Client identifier
                </th>
                <th scope="col">Session</th>
                <th scope="col">What changes</th>
              </tr>
            </thead>
            <tbody>
              {affected.map((effect) => (
                <EffectRow key={`${effect.identity} ${effect.clientId}`} effect={effect} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {hit > affected.length && affected.length >= 200 ? <p className="quiet">The first {count(affected.length)} are shown.</p> : null}
      {plan.subscriptionsLost === 0 ? null : (
        <p className="quiet">Whoever loses a subscription while connected is disconnected, and may come back.</p>
      )}
      {tests ? <TestsView results={plan.tests} /> : null}
    </div>
  )
}
