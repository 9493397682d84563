import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret, instant } from '#base'
import { policyToken } from '../../../test/service-callers.ts'
import type { SigningPolicy } from '../authentication/sas.ts'
import { verifySharedAccess } from './shared-access.ts'

const key = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='
const at = 1_893_452_400_000
const now = instant(at)
const names = new Map<string, readonly ('RegistryRead' | 'ServiceConnect')[]>([
  ['iothubowner', ['RegistryRead', 'ServiceConnect']],
  ['service', ['ServiceConnect']],
  ['ends-soon', ['ServiceConnect']],
])
const signing = (name: string): SigningPolicy | undefined => {
  const permissions = names.get(name)
  return permissions === undefined
    ? undefined
    : {
        primary: new Secret(Buffer.from('rotated away')),
        secondary: new Secret(Buffer.from(key, 'base64')),
        permissions: new Set(permissions),
        expiresAt: instant(name === 'ends-soon' ? at + 60_000 : at + 1e10),
      }
}
const verify = (text: string, isEventHubs = false) => {
  const said = verifySharedAccess(
    text,
    isEventHubs,
    { signing, isOurHost: (host) => host.split(':')[0]?.toLowerCase() === 'hub.example' },
    now,
  )
  return said.ok ? `${said.value.policy} ${said.value.scope} ${said.value.expiresAt}` : (said.error.detail ?? said.error.code)
}
const end = 1_893_456_000_000

test('the service token of azure-wire 1.4 is taken, whatever the order of its fields', () => {
  const fields = ['sr=hub.example', 'sig=tbsstyn%2Fc6gZ3GYa0ytuUVJs1uktTut8C0cuxa%2BtV2I%3D', 'se=1893456000', 'skn=iothubowner']
  for (const order of [fields, fields.toReversed(), [fields[1], fields[2], fields[3], fields[0]]])
    assert.equal(verify(`SharedAccessSignature ${order.join('&')}`), `iothubowner hub.example ${end}`)
})

test('the Event Hubs token of azure-wire 1.4, signed with the key as text, is taken from Event Hubs clients alone', () => {
  const sr = 'sb%3A%2F%2Fhub.example%2Fmessages%2Fevents%2FConsumerGroups%2F%24Default%2FPartitions%2F0'
  const text = `SharedAccessSignature sr=${sr}&sig=VWnnrpy09PAGhmNMULFrLq23%2B8hHzvudkA%2FNGvHO3BE%3D&se=1893456000&skn=service`
  assert.equal(verify(text, true), `service hub.example/messages/events/ConsumerGroups/$Default/Partitions/0 ${end}`)
  assert.match(verify(text, false), /neither key/)
})

const token = (resource: string, options: Parameters<typeof policyToken>[3] = {}, policy = 'service') =>
  policyToken(policy, key, resource, { now: at, ...options })

for (const [name, text, isEventHubs, expected] of [
  ['a longer resource', token('hub.example/devices/d1'), false, /^service hub\.example\/devices\/d1 /],
  [
    'a policy that ends before the token',
    token('hub.example', {}, 'ends-soon'),
    false,
    new RegExp(`^ends-soon hub.example ${at + 60_000}$`),
  ],
  ['no policy', token('hub.example').replace(/&skn=.*/, ''), false, /names no shared access policy/],
  ['an unknown policy', token('hub.example', {}, 'nobody'), false, /no shared access policy nobody/],
  [
    'another policy of the same key that it was not signed for',
    token('hub.example').replace('skn=service', 'skn=__proto__'),
    false,
    /no shared/,
  ],
  ['another hub', token('evil.example'), false, /another resource/],
  ['a name that begins as ours', token('hub.example.evil.example'), false, /another resource/],
  ['expired now', token('hub.example', { seconds: 0 }), false, /expired/],
  ['for more than a day', token('hub.example', { seconds: 86_401 }), false, /24 hours/],
  ['a changed expiry', token('hub.example').replace(/se=\d+/, 'se=1893459000'), false, /neither key/],
  ['a changed resource', token('hub.example/devices/d1').replace('d1', 'd2'), false, /neither key/],
  ['the key of another', policyToken('service', 'AAAA', 'hub.example', { now: at }), false, /neither key/],
  ['the key as text from a client that is none of Event Hubs', token('hub.example', { isEventHubs: true }), false, /neither key/],
  ['the bytes of the key from an Event Hubs client', token('sb://hub.example/e'), true, /neither key/],
  ['a hub token from an Event Hubs client', token('hub.example', { isEventHubs: true }), true, /another resource/],
  ['an Event Hubs resource from anybody else', token('sb://hub.example/e'), false, /another resource/],
  ['nonsense', 'SharedAccessSignature nonsense', false, /malformed/],
] as const)
  test(`a back end's shared access signature: ${name}`, () => assert.match(verify(text, isEventHubs), expected))
