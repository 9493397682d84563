import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Compile } from 'typebox/compile'
import { systemGrant } from '#access'
import { encodeFact } from '#journal'
import { type ControlScene, deviceId, openControlScene } from '../../test/control-scene.ts'

const document = (topics: string, tests = '', name = 'site-rules') => `apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthorization
metadata: {name: ${name}}
spec:
  authorizationPolicies:
    rules:
      - principals: {usernames: [historian]}
        brokerResources: [{method: Connect}, {method: Subscribe, topics: [${topics}]}]
${tests}`
const expects = (word: string) => `tests: [{name: reads, as: {username: historian}, ${word}: subscribe, topic: "plant/#"}]\n`

/** Asks as the program on this machine, and checks the answer against the schema that the document shows. */
async function asked(scene: ControlScene, route: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const [method = 'GET'] = route.split(' ')
  const reply = await scene.local(path, { method, headers, ...(body === undefined ? {} : { body }) })
  const found = scene.control.routes.find((one) => `${one.method} ${one.path}` === route)
  if (reply.status < 400 && found !== undefined && 'is' in found.answer)
    assert.deepEqual(Compile(found.answer.is).Errors(reply.json), [], `${route} ${reply.text}`)
  return { ...reply, json: Object(reply.json) }
}

const apply = (scene: ControlScene, text: string, headers: Record<string, string> = {}) =>
  asked(scene, 'POST /api/v1/policies', '/api/v1/policies', { text }, headers)
const list = (scene: ControlScene) => asked(scene, 'GET /api/v1/policies', '/api/v1/policies')

test('a document is planned, applied with a receipt, shown, remembered and taken out, and the audit log has both', async () => {
  await using scene = await openControlScene()
  const text = document('"plant/#"', expects('allow'))
  assert.deepEqual([(await list(scene)).headers.etag, (await list(scene)).json.version], ['"0"', 0])
  const subject = { identity: deviceId('custom:historian'), username: 'historian', clientId: 'h', attributes: {} }
  scene.knobs.sessions = [{ subject, connected: true, subscriptions: [], published: [], queued: 0 }]
  const planned = await asked(scene, 'POST /api/v1/policies/plan', '/api/v1/policies/plan', { text })
  assert.deepEqual([planned.status, planned.json.from, planned.json.documents], [200, 0, [{ name: 'site-rules', change: 'added' }]])
  assert.deepEqual(planned.json.affected[0].rightsGained, ['connect as h', 'subscribe plant/#'])
  assert.equal((await list(scene)).json.version, 0, 'a plan changes nothing')
  const applied = await apply(scene, text, { 'if-match': '"0"' })
  assert.deepEqual([applied.status, applied.headers.etag, applied.json.effect.sessionsClosed], [200, '"1"', 1])
  const shown = await asked(scene, 'GET /api/v1/policies/{name}', '/api/v1/policies/site-rules')
  assert.deepEqual([shown.json.origin, shown.json.version, shown.json.text], ['applied', 1, text])
  const removal = await asked(scene, 'POST /api/v1/policies/plan', '/api/v1/policies/plan', { remove: 'site-rules' })
  assert.deepEqual(removal.json.affected[0].closed, true)
  const removed = await asked(scene, 'DELETE /api/v1/policies/{name}', '/api/v1/policies/site-rules', undefined, { 'if-match': '1' })
  assert.deepEqual([removed.status, removed.json.version], [200, 2])
  const history = await asked(scene, 'GET /api/v1/policy-versions', '/api/v1/policy-versions?limit=2')
  assert.deepEqual(
    history.json.versions.map((one: { version: number; text: string | null }) => [one.version, one.text]),
    [
      [2, null],
      [1, text],
    ],
  )
  const audit = await scene.local('/api/v1/audit')
  assert.match(audit.text, /policy\.apply[^]*policy\.remove|policy\.remove[^]*policy\.apply/)
  for (const method of ['GET', 'DELETE'])
    assert.deepEqual((await scene.local('/api/v1/policies/site-rules', { method })).status, 404, method)
})

