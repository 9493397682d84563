import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeviceId, Secret, instant, ok, parseDeviceId, refuse } from '#base'
import { authenticate, type Credentials } from './authenticate.ts'
import type { AuthenticationPorts, RegisteredDevice } from './ports.ts'

const id = (text: string): DeviceId => {
  const parsed = parseDeviceId(text)
  assert.ok(parsed.ok)
  return parsed.value
}
const print = (letter: string) => letter.repeat(64)
const now = instant(1_000_000)
const caDevice: RegisteredDevice = {
  id: id('pump-1'),
  generationId: '1',
  status: 'enabled',
  authentication: { type: 'certificateAuthority' },
}
const pinned: RegisteredDevice = {
  id: id('valve-1'),
  generationId: '2',
  status: 'enabled',
  authentication: { type: 'selfSigned', primaryThumbprint: print('a'), secondaryThumbprint: print('b') },
}
const disabled: RegisteredDevice = { ...caDevice, id: id('old-1'), status: 'disabled' }

// A certificate in these tests is its own description: `cn|fingerprint letter|chain verdict`.
const cert = (cn: string, letter = 'c', chain = 'good') => Buffer.from(`${cn}|${letter}|${chain}`)
const read = (der: Buffer | undefined) => (der ?? Buffer.alloc(0)).toString().split('|')
const ports: AuthenticationPorts = {
  find: (wanted) => [caDevice, pinned, disabled].find((device) => device.id === wanted),
  withThumbprint: (sha256) =>
    sha256 === print('d') ? [id('valve-1'), id('pump-1')] : sha256 === print('a') || sha256 === print('b') ? [pinned.id] : [],
  verifyChain(presented) {
    const [commonName = '', letter = '', verdict] = read(presented[0])
    return verdict === 'good'
      ? ok({ commonName, serial: '01', fingerprintSha256: print(letter), chainNotAfter: instant(9_000_000) })
      : refuse(`pki/${verdict}`, 'no')
  },
  leafFacts(der) {
    const [commonName, letter = '', verdict] = read(der)
    if (verdict === 'junk') return refuse('pki/malformed', 'no')
    return ok({
      fingerprintSha256: print(letter),
      commonName,
      notBefore: instant(verdict === 'young' ? 2_000_000 : 0),
      notAfter: instant(verdict === 'old' ? 10 : 9_000_000),
    })
  },
  isOurHost: (host) => host.split(':')[0]?.toLowerCase() === 'hub.example',
}
const nothing: Credentials = {
  clientId: '',
  userName: undefined,
  password: undefined,
  authenticationMethod: undefined,
  authenticationData: undefined,
  mqttVersion: 5,
  peerAddress: '192.0.2.1',
  certificates: [],
}
const azure = (device: string, host = 'hub.example') => `${host}/${device}/?api-version=2021-04-12`

