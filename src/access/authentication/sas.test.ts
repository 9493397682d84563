import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeviceId, Secret, instant, parseDeviceId } from '#base'
import { parseSharedAccessSignature, signSharedAccess } from '#wire/azure'
import { type SigningPolicy, hidden, verifySas } from './sas.ts'

const id = (text: string): DeviceId => {
  const parsed = parseDeviceId(text)
  assert.ok(parsed.ok)
  return parsed.value
}
const key = Buffer.from('MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=', 'base64')
const now = instant(Date.UTC(2026, 0, 1))
const soon = now / 1000 + 3_600
const keys = { primary: new Secret(Buffer.from(key)), secondary: new Secret(Buffer.from('second key of this device')) }
const encode = (text: string) => encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

/** A token as SDKs make it; `sr` is taken as it is. */
function token(sr: string, se: number | string = soon, signedWith: Uint8Array = key, order = 'sr,sig,se'): string {
  const parts: Record<string, string> = { sr, sig: encode(signSharedAccess(signedWith, sr, String(se)).toString('base64')), se: String(se) }
  return `SharedAccessSignature ${order
    .split(',')
    .map((name) => `${name}=${parts[name]}`)
    .join('&')}`
}

const policyKey = Buffer.from('the key of a policy')
const policy = (name: string): SigningPolicy | undefined =>
  name === 'gateway' || name === 'service' || name === 'ended'
    ? {
        primary: new Secret(Buffer.from('rotated')),
        secondary: new Secret(Buffer.from(policyKey)),
        permissions: new Set([name === 'service' ? 'ServiceConnect' : 'DeviceConnect']),
        expiresAt: instant(name === 'ended' ? now : now + 1_800_000),
      }
    : undefined

function verify(text: string, device = 'dev1', allowedUntil = instant(now + 90 * 86_400_000)) {
  const port = { allowedUntil, keysOf: (wanted: DeviceId) => (wanted === device ? keys : undefined), policy }
  const said = verifySas(
    new Secret(Buffer.from(text)),
    id(device),
    port,
    (host) => host.split(':')[0]?.toLowerCase() === 'hub.example',
    now,
  )
  return said.ok ? said.value.expiresAt : said.error.code
}

// azure-wire 1.4.
const vectors: readonly (readonly [string, string])[] = [
  ['hub.example%2Fdevices%2Fdev%201', 'osmCe4MdGbQnUJtGZ4NrlOY%2BZ8zyAgRmuH4lD1cp1BQ%3D'],
  ['hub.example%2Fdevices%2Fdev1%2Fmodules%2Fm1', 'SnvNKAEzgzTa0VqzpKqul1elbW8ip5Q%2Br%2F4owds3l6k%3D'],
  ['hub.example%3A8883%2Fdevices%2Fdev1', 'R80S%2FbwJlDJzWHW6H2gXdxO468YjxTAz5Abnmv2n64I%3D'],
  ['0ne00000001/registrations/reg-1', 's1nGQMqIBbBYiyGo%2FzyLIiakpwetNfGMRVtDHA%2FdGKo%3D'],
  ['0ne00000001%2fregistrations%2freg-1', 'Smb7cIf50MISPp6VKUG3ACbOjpcpfIMTTF2STkAszx4%3D'],
]
for (const [sr, sig] of vectors)
  test(`the signature over ${sr} is the one of the specification (azure-wire 1.4)`, () => {
    const parsed = parseSharedAccessSignature(`SharedAccessSignature sr=${sr}&sig=${sig}&se=1893456000`)
    assert.ok(parsed.ok)
    assert.deepEqual(signSharedAccess(key, sr, '1893456000'), parsed.value.signature)
  })

const good: readonly (readonly [string, string])[] = [
  ['as Node writes it', token('hub.example%2Fdevices%2Fdev1')],
  ['with a port', token('hub.example%3A8883%2Fdevices%2Fdev1')],
  ['in lower-case hex, as .NET writes it', token('hub.example%2fdevices%2fdev1')],
  ['not encoded at all', token('hub.example/devices/dev1')],
  ['with the host in capitals', token('HUB.example%2Fdevices%2Fdev1')],
  ['in another order', token('hub.example%2Fdevices%2Fdev1', soon, key, 'sig,se,sr')],
  ['by the secondary key', token('hub.example%2Fdevices%2Fdev1', soon, Buffer.from('second key of this device'))],
  ['for whole leading segments', token('hub.example%2Fdevices')],
  ['with an empty policy', `${token('hub.example%2Fdevices%2Fdev1')}&skn=`],
  ['in the very old form', token('hub.example%2Fdevices%2Fdev1%2Fapi-version=2016-11-14')],
]
for (const [name, text] of good) test(`a shared access signature is taken: ${name}`, () => assert.equal(verify(text), soon * 1000))