test('the built-in document is shown, replaced by one of its name, and back when that is removed', async () => {
  await using scene = await openControlScene()
  const read = () => asked(scene, 'GET /api/v1/policies/{name}', '/api/v1/policies/hub-devices')
  const builtIn = (await read()).json
  assert.deepEqual([builtIn.origin, builtIn.appliedAt], ['built-in', null])
  assert.equal((await scene.local('/api/v1/policies/hub-devices', { method: 'DELETE' })).status, 404)
  assert.equal((await apply(scene, document('a', '', 'hub-devices'))).status, 200)
  assert.equal((await read()).json.origin, 'applied')
  assert.equal((await scene.local('/api/v1/policies/hub-devices', { method: 'DELETE' })).status, 200)
  assert.deepEqual((await read()).json, builtIn)
  const fixed = await apply(scene, document('a', '', 'hub-checks'))
  assert.deepEqual([fixed.status, fixed.json.code], [409, 'access/policy-fixed'])
})

test('every problem of a document comes with its line and place; failing tests are named; a stale version is refused', async () => {
  await using scene = await openControlScene()
  const wrong = await apply(scene, document('"plant/#/x", "{nobody}"'))
  assert.deepEqual([wrong.status, wrong.json.code], [400, 'access/policy-invalid'])
  assert.deepEqual(
    wrong.json.errors.map((one: { line: number; path: string }) => [one.line, one.path]),
    [
      [8, 'spec.authorizationPolicies.rules[0].brokerResources[1].topics[0]'],
      [8, 'spec.authorizationPolicies.rules[0].brokerResources[1].topics[1]'],
    ],
  )
  const broken = await apply(scene, 'a: [')
  assert.deepEqual([broken.status, broken.json.code, broken.json.errors[0].line], [400, 'access/document-malformed', 1])
  const failing = await apply(scene, document('"plant/#"', expects('deny')))
  assert.deepEqual(
    [failing.status, failing.json.code, failing.json.errors[0].path],
    [422, 'access/policy-test-failed', 'site-rules/tests[0]'],
  )
  const results = await asked(scene, 'POST /api/v1/policies/test', '/api/v1/policies/test', {
    text: document('"plant/#"', expects('deny')),
  })
  assert.deepEqual([results.status, results.json.failed, results.json.tests[0].rule], [200, 1, 'site-rules/0'])
  assert.equal((await list(scene)).json.version, 0, 'nothing of it was applied')
  assert.equal((await apply(scene, document('a'), { 'if-match': '"7"' })).status, 412)
  assert.equal((await apply(scene, document('a'), { 'if-match': 'yesterday' })).status, 400)
})

test('questions are decided for anybody, with the policy in force or with a text applied', async () => {
  await using scene = await openControlScene()
  const cases = [
    { as: { method: 'custom', username: 'historian' }, action: 'subscribe', topic: 'plant/#' },
    { as: { username: 'pump-9' }, action: 'publish', topic: 'devices/pump-9/x' },
    { as: { username: 'pump-9' }, action: 'receive', topic: 'plant/x' },
  ]
  const ask = async (body: object) => asked(scene, 'POST /api/v1/policies/simulate', '/api/v1/policies/simulate', body)
  const allowed = (json: { decisions: { allowed: boolean }[] }) => json.decisions.map((one) => one.allowed)
  assert.deepEqual(allowed((await ask({ cases })).json), [false, true, false])
  assert.deepEqual(allowed((await ask({ cases, text: document('"plant/#"') })).json), [true, true, false])
  assert.equal((await ask({ cases: [{ as: { username: 'a/b' }, action: 'connect' }] })).status, 400)
  assert.equal((await ask({ cases: [{ as: { username: 'a' }, action: 'publish' }] })).json.code, 'control/topic-missing')
  const explain = (query: string) => asked(scene, 'GET /api/v1/explain', `/api/v1/explain?${query}`)
  await apply(scene, document('"plant/#"'))
  assert.equal((await explain('username=historian&action=receive&topic=plant/x')).json.rule, 'site-rules/0')
  const denied = await explain('username=historian&action=publish&topic=plant/x')
  assert.deepEqual([denied.json.allowed, denied.json.patch.document], [false, 'site-rules'])
  assert.match((await explain('device=nobody&action=connect')).json.reason, /No device nobody is registered/)
  const module = await explain('device=nobody/filter&action=publish&topic=devices/nobody/modules/filter/x')
  assert.match(module.json.reason, /No device nobody\/filter is registered/, 'a module is as enabled as its device')
  for (const query of [
    'action=connect',
    'device=a&username=b&action=connect',
    'username=b&action=connect&attributes=[]',
    'device=a&action=publish',
  ])
    assert.equal((await explain(query)).status, 400, query)
})

