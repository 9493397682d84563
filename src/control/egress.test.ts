import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openControlScene } from '../../test/control-scene.ts'

test('an endpoint and a route are made, tried, looked at and taken away again', async () => {
  await using scene = await openControlScene()
  const post = (path: string, body: unknown) => scene.local(path, { method: 'POST', body })
  const made = await post('/api/v1/endpoints', {
    name: 'hook',
    kind: 'webhook',
    settings: { url: 'https://hook.example/in', signingSecret: 'key' },
  })
  assert.equal(made.status, 201, made.text)
  assert.deepEqual([Object(made.json).health, Object(made.json).lagMs], ['unknown', 0])
  const change = (body: unknown) => scene.local('/api/v1/endpoints/hook', { method: 'PATCH', body })
  const changed = await change({ settings: { url: 'https://hook.example/on', signingSecret: 'key' }, sources: ['DeviceMessages'] })
  assert.deepEqual(
    [changed.status, Object(changed.json).settings.url, Object(changed.json).sources],
    [200, 'https://hook.example/on', ['DeviceMessages']],
  )
  assert.equal((await change({ kind: 'file' })).status, 400, 'its kind stays')
  assert.equal((await change({ settings: { url: 'http://hook.example/on' } })).status, 400)
  const route = { name: 'hot', endpoint: 'hook', condition: "level = 'hot'" }
  const added = await post('/api/v1/routes', route)
  assert.deepEqual([added.status, Object(added.json).version], [201, 1])
  assert.equal((await post('/api/v1/routes', route)).status, 409)
  assert.equal((await post('/api/v1/routes', { ...route, name: 'x', condition: 'a =' })).status, 400)
  const tried = await post('/api/v1/routes/test', { properties: { level: 'hot' } })
  assert.deepEqual(tried.json, { matches: true, problem: null, routes: ['hot'], endpoints: ['hook'] })
  const wrong = await post('/api/v1/routes/test', { condition: 'a = ' })
  assert.equal(Object(wrong.json).problem.line, 1)
  const stale = await scene.local('/api/v1/routes/hot', { method: 'PATCH', headers: { 'if-match': '"0"' }, body: { isEnabled: false } })
  assert.equal(stale.status, 412)
  assert.equal((await scene.local('/api/v1/endpoints/hook', { method: 'DELETE' })).status, 409, 'a route names it')
  assert.equal((await scene.local('/api/v1/routes/hot', { method: 'DELETE' })).status, 200)
  assert.equal((await scene.local('/api/v1/endpoints/hook', { method: 'DELETE' })).status, 204)
  assert.equal((await scene.local('/api/v1/endpoints/hook')).status, 404)
  assert.deepEqual((await scene.local('/api/v1/dead-letters')).json, { deadLetters: [], next: null })
  assert.equal((await scene.local('/api/v1/dead-letters/7')).status, 404)
  assert.match((await scene.local('/metrics')).text, /thingwall_endpoint_lag_records/)
})

test('settings with a secret in them, unknown kinds and forbidden keys are refused', async () => {
  await using scene = await openControlScene()
  for (const [kind, settings] of [
    ['webhook', { url: 'https://hook.example/in', signingSecret: 'key', secret: 'x' }],
    ['webhook', { url: 'http://hook.example/in', signingSecret: 'key' }],
    ['file', { directory: '/etc' }],
    ['shell', { command: 'x' }],
  ] as const) {
    const made = await scene.local('/api/v1/endpoints', { method: 'POST', body: { name: 'e', kind, settings } })
    assert.equal(made.status, 400, JSON.stringify(settings))
  }
})
