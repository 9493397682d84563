import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Compile } from 'typebox/compile'
import { type ControlScene, type Reply, deviceId, openControlScene } from '../../test/control-scene.ts'

/** Asks as the program on this machine, and checks the answer against the schema that the document shows. */
async function asked(scene: ControlScene, route: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const [method = 'GET'] = route.split(' ')
  const reply = await scene.local(path, { method, headers, ...(body === undefined ? {} : { body }) })
  const found = scene.control.routes.find((one) => `${one.method} ${one.path}` === route)
  assert.ok(found !== undefined, route)
  if (reply.status < 400 && 'is' in found.answer) {
    assert.equal(reply.status, found.answer.status)
    if (reply.status !== 204) assert.deepEqual(Compile(found.answer.is).Errors(reply.json), [], `${route} ${reply.text}`)
  }
  return { ...reply, json: Object(reply.json) }
}

const said = (reply: Reply) => [reply.status, Object(reply.json).code]

const base = '/api/v1/devices'
const [ofDevice, ofModule] = [`${base}/{id}`, `${base}/{id}/modules/{module}`]
const pump = `${base}/pump-1`
const camera = `${pump}/modules/camera`

async function scenery() {
  const scene = await openControlScene()
  for (const id of ['pump-1', 'pump-2']) await asked(scene, `POST ${base}`, base, { id, issue: false })
  await asked(scene, `POST ${ofDevice}/modules`, `${pump}/modules`, { id: 'camera' })
  return scene
}

test('twins of devices and modules are merged, replaced, guarded by their etags, and have a past', async () => {
  await using scene = await scenery()
  for (const [place, path] of [
    [ofDevice, pump],
    [ofModule, camera],
  ] as const) {
    const first = await asked(scene, `GET ${place}/twin`, `${path}/twin`)
    assert.equal(first.headers['etag'], `"${first.json.etag}"`)
    const body = { tags: { site: 'north' }, desired: { interval: 5, nested: { a: [1, null] } } }
    assert.deepEqual(said(await asked(scene, `PATCH ${place}/twin`, `${path}/twin`, body)), [400, 'hub/twin-malformed'])
    const changed = await asked(scene, `PATCH ${place}/twin`, `${path}/twin`, { ...body, desired: { interval: 5, nested: { a: [1] } } })
    assert.deepEqual([changed.status, changed.json.desired.version], [200, first.json.desired.version + 1])
    const stale = await asked(scene, `PUT ${place}/twin`, `${path}/twin`, { desired: {} }, { 'if-match': `"${first.json.etag}"` })
    assert.deepEqual(said(stale), [412, 'hub/etag-differs'])
    const replaced = await asked(
      scene,
      `PUT ${place}/twin`,
      `${path}/twin`,
      { desired: { b: 1 } },
      { 'if-match': `"${changed.json.etag}"` },
    )
    assert.deepEqual([replaced.json.tags, replaced.json.desired.properties], [{ site: 'north' }, { b: 1 }])
    const past = await asked(scene, `GET ${place}/twin/history`, `${path}/twin/history?limit=1`)
    assert.deepEqual([past.json.changes.length, past.json.changes[0].isReplacement], [1, true])
    const older = await asked(scene, `GET ${place}/twin/history`, `${path}/twin/history?before=${past.json.next}`)
    assert.deepEqual(older.json.changes[0].patch.tags, { site: 'north' })
  }
})

test('what cannot be a twin is refused: depth, weight, prototypes, unknown members, nobody', async () => {
  await using scene = await scenery()
  const deep = JSON.parse(`${'{"a":'.repeat(12)}1${'}'.repeat(12)}`)
  const path = `${pump}/twin`
  assert.deepEqual(said(await asked(scene, `PATCH ${ofDevice}/twin`, path, { desired: deep })), [400, 'hub/twin-malformed'])
  const heavy = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`k${at}`, 'x'.repeat(4_000)]))
  assert.deepEqual(said(await asked(scene, `PATCH ${ofDevice}/twin`, path, { desired: heavy })), [413, 'hub/twin-too-large'])
  const raw = await scene.local(path, { method: 'PATCH', raw: '{"desired":{"__proto__":{"x":1}}}' })
  assert.deepEqual(said(raw), [400, 'json/forbidden-key'])
  assert.deepEqual(said(await asked(scene, `PATCH ${ofDevice}/twin`, path, { reported: {} })), [400, 'control/malformed'])
  assert.deepEqual(said(await asked(scene, `GET ${ofDevice}/twin`, `${base}/nobody/twin`)), [404, 'hub/device-not-found'])
  assert.deepEqual(said(await asked(scene, `GET ${ofModule}/twin`, `${pump}/modules/x/twin`)), [404, 'hub/module-not-found'])
  assert.deepEqual(said(await asked(scene, `GET ${ofModule}/twin`, `${pump}/modules/a%2Fb/twin`)), [400, 'base/module-id-malformed'])
})

