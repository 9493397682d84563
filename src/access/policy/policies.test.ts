import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditMigrations, openAudit } from '#audit'
import { Fault } from '#base'
import type { Statement, Store } from '#store'
import { FakeClock } from '../../../test/fake-clock.ts'
import { openTestStore } from '../../../test/open-test-store.ts'
import { authorization, someone } from '../../../test/policy-fixture.ts'
import { SeededRandom } from '../../../test/seeded-random.ts'
import { systemGrant } from '../grant.ts'
import { hubChecksDocument } from './built-in.ts'
import { type Policies, openPolicies } from './policies.ts'
import type { PlannedSession } from './plan.ts'
import { type PolicyChanged, type PolicyPorts, noEffect } from './policy-ports.ts'
import { policyMigrations } from './policy-rows.ts'

const write = systemGrant('policy.write', 'hub')
const read = systemGrant('policy.read', 'hub')
const { signal } = new AbortController()
const historian = someone('historian')
const pump = someone('pump-1', 'pump-1', {}, 'device')
const readers = authorization(
  'readers',
  '- {principals: {usernames: [historian]}, brokerResources: [{method: Connect}, {method: Subscribe, topics: ["plant/#"]}]}',
)
const strictDevices = authorization(
  'hub-devices',
  '- {principals: {attributes: [{thingwall.method: device}]}, brokerResources: [{method: Connect}, {method: Publish, topics: ["devices/{principal.username}/messages/events/#"]}]}',
)

/** Policies on a real store and audit log. `fail` makes the next operation on the store throw. */
async function scene() {
  const scope = new AsyncDisposableStack()
  const opened = scope.use(await openTestStore([...auditMigrations, ...policyMigrations]))
  const clock = new FakeClock()
  const knobs: { failing: 'query' | 'commit' | 'after' | undefined; sessions: PlannedSession[] } = { failing: undefined, sessions: [] }
  const broke = (code: string) => new Fault('store/disk', `The disk failed: ${code}.`)
  const store: Store = {
    async query(sql, ...args) {
      if (knobs.failing === 'query') throw broke('EMFILE')
      return await opened.store.query(sql, ...args)
    },
    async commit(statements: readonly Statement[]) {
      if (knobs.failing === 'commit') throw broke('ENOSPC')
      const outcome = await opened.store.commit(statements)
      if (knobs.failing === 'after') throw broke('EIO')
      return outcome
    },
    [Symbol.asyncDispose]: () => opened.store[Symbol.asyncDispose](),
  }
  const audit = await openAudit({ store, clock }, signal)
  const told: PolicyChanged[] = []
  const ports: PolicyPorts = {
    store,
    clock,
    random: new SeededRandom(1),
    fixed: [hubChecksDocument(['thingwall-probe'])],
    commit: audit.commit,
    tell: (fact) => void told.push(fact),
    scene: async () => ({ sessions: knobs.sessions, retained: [] }),
  }
  const open = () => openPolicies(ports, signal)
  return {
    knobs,
    told,
    audit,
    open,
    sql: (sql: string, ...args: string[]) => opened.store.commit([{ sql, args }]),
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  }
}

const codeOf = async (outcome: ReturnType<Policies['apply']>): Promise<string> => {
  const result = await outcome
  return result.ok ? `version ${result.value.version}` : result.error.code
}

test('a document is applied, audited, told, kept over a restart, and taken out again', async () => {
  await using here = await scene()
  const policies = await here.open()
  assert.equal(policies.policyOf(historian).connect(), undefined)
  const applied = await policies.apply(write, { apply: readers })
  assert.ok(applied.ok)
  assert.deepEqual([applied.value.version, applied.value.documents], [1, [{ name: 'readers', change: 'added' }]])
  assert.equal(policies.policyOf(historian).connect(), 'readers/0')
  const again = await here.open()
  assert.deepEqual([again.current.version, again.policyOf(historian).subscribe('plant/+')], [1, 'readers/0'])
  assert.deepEqual(again.health(), [])
  const shown = again.show(read, 'readers')
  assert.deepEqual(shown.ok && [shown.value.text.trim(), shown.value.actor, shown.value.origin], [readers.trim(), 'system:hub', 'applied'])
  assert.equal(await codeOf(again.apply(write, { remove: 'readers' })), 'version 2')
  assert.equal(again.policyOf(historian).connect(), undefined)
  assert.deepEqual(
    here.told.map(({ action, names, version }) => [action, names, version]),
    [
      ['apply', ['readers'], 1],
      ['remove', ['readers'], 2],
    ],
  )
  const { records } = await here.audit.read(systemGrant('audit.read', 'hub'), { after: 0, limit: 10 })
  assert.deepEqual(
    records.map(({ action, resource }) => [action, resource]),
    [
      ['policy.apply', 'policy:readers'],
      ['policy.remove', 'policy:readers'],
    ],
  )
  const history = await again.history(read, 10)
  assert.deepEqual(
    history.map(({ version, text }) => [version, text === null]),
    [
      [2, true],
      [1, false],
    ],
  )
})

