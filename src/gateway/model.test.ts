import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compiled, liveAll } from './model-run.test.ts'
import { actors, filters, roleCount, subjectOf, topics } from '../../test/model/alphabet.ts'
import { type ModelAction, allows } from '../../test/model/authority.ts'

/*
 * Random policies and random histories (connect, resume, takeover, publish at every QoS, retain, wills, shared subscriptions, changes of
 * policy and of attributes, expiry of messages, sessions and credentials) on the real engine, against a model of plain lists. After each
 * step every packet and every missing packet is accounted for. At the end of each history everyone comes back under a policy that allows
 * everything, and nothing that was owed may be missing then, nothing may be held, and the journal has what was allowed to be published.
 *
 * The suite plays 20,000 here and in `model-more.test.ts`, and 100,000 of the engine alone in `src/broker/history.model.test.ts`; THINGWALL_HISTORIES
 * plays more, THINGWALL_SEED plays one again.
 *
 * Each of these, put into the engine by hand, is found, with the history cut down to a few steps:
 *   - what waits is not judged by the right to receive              - a session is resumed without being judged again
 *   - a change of policy leaves the queue                           - routes outlive a change of policy
 *   - decisions about topics outlive a change of policy             - what is retained outlives its owner's right
 *   - what is retained and waits for SUBACK is not judged again     - a will is not judged when it is sent
 *   - a shared subscription always chooses the same member          - what a member leaves behind is not handed on
 *   - a takeover sends again twice                                  - a QoS 2 identifier is forgotten, at once or with its connection
 *   - messages do not expire                                        - sessions do not expire
 */

test('every decision of random policies is the one of the specification [edge 1.11]', () => {
  let allowed = 0
  let decisions = 0
  for (const [index, set] of compiled.entries())
    for (let who = 0; who < actors * roleCount; who++) {
      const subject = subjectOf(Math.floor(who / roleCount), who % roleCount)
      const policy = set.bind(subject)
      const same = (action: ModelAction, text: string, rule: string | undefined) => {
        decisions++
        if (rule !== undefined) allowed++
        if (allows(index, subject, action, text) !== (rule !== undefined))
          assert.fail(`policy ${index}: ${JSON.stringify(subject)} ${action} ${text}`)
      }
      same('connect', '', policy.connect())
      for (const topic of topics) same('publish', topic, policy.publish(topic))
      for (const topic of topics) same('receive', topic, policy.receive(topic))
      for (const filter of [...filters, '$share/g1/+/#']) same('subscribe', filter, policy.subscribe(filter))
    }
  assert.ok(decisions > 100_000 && allowed > decisions / 4 && allowed < (decisions * 3) / 4)
})

const seed = process.env['THINGWALL_SEED']
const histories = Number(process.env['THINGWALL_HISTORIES'] ?? (seed === undefined ? 10_000 : 1))

test(`${histories} histories from seed ${seed ?? 1}: nothing denied is taken or delivered, nothing allowed is lost or comes twice`, () =>
  liveAll(Number(seed ?? 1), histories))