test('a method is answered by whoever has the connection, and refused where nobody has', async () => {
  await using scene = await scenery()
  const call = (body: unknown) => asked(scene, `POST ${ofDevice}/methods`, `${pump}/methods`, body)
  assert.deepEqual(said(await call({ name: 'reboot' })), [504, 'hub/device-offline'])
  const link = scene.hub.methods.attach(deviceId('pump-1'), {
    call: (rid, name, body) => link.answer(rid, name === 'reboot' ? 200 : 404, Buffer.from(body)),
  })
  const answer = await call({ name: 'reboot', payload: { now: true } })
  assert.deepEqual([answer.json.status, answer.json.payload], [200, { now: true }])
  assert.equal((await call({ name: 'other' })).json.status, 404, 'what the device says is an answer')
  assert.deepEqual(said(await call({ name: '' })), [400, 'hub/method-malformed'])
  assert.deepEqual(said(await call({ name: 'x', responseTimeoutSeconds: 301 })), [400, 'control/malformed'])
})

test('messages wait in their queue, are looked at without their bodies, and dropped', async () => {
  await using scene = await scenery()
  const path = `${pump}/messages`
  const send = (body: unknown) => asked(scene, `POST ${ofDevice}/messages`, path, body)
  const first = await send({ body: 'välve', properties: { urgent: 'yes', empty: null }, messageId: 'm-1', ack: 'full', expirySeconds: 60 })
  assert.equal(first.status, 201)
  assert.equal((await send({ bodyBase64: 'AP8=' })).status, 201)
  for (const bad of [
    { body: 'a', bodyBase64: 'AP8=' },
    { bodyBase64: 'not base64!' },
    { expirySeconds: 1, expiresAt: '2099-01-01T00:00:00Z' },
    { expirySeconds: 172_801 },
    { ack: 'maybe' },
  ])
    assert.deepEqual(said(await send(bad)), [400, 'control/malformed'], JSON.stringify(bad))
  assert.deepEqual(said(await send({ body: 'x'.repeat(65_537) })), [413, 'hub/message-too-large'])
  const { json, text } = await asked(scene, `GET ${ofDevice}/messages`, path)
  assert.deepEqual(
    json.messages.map((one: { messageId: string; bytes: number; ack: string }) => [one.messageId, one.ack]),
    [
      ['m-1', 'full'],
      [null, 'none'],
    ],
  )
  assert.deepEqual([json.messages[0].properties, text.includes('välve')], [{ urgent: 'yes', empty: null }, false])
  assert.equal((await asked(scene, `GET ${ofDevice}`, pump)).json.state.waitingMessages, 2)
  assert.deepEqual((await asked(scene, `DELETE ${ofDevice}/messages`, path)).json, { purged: 2 })
})

test('a query is answered page by page, and its mistakes are told with their place', async () => {
  await using scene = await scenery()
  const ask = (body: unknown) => asked(scene, 'POST /api/v1/query', '/api/v1/query', body)
  const query = 'SELECT deviceId FROM devices'
  const first = await ask({ query, maxItems: 1 })
  assert.deepEqual([first.json.items, first.json.itemType], [[{ deviceId: 'pump-1' }], 'Raw'])
  const last = await ask({ query, maxItems: 1, continuation: first.json.continuation })
  assert.deepEqual([last.json.items, last.json.continuation], [[{ deviceId: 'pump-2' }], null])
  assert.deepEqual(said(await ask({ query: `${query} WHERE` })), [400, 'hub/query-malformed'])
  assert.deepEqual(said(await ask({ query: `${query}; DROP TABLE devices` })), [400, 'hub/query-malformed'])
  assert.deepEqual(said(await ask({ query, continuation: 'of another' })), [400, 'hub/continuation-refused'])
})

