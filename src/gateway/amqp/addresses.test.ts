import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Action, actions } from '#base'
import { amqp, tokenFor, turns } from './amqp-scene.test.ts'
import { type AddressRow, addressTable, parseAddress, parseDestination } from './addresses.ts'

/** Each kind of caller, and whether it may attach to a row. `one` is the device that addresses name, `one/m` its module. */
const callers: readonly {
  readonly name: string
  readonly rights?: readonly Action[]
  readonly identity?: string
  may(row: AddressRow): boolean
}[] = [
  { name: 'nobody', may: ({ who }) => who === 'anyone' },
  { name: 'the device itself', identity: 'one', may: ({ who }) => who === 'anyone' || who === 'device' },
  { name: 'another device', identity: 'two', may: ({ who }) => who === 'anyone' },
  { name: 'the module itself', identity: 'one/m', may: ({ who }) => who === 'anyone' || who === 'module' },
  { name: 'another module of the device', identity: 'one/n', may: ({ who }) => who === 'anyone' },
  { name: 'a back end with every right', rights: actions, may: ({ who }) => who !== 'device' && who !== 'module' },
  { name: 'a back end with no right', rights: [], may: ({ who }) => who === 'anyone' },
  ...(['c2d.send', 'c2d.feedback', 'file.notifications', 'telemetry.read', 'device.act', 'twin.write'] as const).map((right) => ({
    name: `a back end with ${right} alone`,
    rights: [right],
    may: ({ who }: AddressRow) => who === 'anyone' || who === right,
  })),
]

const concrete = ({ pattern }: AddressRow): string =>
  pattern
    .replace('{entity}', 'messages/events')
    .replace('{d}', 'one')
    .replace('{m}', 'm')
    .replace('{group}', '$Default')
    .replace('{partition}', '0')

for (const caller of callers) {
  test(`what ${caller.name} may attach to by AMQP, and in which role`, async () => {
    for (const row of addressTable) {
      for (const role of ['sender', 'receiver'] as const) {
        const world = amqp(caller.rights === undefined ? {} : { rights: caller.rights })
        const client = await world.connect()
        if (caller.rights !== undefined) assert.equal(await client.putToken('hub.example', tokenFor('hub.example', 'policy')), 200)
        if (caller.identity !== undefined) {
          const resource = `hub.example/devices/${caller.identity.replace('/', '/modules/')}`
          assert.equal(await client.putToken(resource, tokenFor(resource)), 200)
        }
        const address = concrete(row)
        const link = role === 'sender' ? await client.sender(address) : await client.receiver(address)
        await turns()
        const isOther = addressTable.some((other) => other !== row && other.pattern === row.pattern && other.role !== row.role)
        const expected = (row.role === 'both' || row.role === role || isOther) && caller.may(row)
        assert.equal(link.closed.length === 0, expected, `${role} ${address}: ${link.closed.join()}`)
        if (!expected) assert.match(link.closed.join(), /^amqp:(unauthorized-access|not-allowed|not-found)$/, `${role} ${address}`)
      }
    }
  })
}

test('an address is found however its keywords are written, and its ids are decoded once [azure-wire 4.3]', () => {
  const identity = (text: string) => {
    const address = parseAddress(text, 'receiver', [])
    return address.ok ? address.value.identity : undefined
  }
  assert.equal(identity('/devices/dev%3A1/messages/deviceBound'), 'dev:1')
  assert.equal(identity('amqps://hub.example/DEVICES/d1/Messages/devicebound'), 'd1')
  assert.equal(identity('devices/d%252F/messages/devicebound'), 'd%2F', 'once, and no more')
  for (const bad of [
    '/devices/a%2Fb/messages/devicebound',
    '/devices//messages/devicebound',
    '/devices/%/messages/devicebound',
    '/devices/a/messages/devicebound/x',
    '/devices/+/messages/devicebound',
  ])
    assert.equal(identity(bad), undefined, bad)
  assert.equal(parseDestination('/devices/d/modules/m/messages/devicebound'), 'd/m')
  assert.equal(parseDestination('/devices/d/messages/events'), undefined)
  assert.equal(parseAddress('x'.repeat(2_000), 'sender', []).ok, false)
  assert.ok(parseAddress('Hub.Example/ConsumerGroups/g/Partitions/1', 'receiver', ['hub.example']).ok)
})
