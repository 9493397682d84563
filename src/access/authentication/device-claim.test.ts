import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeviceId, Secret, instant, ok, parseDeviceId } from '#base'
import { signSharedAccess } from '#wire/azure'
import type { AuthenticationPorts, RegisteredDevice } from '../ports.ts'
import { parseIdentity } from '../identity-text.ts'
import type { DeviceClaim } from './contract.ts'
import { deviceClaims } from './device-claim.ts'
import { hidden } from './sas.ts'

const id = (text: string): DeviceId => {
  const parsed = text.includes('/') ? parseIdentity(text) : parseDeviceId(text)
  assert.ok(parsed.ok)
  return parsed.value
}
const start = 1_800_000_000_000
const key = Buffer.from('the key of everybody here')
const print = 'ab'.repeat(32)

/** Devices that can be changed, the clock, and how often keys were asked for. */
function scene() {
  const registered = new Map<string, RegisteredDevice>(
    (
      [
        ['pump-1', { type: 'sas' }],
        ['pump-1/filter', { type: 'sas' }],
        ['pinned-1', { type: 'selfSigned', primaryThumbprint: print, secondaryThumbprint: null }],
      ] as const
    ).map(([name, authentication]) => [name, { id: id(name), generationId: '1', etag: 'e1', status: 'enabled', authentication }]),
  )
  const at = { now: start, keysAsked: 0, key, policies: true }
  const ports: AuthenticationPorts = {
    find: (wanted) => registered.get(wanted),
    withThumbprint: () => [],
    verifyChain: () => ({ ok: false, error: { code: 'pki/unknown-issuer', message: 'no' } }),
    leafFacts: (der) =>
      ok({ fingerprintSha256: der.toString(), commonName: undefined, notBefore: instant(0), notAfter: instant(start + 9e9) }),
    isOurHost: (host) => host === 'hub.example',
    sas: {
      allowedUntil: instant(start + 1e9),
      keysOf() {
        at.keysAsked++
        return { primary: new Secret(Buffer.from(at.key)), secondary: new Secret(Buffer.from('x')) }
      },
      policy: (name) =>
        at.policies && name === 'gateway'
          ? {
              primary: new Secret(Buffer.from('policy')),
              secondary: new Secret(Buffer.from('y')),
              permissions: new Set(['DeviceConnect']),
              expiresAt: instant(start + 1e8),
            }
          : undefined,
    },
  }
  const prove = deviceClaims(ports, () => instant(at.now))
  const ask = (claim: Partial<DeviceClaim> & { readonly identity: DeviceId }) => {
    const said = prove({ token: undefined, certificates: [], address: '192.0.2.1', host: undefined, ...claim })
    return said.ok ? `${said.value.device} ${said.value.authentication.scope} ${said.value.authentication.type}` : said.error.code
  }
  return { registered, at, prove, ask }
}

function token(sr: string, seconds = 3_600, by: Uint8Array = key): string {
  const se = String(start / 1000 + seconds)
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(signSharedAccess(by, sr, se).toString('base64'))}&se=${se}`
}
const pump = token('hub.example%2Fdevices%2Fpump-1')

test('a device and a module are proven by their tokens, and by nobody else`s, for a name of ours', () => {
  const { ask } = scene()
  assert.equal(ask({ identity: id('pump-1'), token: pump }), 'pump-1 device sas')
  const filter = token('hub.example%2Fdevices%2Fpump-1%2Fmodules%2Ffilter')
  assert.equal(ask({ identity: id('pump-1/filter'), token: filter, host: 'hub.example' }), 'pump-1/filter module sas')
  assert.equal(ask({ identity: id('pump-1'), token: filter }), 'access/sas-scope')
  assert.equal(ask({ identity: id('pump-1'), token: pump, host: 'evil.example' }), 'access/wrong-host')
  assert.equal(ask({ identity: id('pump-2'), token: pump }), 'access/unknown-device')
  assert.equal(ask({ identity: id('pump-1') }), 'access/no-token')
  assert.equal(ask({ identity: id('pump-1'), token: 'Bearer x' }), 'access/sas-malformed')
})