test('a job needs the right to what it does, runs, and tells how far it is', async () => {
  await using scene = await scenery()
  const make = (body: unknown) => asked(scene, 'POST /api/v1/jobs', '/api/v1/jobs', body)
  const made = await make({ id: 'job-1', condition: '*', twin: { desired: { rate: 7 } }, startTime: '2099-01-01T00:00:00Z' })
  assert.deepEqual([made.status, made.json.type, made.json.status], [201, 'scheduleUpdateTwin', 'scheduled'])
  assert.deepEqual(said(await make({ id: 'job-1', condition: '*', twin: { tags: {} } })), [409, 'hub/job-exists'])
  for (const bad of [
    { condition: '*' },
    { condition: '*', twin: {}, method: { name: 'x' } },
    { condition: '*', twin: {}, startTime: '2099-13-01T00:00:00Z' },
  ])
    assert.deepEqual(said(await make(bad)), [400, 'control/malformed'], JSON.stringify(bad))
  const shown = await asked(scene, 'GET /api/v1/jobs/{id}', '/api/v1/jobs/job-1')
  assert.deepEqual(shown.json.twin, { desired: { rate: 7 } })
  const listed = await asked(scene, 'GET /api/v1/jobs', '/api/v1/jobs?type=scheduleUpdateTwin')
  assert.equal(listed.json.jobs.length, 1)
  assert.equal((await asked(scene, 'POST /api/v1/jobs/{id}/cancel', '/api/v1/jobs/job-1/cancel', {})).json.status, 'cancelled')
  assert.deepEqual(said(await asked(scene, 'POST /api/v1/jobs/{id}/cancel', '/api/v1/jobs/job-1/cancel', {})), [409, 'hub/job-ended'])
  const stream = await scene.local('/api/v1/jobs/job-1/live')
  assert.match(stream.text, /^event: job\ndata: \{.*"status":"cancelled".*\n\nevent: end\n/m)
  assert.equal((await asked(scene, 'GET /api/v1/jobs/{id}/devices', '/api/v1/jobs/job-1/devices')).status, 200)
  assert.deepEqual(said(await asked(scene, 'GET /api/v1/jobs/{id}', '/api/v1/jobs/none')), [404, 'hub/job-not-found'])
  assert.deepEqual(said(await asked(scene, 'GET /api/v1/jobs/{id}/live', '/api/v1/jobs/none/live')), [404, 'hub/job-not-found'])
})

test('a job is not made by who may make jobs and not do what it does', async () => {
  await using scene = await scenery()
  const create = scene.control.routes.find((one) => one.method === 'POST' && one.path === '/api/v1/jobs')
  const caller = (rights: readonly string[]) => Object({ actor: { kind: 'service', id: 's', via: 'session' }, rights: new Set(rights) })
  const raw = (rights: readonly string[], body: unknown) => ({
    params: {},
    query: {},
    body,
    address: '127.0.0.1',
    identity: { caller: caller(rights), browser: undefined, alive: () => true },
    header: () => undefined,
    setHeader() {},
    setStatus() {},
  })
  for (const [rights, body] of [
    [['job.write', 'twin.write'], { condition: '*', method: { name: 'x' } }],
    [['job.write', 'method.invoke'], { condition: '*', twin: { tags: {} } }],
  ] as const) {
    const denied = await create?.run(raw(rights, body))
    assert.equal(denied !== undefined && !denied.ok && denied.error.code, 'access/denied')
  }
})

test('a configuration is made, tried, shown with its targets, changed and deleted', async () => {
  await using scene = await scenery()
  const root = '/api/v1/configurations'
  await asked(scene, `PATCH ${ofDevice}/twin`, `${pump}/twin`, { tags: { site: 'north' } })
  const content = { deviceContent: { 'properties.desired.rate': 7 } }
  const tried = await asked(scene, `POST ${root}/test`, `${root}/test`, {
    targetCondition: `tags.site = 'north'`,
    metrics: { bad: 'SELECT' },
  })
  assert.deepEqual([tried.json.targets, tried.json.targetConditionError, tried.json.metricErrors.bad !== ''], [1, '', true])
  const wrong = await asked(scene, `POST ${root}/test`, `${root}/test`, { targetCondition: 'tags.' })
  assert.deepEqual([wrong.json.targets, wrong.json.targetConditionError !== ''], [null, true])
  const input = { id: 'rate', content, targetCondition: `tags.site = 'north'`, priority: 3 }
  const made = await asked(scene, `POST ${root}`, root, input)
  assert.deepEqual([made.status, made.json.content], [201, content])
  assert.deepEqual(said(await asked(scene, `POST ${root}`, root, input)), [409, 'hub/configuration-exists'])
  assert.deepEqual(said(await asked(scene, `POST ${root}`, root, { ...input, id: 'UPPER' })), [400, 'hub/configuration-malformed'])
  await scene.hub.configurations.evaluated()
  const targets = await asked(scene, `GET ${root}/{id}/targets`, `${root}/rate/targets`)
  assert.deepEqual(targets.json, { targets: [{ device: 'pump-1', status: 'Applied' }], next: null })
  assert.equal((await asked(scene, `GET ${root}/{id}/targets`, `${root}/rate/targets?status=Targeted`)).json.targets.length, 0)
  const changed = await asked(scene, `PATCH ${root}/{id}`, `${root}/rate`, { priority: 9 })
  assert.deepEqual([changed.json.priority, changed.json.targetCondition], [9, input.targetCondition])
  assert.deepEqual(said(await asked(scene, `PATCH ${root}/{id}`, `${root}/rate`, {})), [400, 'control/malformed'])
  assert.deepEqual(said(await asked(scene, `DELETE ${root}/{id}`, `${root}/rate`, undefined, { 'if-match': '"old"' })), [
    412,
    'hub/etag-differs',
  ])
  assert.equal((await asked(scene, `DELETE ${root}/{id}`, `${root}/rate`)).status, 204)
  assert.deepEqual(said(await asked(scene, `GET ${root}/{id}`, `${root}/rate`)), [404, 'hub/configuration-not-found'])
})

test('modules are listed, changed under their etag, and deleted; what names none is refused', async () => {
  await using scene = await scenery()
  const all = await asked(scene, `GET ${ofDevice}/modules`, `${pump}/modules`)
  assert.deepEqual([all.json.modules[0].id, all.json.modules[0].authentication], ['camera', { type: 'none' }])
  const print = 'a'.repeat(64)
  const own = await asked(scene, `POST ${ofDevice}/modules`, `${pump}/modules`, {
    id: 'own',
    authentication: { type: 'selfSigned', primaryThumbprint: print },
  })
  assert.equal(own.json.connectionString, 'HostName=hub.example;DeviceId=pump-1;ModuleId=own;x509=true')
  const stale = await asked(scene, `PATCH ${ofModule}`, camera, { managedBy: 'us' }, { 'if-match': '"old"' })
  assert.deepEqual(said(stale), [412, 'hub/etag-differs'])
  const changed = await asked(scene, `PATCH ${ofModule}`, camera, { managedBy: 'us' })
  assert.equal(changed.json.module.managedBy, 'us')
  assert.equal((await asked(scene, `GET ${ofModule}`, camera)).json.managedBy, 'us')
  assert.deepEqual(said(await asked(scene, `POST ${ofDevice}/modules`, `${pump}/modules`, { id: 'camera' })), [409, 'hub/module-exists'])
  assert.deepEqual(said(await asked(scene, `POST ${ofDevice}/modules`, `${pump}/modules`, { id: 'a b' })), [
    400,
    'base/module-id-malformed',
  ])
  assert.equal((await asked(scene, `DELETE ${ofModule}`, camera)).json.receipt.of, 0)
  assert.deepEqual(said(await asked(scene, `GET ${ofModule}`, camera)), [404, 'hub/module-not-found'])
  const timeline = await asked(scene, `GET ${ofDevice}/timeline`, `${pump}/timeline`)
  assert.ok(
    timeline.json.facts.some((fact: { kind: string }) => fact.kind === 'module-deleted'),
    'what modules do is in the past of their device',
  )
})

test('files that are not there are refused, and none is listed where none is kept', async () => {
  await using scene = await scenery()
  assert.deepEqual((await asked(scene, 'GET /api/v1/files', '/api/v1/files?device=pump-1')).json, { files: [], next: null })
  assert.deepEqual(said(await asked(scene, 'GET /api/v1/files/content', '/api/v1/files/content?name=../../etc/passwd')), [
    404,
    'hub/file-not-found',
  ])
  assert.deepEqual(said(await asked(scene, 'GET /api/v1/files/content', '/api/v1/files/content')), [400, 'control/malformed'])
  assert.equal((await asked(scene, 'DELETE /api/v1/files', '/api/v1/files?name=pump-1/x')).status, 404)
})
