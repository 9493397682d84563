import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseDeviceId } from '#base'
import type { Credentials } from '../authenticate.ts'
import { identityOf, identityPrefixes, principalOf } from './identity.ts'

const credentials: Credentials = {
  clientId: 'c1',
  userName: 'as sent',
  password: undefined,
  authenticationMethod: undefined,
  authenticationData: undefined,
  mqttVersion: 5,
  peerAddress: '192.0.2.1',
  certificates: [],
}
const make = (username: string, attributes: Record<string, string> = {}) =>
  principalOf('Custom', { username, attributes: new Map(Object.entries(attributes)), expiresAt: undefined }, credentials)

test('different names are different identities, whatever they hold, and none is a device id without a prefix', () => {
  const anything = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ minLength: 100, maxLength: 400 }),
    fc.constantFrom('%sha256:0', 'a%20b', 'a b'),
  )
  fc.assert(
    fc.property(anything, anything, fc.constantFrom(...identityPrefixes), (one, other, prefix) => {
      fc.pre(one.isWellFormed() && other.isWellFormed())
      const identity = identityOf(prefix, one)
      assert.ok(parseDeviceId(identity).ok && identity.startsWith(prefix))
      assert.equal(identity === identityOf(prefix, other), one === other)
    }),
  )
})

const hostile: readonly (readonly [string, string])[] = [
  ['an empty one', ''],
  ['a NUL', 'a\u0000b'],
  ['a line feed', 'a\nb'],
  ['an escape sequence', 'a\u001b[2J'],
  ['half a surrogate pair', 'a\ud800'],
  ['the mark of bytes that were no text', 'a\ufffd'],
  ['text that turns round what follows', 'a\u202eb'],
  ['an overlong one', 'a'.repeat(257)],
]
for (const [what, name] of hostile)
  test(`a name is refused: ${what}`, () => {
    const made = make(name)
    assert.equal(made.ok ? '' : made.error.code, 'access/username-unusable')
  })

test('wildcards may stand in a name: policies never take a token for a pattern, and the identity stays one word', () => {
  const made = make('#/+')
  assert.ok(made.ok)
  assert.equal(made.value.subject.username, '#/+')
  assert.equal(made.value.device, 'custom:%23%2F%2B')
})

test('the client id is the one in use, and the user name is kept as sent', () => {
  const made = make('alice', { role: 'operator' })
  assert.ok(made.ok)
  assert.deepEqual(
    { ...made.value.subject, attributes: { ...made.value.subject.attributes } },
    {
      identity: 'custom:alice',
      username: 'alice',
      clientId: 'c1',
      attributes: { role: 'operator' },
    },
  )
  assert.equal(made.value.userName, 'as sent')
  assert.equal(made.value.generationId, '')
})

const badAttributes: readonly (readonly [string, Record<string, string>])[] = [
  ['one that only the hub may say', { 'thingwall.method': 'device' }],
  ['too many', Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`a${at}`, 'x']))],
  ['a long one', { a: 'x'.repeat(1_025) }],
  ['a long name', { ['x'.repeat(129)]: 'a' }],
  ['a NUL', { a: '\u0000' }],
  ['no name', { '': 'a' }],
]
for (const [what, attributes] of badAttributes)
  test(`attributes are refused: ${what}`, () => {
    const made = make('alice', attributes)
    assert.equal(made.ok ? '' : made.error.code, 'access/attributes-unusable')
  })

test('attributes have no inherited names', () => {
  const made = make('alice')
  assert.ok(made.ok)
  assert.equal(Reflect.get(made.value.subject.attributes, 'constructor'), undefined)
})