test('a certificate proves by its thumbprint, and not beside a token (azure-wire 1.8)', () => {
  const { ask } = scene()
  assert.equal(ask({ identity: id('pinned-1'), certificates: [Buffer.from(print)] }), 'pinned-1 device x509')
  assert.equal(ask({ identity: id('pinned-1'), certificates: [Buffer.from('cd'.repeat(32))] }), 'access/wrong-thumbprint')
  assert.equal(ask({ identity: id('pump-1'), certificates: [Buffer.from(print)], token: pump }), 'access/password-unsupported')
  assert.equal(ask({ identity: id('pump-1'), certificates: [Buffer.from(print)] }), 'access/no-token')
})

test('a verified token is remembered: its keys are asked for once, and not after its end', () => {
  const { ask, at } = scene()
  for (let i = 0; i < 3; i++) assert.equal(ask({ identity: id('pump-1'), token: pump }), 'pump-1 device sas')
  assert.equal(at.keysAsked, 1)
  at.now += 3_600_000
  assert.equal(ask({ identity: id('pump-1'), token: pump }), 'access/sas-expired')
})

test('what is remembered of one identity opens no other, and no later device of the same name', () => {
  const { ask, registered, at } = scene()
  const broad = token('hub.example')
  assert.equal(ask({ identity: id('pump-1'), token: broad }), 'pump-1 device sas')
  at.key = Buffer.from('new keys')
  assert.equal(ask({ identity: id('pump-1/filter'), token: broad }), 'access/sas-wrong')
  const before = registered.get('pump-1')
  assert.ok(before)
  for (const [after, code] of [
    [{ ...before, generationId: '2' }, 'access/sas-wrong'],
    [{ ...before, etag: 'e2' }, 'access/sas-wrong'],
    [{ ...before, status: 'disabled' as const }, 'access/sas-wrong'],
    [{ ...before, authentication: { type: 'certificateAuthority' as const }, etag: 'e3' }, 'access/password-unsupported'],
  ] as const) {
    registered.set('pump-1', after)
    assert.equal(ask({ identity: id('pump-1'), token: broad }), code)
    registered.set('pump-1', before)
    assert.equal(ask({ identity: id('pump-1'), token: broad }), 'pump-1 device sas', 'still remembered for the one it was')
  }
})

test('a token of a policy is verified each time, and the record says that a policy signed', () => {
  const { prove, at } = scene()
  const ask = () =>
    prove({
      identity: id('pump-1'),
      token: `${token('hub.example', 60, Buffer.from('policy'))}&skn=gateway`,
      certificates: [],
      address: '',
      host: undefined,
    })
  for (let i = 0; i < 2; i++) {
    const said = ask()
    assert.equal(said.ok && said.value.authentication.policy, 'gateway')
  }
  at.policies = false
  const after = ask()
  assert.equal(!after.ok && after.error.code, 'access/sas-policy')
})

test('ten thousand tokens are not all remembered', () => {
  const { ask, at } = scene()
  for (let i = 1; i <= 5_000; i++) ask({ identity: id('pump-1'), token: token('hub.example', i) })
  assert.equal(at.keysAsked, 5_000)
  ask({ identity: id('pump-1'), token: token('hub.example', 1) })
  assert.equal(at.keysAsked, 5_001, 'the oldest gave way')
  ask({ identity: id('pump-1'), token: token('hub.example', 5_000) })
  assert.equal(at.keysAsked, 5_001)
})

test('whatever was wrong with it, the peer hears the same sentence (azure-wire 1.2)', () => {
  const { prove, registered } = scene()
  const before = registered.get('pump-1')
  assert.ok(before)
  registered.set('off-1', { ...before, id: id('off-1'), status: 'disabled' })
  const sentences = new Set(
    (
      [
        ['pump-1', token('hub.example%2Fdevices%2Fpump-2')],
        ['nobody', pump],
        ['off-1', token('hub.example%2Fdevices%2Foff-1')],
        ['pump-1', token('hub.example', 0)],
        ['pump-1', token('hub.example', 1, Buffer.from('guess'))],
        ['pinned-1', pump],
      ] as const
    ).map(([name, text]) => {
      const said = prove({ identity: id(name), token: text, certificates: [], address: '', host: undefined })
      return said.ok ? 'yes' : said.error.message
    }),
  )
  assert.deepEqual([...sentences], [hidden])
})