test('the built-in document for devices is replaced by one of its name, and comes back when that is removed', async () => {
  await using here = await scene()
  const policies = await here.open()
  assert.equal(policies.policyOf(pump).publish('devices/pump-1/x'), 'hub-devices/own-topics')
  assert.deepEqual(
    policies.list(read).map(({ name, origin }) => `${name} ${origin}`),
    ['hub-checks built-in', 'hub-devices built-in'],
  )
  assert.equal(await codeOf(policies.apply(write, { apply: strictDevices })), 'version 1')
  assert.equal(policies.policyOf(pump).publish('devices/pump-1/x'), undefined)
  assert.equal(
    policies.policyOf(someone('thingwall-probe', 'x', {}, 'device')).subscribe('devices/thingwall-probe/#'),
    'hub-checks/own-topics',
  )
  assert.deepEqual(
    policies.list(read).map(({ name, origin }) => `${name} ${origin}`),
    ['hub-checks built-in', 'hub-devices applied'],
  )
  assert.equal(await codeOf(policies.apply(write, { remove: 'hub-devices' })), 'version 2')
  assert.equal(policies.policyOf(pump).publish('devices/pump-1/x'), 'hub-devices/own-topics')
})

test('what cannot be applied changes nothing and says why', async () => {
  await using here = await scene()
  const policies = await here.open()
  const { current } = policies
  for (const [change, code] of [
    [{ apply: 'a: [' }, 'access/document-malformed'],
    [{ apply: `${readers}---\n${readers.replace('topics: ', 'topic: ')}` }, 'access/policy-invalid'],
    [{ apply: readers.replace('name: readers', 'name: hub-checks') }, 'access/policy-fixed'],
    [{ remove: 'readers' }, 'access/policy-not-found'],
    [{ remove: 'hub-devices' }, 'access/policy-not-found'],
  ] as const)
    assert.equal(await codeOf(policies.apply(write, change)), code)
  assert.equal(await codeOf(policies.apply(write, { apply: readers }, 7)), 'access/policy-conflict')
  assert.equal(policies.current, current)
  assert.equal((await here.open()).current.version, 0)
})

test('of two changes at once one is applied and the other is a conflict', async () => {
  await using here = await scene()
  const policies = await here.open()
  const outcomes = await Promise.all([
    codeOf(policies.apply(write, { apply: readers })),
    codeOf(policies.apply(write, { apply: strictDevices })),
  ])
  assert.deepEqual(outcomes.toSorted(), ['access/policy-conflict', 'version 1'])
  assert.equal((await here.open()).current.version, 1)
})

test('tests in a file block what breaks them, also when another document breaks them later', async () => {
  await using here = await scene()
  const policies = await here.open()
  const tests = `apiVersion: mqttbroker.thingwall/v1
kind: PolicyTests
metadata: {name: promises}
spec:
  tests:
    - {name: pumps keep their topics, as: {device: pump-1}, allow: publish, topic: devices/pump-1/x}
    - {name: pumps stay out of the plant, as: {device: pump-1}, deny: subscribe, topic: "plant/#"}
`
  assert.equal(await codeOf(policies.apply(write, { apply: tests })), 'version 1')
  const broken = await policies.apply(write, { apply: strictDevices })
  assert.ok(!broken.ok)
  assert.deepEqual(
    [broken.error.code, broken.error.tests?.map(({ test }) => test.id)],
    ['access/policy-test-failed', ['promises/tests[0]']],
  )
  assert.equal(policies.policyOf(pump).publish('devices/pump-1/x'), 'hub-devices/own-topics')
  const wide = authorization('wide-open', '- {principals: {usernames: [pump-1]}, brokerResources: [{method: Subscribe, topics: ["#"]}]}')
  assert.equal(await codeOf(policies.apply(write, { apply: wide })), 'access/policy-test-failed')
  assert.equal(await codeOf(policies.apply(write, { remove: 'promises' })), 'version 2')
  assert.equal(await codeOf(policies.apply(write, { apply: strictDevices })), 'version 3')
})

test('listeners hear of the new set and their effects are the receipt', async () => {
  await using here = await scene()
  const policies = await here.open()
  const stop = policies.onChange(() => ({ ...noEffect, sessionsClosed: policies.policyOf(historian).connect() === undefined ? 0 : 1 }))
  policies.onChange(async () => ({ ...noEffect, messagesDropped: 2 }))
  const first = await policies.apply(write, { apply: readers })
  assert.deepEqual(first.ok && first.value.effect, { ...noEffect, sessionsClosed: 1, messagesDropped: 2 })
  assert.deepEqual(here.told[0]?.effect, { ...noEffect, sessionsClosed: 1, messagesDropped: 2 })
  stop()
  const second = await policies.apply(write, { remove: 'readers' })
  assert.deepEqual(second.ok && second.value.effect, { ...noEffect, messagesDropped: 2 })
})