test('denials of a device are grouped and counted, and one is explained by its decision later, whatever the policy is then', async () => {
  await using scene = await openControlScene()
  await scene.hub.devices.add(systemGrant('device.write', 'x'), [
    { id: deviceId('pump-1'), authentication: { type: 'certificateAuthority' } },
  ])
  const deny = (topic: string, decision: string, count?: number) =>
    scene.journal.append(
      encodeFact({
        kind: 'denied',
        time: scene.clock.now(),
        device: 'pump-1',
        clientId: 'pump-1',
        action: 'publish',
        topic,
        rule: null,
        code: 'access/no-rule',
        decision,
        policy: 0,
        ...(count === undefined ? {} : { count }),
      }),
    )
  deny('plant/x', 'c0ffee-1/1')
  deny('plant/y', 'c0ffee-1/2')
  deny('plant/x', 'c0ffee-1/3', 4)
  await scene.journal.flushed()
  const found = await asked(scene, 'GET /api/v1/devices/{id}/denials', '/api/v1/devices/pump-1/denials')
  assert.deepEqual(
    found.json.denials.map(({ topic, count, decision }: { topic: string; count: number; decision: string }) => [topic, count, decision]),
    [
      ['plant/x', 5, 'c0ffee-1/3'],
      ['plant/y', 1, 'c0ffee-1/2'],
    ],
  )
  const explained = () => asked(scene, 'GET /api/v1/decisions/{id}', '/api/v1/decisions/c0ffee-1%2F2')
  const before = (await explained()).json.decision
  assert.deepEqual([before.id, before.allowed, before.topic, before.device], ['c0ffee-1/2', false, 'plant/y', 'pump-1'])
  const grown = before.patch.isNew === true ? before.patch.yaml : ''
  assert.equal((await apply(scene, grown)).status, 200, 'the patch is a document that can be applied')
  const now = (await explained()).json.decision
  assert.equal(now.allowed, true)
  assert.match(now.reason, /The policy was version 0 when it was denied, and is version 1 now/)
  const absent = await asked(scene, 'GET /api/v1/decisions/{id}', '/api/v1/decisions/c0ffee-2%2F2')
  assert.deepEqual(absent.json, { decision: null, complete: true, next: null })
})

test('a search for unused rights says how far it is, proposes, and runs alone', async () => {
  await using scene = await openControlScene()
  await apply(scene, document('"plant/#"'))
  let go = () => {}
  scene.knobs.shrinking = new Promise((resolve) => (go = resolve))
  const first = scene.local('/api/v1/policy-shrink?days=7&name=site-rules')
  while (scene.responses().length === 0) await new Promise((resolve) => setImmediate(resolve))
  const second = await scene.local('/api/v1/policy-shrink')
  assert.deepEqual([second.status, Object(second.json).code], [503, 'control/shrink-running'])
  go()
  const { status, text } = await first
  assert.equal(status, 200)
  assert.match(text, /event: progress\ndata: \{"share":0\.5\}/)
  const proposal = JSON.parse(/event: proposal\ndata: (.*)/.exec(text)?.[1] ?? '')
  assert.deepEqual([proposal.days, proposal.documents.length, proposal.documents[0].text], [7, 1, null])
  const route = scene.control.routes.find(({ path }) => path === '/api/v1/policy-shrink')
  assert.ok(route !== undefined && 'line' in route.answer)
  assert.deepEqual(Compile(route.answer.line).Errors(proposal), [])
  assert.equal((await scene.local('/api/v1/policy-shrink?name=nobody')).status, 404)
  assert.equal((await scene.local('/api/v1/policy-shrink?days=7')).status, 200, 'and the next one may begin')
})
