import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowing, gateway } from './gateway-scene.test.ts'

test('a will that a change of policy sets free is routed by the new policy, before anybody else is judged', async () => {
  const { connect, applyPolicy } = gateway()
  applyPolicy(() => allowing(['will', 'x'], ['will', 'x']))
  const will = { topic: 'will', payload: Buffer.from('gone'), qos: 0, retain: false } as const
  const leaver = connect('leaver', { clientId: 'leaver', will })
  leaver.subscribe('x', 0)
  const listener = connect('listener', { clientId: 'listener' })
  listener.subscribe('will', 0)
  // The route is known now.
  leaver.publish('will', 0, undefined)
  await listener.received()
  applyPolicy((subject) => (subject.username === 'leaver' ? allowing(['will'], []) : allowing([], [])))
  assert.deepEqual(
    (await listener.received()).map(({ type }) => type),
    [],
  )
  assert.deepEqual([leaver.transport.state, listener.transport.state], ['ended', 'ended'])
})