for (const [what, failing] of [
  ['no space', 'commit'],
  ['no free descriptors', 'query'],
] as const) {
  test(`CVE-2017-7652: ${what} at a change or a reload leaves the last good policy in force`, async () => {
    await using here = await scene()
    const policies = await here.open()
    assert.equal(await codeOf(policies.apply(write, { apply: strictDevices })), 'version 1')
    here.knobs.failing = failing
    if (failing === 'commit') await assert.rejects(policies.apply(write, { remove: 'hub-devices' }), Fault)
    await policies.reload()
    assert.equal(policies.policyOf(pump).publish('devices/pump-1/x'), undefined)
    assert.equal(policies.policyOf(pump).publish('devices/pump-1/messages/events/'), 'hub-devices/0')
    assert.equal(policies.health().length, failing === 'query' ? 1 : 0)
    here.knobs.failing = undefined
    await policies.reload()
    assert.deepEqual([policies.current.version, policies.health()], [1, []])
  })
}

test('a change whose commit fails after the disk had it is in force once it was read back', async () => {
  await using here = await scene()
  const policies = await here.open()
  here.knobs.failing = 'after'
  await assert.rejects(policies.apply(write, { apply: strictDevices }), Fault)
  assert.deepEqual([policies.current.version, policies.policyOf(pump).publish('devices/pump-1/x')], [1, undefined])
})

for (const [what, sql] of [
  ['its text was cut', 'UPDATE policy_documents SET text = substr(text, 1, 200)'],
  ['its text was changed', "UPDATE policy_documents SET text = replace(text, 'messages/events/', '')"],
  ['its row is gone', 'DELETE FROM policy_documents'],
  ['its text is empty', "UPDATE policy_documents SET text = ''"],
  ['the head is gone', 'DELETE FROM policy_head'],
  ['the head and the row are gone', 'DELETE FROM policy_head; DELETE FROM policy_documents'],
  ['the head is cut', 'UPDATE policy_head SET digests = substr(digests, 1, 20)'],
  ['the head is no object', "UPDATE policy_head SET digests = '[]'"],
] as const) {
  test(`CVE-2018-12551: a document allows nothing, and says so, when ${what}`, async () => {
    await using here = await scene()
    assert.equal(await codeOf((await here.open()).apply(write, { apply: strictDevices })), 'version 1')
    for (const one of sql.split('; ')) await here.sql(one)
    const policies = await here.open()
    const bound = policies.policyOf(pump)
    assert.deepEqual(
      [bound.connect(), bound.publish('devices/pump-1/messages/events/'), bound.publish('devices/pump-1/x')],
      Array(3).fill(undefined),
    )
    assert.ok(policies.health().length > 0)
    assert.equal(policies.policyOf(someone('thingwall-probe', 'x', {}, 'device')).connect(), 'hub-checks/own-topics')
    // Applied again, all is well again.
    assert.match(await codeOf(policies.apply(write, { apply: strictDevices })), /^version/)
    const healed = await here.open()
    assert.deepEqual([healed.health(), healed.policyOf(pump).connect()], [[], 'hub-devices/0'])
  })
}

test('a row that nobody applied is not believed', async () => {
  await using here = await scene()
  await here.sql('INSERT INTO policy_documents (name, text, version, applied_at, actor) VALUES (?, ?, 1, 1, ?)', 'readers', readers, 'me')
  const policies = await here.open()
  assert.equal(policies.policyOf(historian).connect(), undefined)
  assert.match(policies.health().join(), /readers allows nothing: its row is not one that was applied/)
  assert.equal(policies.policyOf(pump).connect(), 'hub-devices/own-topics')
})

test('a plan says who loses and wins what, and changes nothing', async () => {
  await using here = await scene()
  const policies = await here.open()
  assert.equal(await codeOf(policies.apply(write, { apply: readers })), 'version 1')
  here.knobs.sessions = [
    { subject: historian, connected: true, subscriptions: ['plant/#'], published: [], queued: 3 },
    {
      subject: pump,
      connected: false,
      subscriptions: ['devices/pump-1/#'],
      published: ['devices/pump-1/x', 'devices/pump-1/messages/events/'],
      queued: 5,
    },
  ]
  const removal = await policies.plan(read, { remove: 'readers' })
  assert.ok(removal.ok)
  assert.deepEqual(removal.value.plan.sessions, { judged: 2, closed: 1, losing: 1, gaining: 0 })
  assert.deepEqual(
    removal.value.plan.affected.map(({ identity, closed, rightsLost }) => [identity, closed, rightsLost]),
    [['x509:historian', true, ['connect as historian', 'subscribe plant/#']]],
  )
  const stricter = await policies.plan(read, { apply: strictDevices })
  assert.ok(stricter.ok)
  const [one] = stricter.value.plan.affected
  assert.deepEqual(
    [one?.subscriptionsLost, one?.publishesLost, one?.rightsGained, one?.queued],
    [['devices/pump-1/#'], ['devices/pump-1/x'], [], 5],
  )
  assert.deepEqual(stricter.value.plan.documents, [{ name: 'hub-devices', change: 'changed' }])
  assert.match(stricter.value.plan.diff.join('\n'), /^hub-devices\n- - name: own-topics\n/)
  assert.equal(policies.current.version, 1)
})