const cases: readonly (readonly [string, Partial<Credentials>, string])[] = [
  [
    'Azure user name and a certificate of the same name',
    { userName: azure('pump-1'), clientId: 'pump-1', certificates: [cert('pump-1')] },
    'pump-1 azure',
  ],
  [
    'host with a port and other case',
    { userName: azure('pump-1', 'HUB.example:8883'), clientId: 'pump-1', certificates: [cert('pump-1')] },
    'pump-1 azure',
  ],
  ['plain MQTT: the certificate names the device, any client id', { clientId: 'whatever', certificates: [cert('pump-1')] }, 'pump-1 mqtt'],
  ['plain MQTT with a free user name', { userName: 'alice', clientId: '', certificates: [cert('pump-1')] }, 'pump-1 mqtt'],
  ['primary thumbprint', { userName: azure('valve-1'), clientId: 'valve-1', certificates: [cert('x', 'a')] }, 'valve-1 azure'],
  ['secondary thumbprint', { userName: azure('valve-1'), clientId: 'valve-1', certificates: [cert('x', 'b')] }, 'valve-1 azure'],
  ['plain MQTT by thumbprint, whatever the common name', { certificates: [cert('pump-1', 'a')] }, 'valve-1 mqtt'],
  ['no certificate', { userName: azure('pump-1'), clientId: 'pump-1' }, 'access/no-certificate'],
  [
    'a certificate of another device',
    { userName: azure('pump-1'), clientId: 'pump-1', certificates: [cert('pump-2')] },
    'access/wrong-common-name',
  ],
  ['another client id', { userName: azure('pump-1'), clientId: 'pump-2', certificates: [cert('pump-1')] }, 'access/client-id-mismatch'],
  ['another hub', { userName: azure('pump-1', 'evil.example'), clientId: 'pump-1', certificates: [cert('pump-1')] }, 'access/wrong-host'],
  [
    'a module',
    { userName: 'hub.example/pump-1/m/?api-version=2021-04-12', clientId: 'pump-1/m', certificates: [cert('pump-1')] },
    'access/modules-unsupported',
  ],
  ['unknown device', { userName: azure('nobody'), clientId: 'nobody', certificates: [cert('nobody')] }, 'access/unknown-device'],
  ['unknown device by certificate', { certificates: [cert('nobody')] }, 'access/unknown-device'],
  ['disabled device', { userName: azure('old-1'), clientId: 'old-1', certificates: [cert('old-1')] }, 'access/disabled'],
  ['disabled device by certificate', { certificates: [cert('old-1')] }, 'access/disabled'],
  [
    'wrong thumbprint',
    { userName: azure('valve-1'), clientId: 'valve-1', certificates: [cert('valve-1', 'e')] },
    'access/wrong-thumbprint',
  ],
  ['a CA-signed leaf in the name of a pinned device', { certificates: [cert('valve-1', 'e')] }, 'access/wrong-thumbprint'],
  [
    'a pinned certificate past its end',
    { userName: azure('valve-1'), clientId: 'valve-1', certificates: [cert('x', 'a', 'old')] },
    'access/expired',
  ],
  [
    'a pinned certificate before its start',
    { userName: azure('valve-1'), clientId: 'valve-1', certificates: [cert('x', 'a', 'young')] },
    'access/not-yet-valid',
  ],
  ['one thumbprint on two devices', { certificates: [cert('x', 'd')] }, 'access/shared-credential'],
  ['revoked', { certificates: [cert('pump-1', 'c', 'revoked')] }, 'pki/revoked'],
  ['unknown issuer, unknown name', { certificates: [cert('nobody', 'c', 'unknown-issuer')] }, 'pki/unknown-issuer'],
  ['junk instead of a certificate', { certificates: [cert('pump-1', 'c', 'junk')] }, 'pki/malformed'],
  [
    'a password',
    { userName: azure('pump-1'), clientId: 'pump-1', password: new Secret(Buffer.from('x')), certificates: [cert('pump-1')] },
    'access/password-unsupported',
  ],
  [
    'a device id that would be a wildcard',
    { userName: azure('#'), clientId: '#', certificates: [cert('#')] },
    'access/device-id-malformed',
  ],
  ['a common name that would be a wildcard', { certificates: [cert('+')] }, 'access/unknown-device'],
]

for (const [name, given, expected] of cases) {
  test(`authenticate: ${name} -> ${expected}`, () => {
    const result = authenticate({ ...nothing, ...given }, ports, now)
    assert.equal(result.ok ? `${result.value.device} ${result.value.mode}` : result.error.code, expected)
  })
}

test('the sentence for the peer does not tell an unknown device from a disabled one', () => {
  const say = (device: string) => {
    const result = authenticate({ ...nothing, clientId: device, userName: azure(device), certificates: [cert(device)] }, ports, now)
    return result.ok ? '' : result.error.message
  }
  assert.equal(say('nobody'), say('old-1'))
})

test('a principal carries whom policies are asked about, and when its certificate ends', () => {
  const result = authenticate({ ...nothing, clientId: 'any', certificates: [cert('pump-1')] }, ports, now)
  assert.ok(result.ok)
  assert.deepEqual(result.value.subject, { identity: 'pump-1', username: 'pump-1', clientId: 'any', attributes: {} })
  assert.equal(result.value.expiresAt, 9_000_000)
})
