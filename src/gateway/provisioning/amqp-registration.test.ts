import assert from 'node:assert/strict'
import { test } from 'node:test'
import rhea from 'rhea'
import { MemoryProvisioning } from '../../../test/memory-provisioning.ts'
import { amqp, bodyText, tokenFor, turns } from '../amqp/amqp-scene.test.ts'
import { registrationLimits } from './limits.ts'

const scope = '0ne00ABCDEF'
const address = (id: string, in_: string = scope) => `${in_}/registrations/${id}`

/** AMQP where `d1` and `tpm-1` (by a key), and `x1` and `fails-1` (by a certificate) may register. */
function registering() {
  let made: MemoryProvisioning | undefined
  const world = amqp({ provisioning: (clock) => (made = new MemoryProvisioning(clock)) })
  assert.ok(made !== undefined)
  const provisioning = made
  provisioning.keys.set('d1', Buffer.alloc(32, 1)).set('tpm-1', Buffer.alloc(32, 2))
  for (const name of ['x1', 'fails-1']) provisioning.certificates.set(name, Buffer.from(name))
  const byKey = (id: string, password = provisioning.token(id), in_?: string) => world.connect('', { username: address(id, in_), password })
  /** Both links, and requests whose answers come back: an outcome and JSON. */
  const talk = async (client: Awaited<ReturnType<typeof world.connect>>, id: string) => {
    const properties = { 'com.microsoft:api-version': '2019-03-31' }
    const answers = await client.receiver(address(id), { properties })
    const requests = await client.sender(address(id), { properties })
    let asked = 0
    const ask = async (type: string, body: unknown, more: object = {}) => {
      const correlation_id = `c${++asked}`
      const application_properties = { 'iotdps-operation-type': type, ...more }
      const before = answers.heard.length
      const data = rhea.message.data_section(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
      const outcome = await requests.send({ correlation_id, application_properties, body: data })
      const heard = answers.heard[before]?.message
      if (heard !== undefined) assert.equal(heard.correlation_id, correlation_id)
      const json = heard === undefined ? undefined : JSON.parse(bodyText(heard))
      return { outcome, json, retryAfter: heard?.application_properties?.['retry-after'] }
    }
    return { answers, requests, ask }
  }
  return { ...world, provisioning, byKey, talk }
}

test('a device with a key registers and asks until it is assigned [azure-wire 6.4]', async () => {
  const world = registering()
  const device = await world.byKey('d1')
  assert.equal(device.transport.isKnown, true)
  const { ask } = await world.talk(device, 'd1')
  const body = { registrationId: 'd1', payload: { a: 'ü' } }
  const first = await ask('iotdps-register', body, { 'iotdps-forceRegistration': true })
  assert.deepEqual(first, { outcome: 'accepted', json: { operationId: 'op-d1', status: 'assigning' }, retryAfter: 3 })
  assert.deepEqual(world.provisioning.registered, [
    { id: 'd1', request: { payload: { a: 'ü' }, csr: undefined, force: true, apiVersion: '2019-03-31' } },
  ])
  const poll = () => ask('iotdps-get-operationstatus', '', { 'iotdps-operation-id': 'op-d1' })
  assert.equal((await poll()).json.status, 'assigning')
  const last = await poll()
  assert.deepEqual([last.json.status, last.retryAfter, last.json.registrationState.payload], ['assigned', undefined, 'für €𝄞'])
  assert.equal((await ask('iotdps-get-registration', '')).json.registrationId, 'd1')
  // It never was a device of the hub.
  assert.equal(world.desk.open, 0)
  assert.deepEqual(
    world.facts().map(({ kind }) => kind),
    [],
  )
})

test('a certificate is proof by itself, with the first link and for both', async () => {
  const world = registering()
  const device = await world.connect('x1')
  const { ask, answers, requests } = await world.talk(device, 'x1')
  assert.deepEqual([answers.closed, requests.closed], [[], []])
  assert.equal((await ask('iotdps-register', { registrationId: 'X1' })).json.status, 'assigning')
  assert.equal(world.provisioning.claims.length, 1)
})

test('whatever is wrong with a credential, the answer is the same, and it is recorded [azure-wire 6.6]', async () => {
  const world = registering()
  const wrong = world.provisioning.token('d1', Buffer.alloc(32, 9))
  for (const [id, token, in_] of [
    ['d1', wrong, scope],
    ['nobody', wrong, scope],
    ['d1', world.provisioning.token('d1'), '0ne11111111'],
    ['x1', 'no token', scope],
  ] as const) {
    const { transport, client } = await world.byKey(id, token, in_)
    assert.deepEqual([transport.state, transport.isKnown, client.is_open()], ['ended', false, false])
  }
  for (const certificate of ['', 'x2', 'd1']) {
    const device = await world.connect(certificate)
    const { closed } = await device.receiver(address('x1'))
    assert.deepEqual([closed, device.transport.isKnown], [['amqp:unauthorized-access'], false])
  }
  const refused = world.facts().filter(({ kind }) => kind === 'refused')
  assert.deepEqual(new Set(refused.map((fact) => 'code' in fact && fact.code)), new Set(['provisioning/unauthorized']))
  assert.equal(world.provisioning.registered.length, 0)
})

test('who registers is no device: no address but its own, no token, and nobody else’s registration', async () => {
  const world = registering()
  for (const device of [await world.byKey('d1'), await world.connect('x1')]) {
    const id = device.transport.certificates().length > 0 ? 'x1' : 'd1'
    await world.talk(device, id)
    for (const other of ['$cbs', `devices/${id}/messages/events`, address('d2'), address(id, '0ne11111111'), '', 'messages/devicebound']) {
      assert.deepEqual((await device.sender(other)).closed, ['amqp:not-allowed'], other)
      assert.deepEqual((await device.receiver(other)).closed, ['amqp:not-allowed'], other)
    }
  }
  assert.equal(world.desk.open, 0)
})

test('who is a device, or a back end, does not register over the same connection', async () => {
  const world = registering()
  const device = await world.connect('x1')
  await device.sender('devices/x1/messages/events')
  assert.deepEqual((await device.sender(address('x1'))).closed, ['amqp:not-allowed'])
  const service = await world.connect('')
  assert.equal(await service.putToken('hub.example/messages', tokenFor('hub.example', 'owner')), 200)
  assert.deepEqual((await service.sender(address('x1'))).closed, ['amqp:not-allowed'])
  assert.equal(world.provisioning.claims.length, 0)
})

test('requests that are none are rejected with what is wrong, and the connection goes on', async () => {
  const world = registering()
  const { ask } = await world.talk(await world.byKey('d1'), 'd1')
  for (const [type, body, more] of [
    ['iotdps-register', 'no json', {}],
    ['iotdps-register', '[]', {}],
    ['iotdps-register', { registrationId: 'd2' }, {}],
    ['iotdps-register', { registrationId: 'd1', csr: '*' }, {}],
    ['iotdps-get-operationstatus', '', {}],
    ['iotdps-get-operationstatus', '', { 'iotdps-operation-id': 'x'.repeat(300) }],
    ['iotdps-delete', '', {}],
    ['', '', {}],
  ] as const)
    assert.deepEqual((await ask(type, body, more)).outcome, 'rejected com.microsoft:argument-error', `${type} ${JSON.stringify(body)}`)
  assert.equal((await ask('iotdps-get-operationstatus', '', { 'iotdps-operation-id': 'op-x1' })).outcome, 'rejected amqp:not-found')
  assert.equal((await ask('iotdps-get-registration', '')).outcome, 'rejected amqp:not-found')
  world.provisioning.broken = new Error('the disk is gone')
  assert.equal((await ask('iotdps-register', { registrationId: 'd1' })).outcome, 'rejected amqp:internal-error')
  assert.equal(world.troubles.length, 1)
})

test('who asks too often is slowed down, and too much ends the connection', async () => {
  const world = registering()
  const device = await world.byKey('d1')
  const { ask, requests } = await world.talk(device, 'd1')
  const outcomes = new Set<string>()
  for (let n = 0; n <= registrationLimits.requests.burst; n++) outcomes.add((await ask('iotdps-get-registration', '')).outcome)
  assert.deepEqual([...outcomes], ['rejected amqp:not-found', 'rejected com.microsoft:device-container-throttled'])
  for (let n = 0; n < registrationLimits.packets && device.transport.state === 'open'; n += 4) {
    for (let m = 0; m < 4; m++) requests.link.send({ body: '' })
    await turns(4)
  }
  assert.equal(device.transport.state, 'ended')
})

test('a registration has its time, and not longer than its proof', async () => {
  const world = registering()
  const first = await world.byKey('d1')
  // Without a proof there are seconds; with one, minutes.
  world.clock.advance(60_000)
  world.door.sweep()
  assert.equal(first.transport.state, 'open')
  world.clock.advance(registrationLimits.conversationMs)
  // It is heard all the time.
  first.connection.receive(Buffer.from([0, 0, 0, 8, 2, 0, 0, 0]))
  world.door.sweep()
  assert.equal(first.transport.state, 'ended')
  world.provisioning.proofMs = 1_000
  const second = await world.byKey('d1')
  world.clock.advance(2_000)
  world.door.sweep()
  assert.equal(second.transport.state, 'ended')
  const third = await world.byKey('d1')
  const { requests } = await world.talk(third, 'd1')
  world.clock.advance(2_000)
  requests.link.send({ body: '' })
  await turns()
  assert.equal(third.transport.state, 'ended')
  assert.equal(world.provisioning.registered.length, 0)
})