const bad: readonly (readonly [string, string, string])[] = [
  ['another device of the same key', token('hub.example%2Fdevices%2Fdev2'), 'access/sas-scope'],
  ['a device whose name begins so', token('hub.example%2Fdevices%2Fdev'), 'access/sas-scope'],
  ['a module', token('hub.example%2Fdevices%2Fdev1%2Fmodules%2Fm1'), 'access/sas-scope'],
  ['another hub', token('evil.example%2Fdevices%2Fdev1'), 'access/sas-scope'],
  ['the device in other case', token('hub.example%2Fdevices%2FDEV1'), 'access/sas-scope'],
  ['encoded twice', token('hub.example%252Fdevices%252Fdev1'), 'access/sas-scope'],
  ['another key', token('hub.example%2Fdevices%2Fdev1', soon, Buffer.from('guessed')), 'access/sas-wrong'],
  [
    'the key as text, as Event Hubs signs',
    token('hub.example%2Fdevices%2Fdev1', soon, Buffer.from(key.toString('base64'))),
    'access/sas-wrong',
  ],
  ['a changed resource', token('hub.example%2Fdevices%2Fdev2').replace('dev2', 'dev1'), 'access/sas-wrong'],
  ['a changed expiry', token('hub.example%2Fdevices%2Fdev1').replace(`se=${soon}`, `se=${soon + 60}`), 'access/sas-wrong'],
  ['the same number written otherwise', token('hub.example%2Fdevices%2Fdev1').replace(`se=${soon}`, `se=0${soon}`), 'access/sas-wrong'],
  ['expired now', token('hub.example%2Fdevices%2Fdev1', now / 1000), 'access/sas-expired'],
  ['good for more than a day', token('hub.example%2Fdevices%2Fdev1', now / 1000 + 86_401), 'access/sas-too-long'],
  ['of a policy that there is not', `${token('hub.example%2Fdevices%2Fdev1')}&skn=device`, 'access/sas-policy'],
  ['of a policy without DeviceConnect', `${token('hub.example', soon, policyKey)}&skn=service`, 'access/sas-policy'],
  ['of a policy that has ended', `${token('hub.example', soon, policyKey)}&skn=ended`, 'access/sas-policy'],
  ['of a policy, by the key of the device', `${token('hub.example%2Fdevices%2Fdev1')}&skn=gateway`, 'access/sas-wrong'],
  ['of a policy, for another device', `${token('hub.example%2Fdevices%2Fdev2', soon, policyKey)}&skn=gateway`, 'access/sas-scope'],
  ['by the key of a policy that it does not name', token('hub.example%2Fdevices%2Fdev1', soon, policyKey), 'access/sas-wrong'],
  ['a field twice', `${token('hub.example%2Fdevices%2Fdev1')}&se=9999999999`, 'access/sas-malformed'],
  ['nine fields', `${token('hub.example%2Fdevices%2Fdev1')}&a=1&b=1&c=1&d=1&e=1&f=1`, 'access/sas-malformed'],
  ['a negative expiry', token('hub.example%2Fdevices%2Fdev1', '-1'), 'access/sas-malformed'],
  ['no signature', `SharedAccessSignature sr=hub.example%2Fdevices%2Fdev1&se=${soon}`, 'access/sas-malformed'],
  ['a short signature', `SharedAccessSignature sr=hub.example%2Fdevices%2Fdev1&sig=AAAA&se=${soon}`, 'access/sas-malformed'],
  ['another scheme', token('hub.example%2Fdevices%2Fdev1').replace('SharedAccessSignature', 'Bearer'), 'access/sas-malformed'],
  ['a plain password', 'hunter2', 'access/sas-malformed'],
  ['too long', `${token('hub.example%2Fdevices%2Fdev1')}&x=${'y'.repeat(5_000)}`, 'access/sas-malformed'],
]
for (const [name, text, code] of bad)
  test(`a shared access signature is refused: ${name} -> ${code}`, () => assert.equal(verify(text), code))

test('a policy with DeviceConnect signs for every device, for one, or for all, until it ends (azure-wire 1.3)', () => {
  for (const sr of ['hub.example%2Fdevices%2Fdev1', 'hub.example/devices', 'hub.example'])
    assert.equal(verify(`${token(sr, soon, policyKey)}&skn=gateway`), now + 1_800_000)
  assert.equal(verify(`${token('hub.example%2Fdevices%2Fdev1%2Fmodules', soon, policyKey)}&skn=gateway`), 'access/sas-scope')
})

test('after the end of the migration none is taken, and before it none lasts longer', () => {
  const text = token('hub.example%2Fdevices%2Fdev1')
  assert.equal(verify(text, 'dev1', now), 'access/sas-ended')
  assert.equal(verify(text, 'dev1', instant(now + 60_000)), now + 60_000)
})

test('whatever was wrong, the peer hears the same sentence', () => {
  const sentences = new Set(
    bad.map(([, text]) => {
      const said = verifySas(
        new Secret(Buffer.from(text)),
        id('dev1'),
        { allowedUntil: instant(now + 1e9), keysOf: () => keys },
        (host) => host === 'hub.example',
        now,
      )
      return said.ok ? 'yes' : said.error.message
    }),
  )
  assert.deepEqual([...sentences], [hidden])
})
