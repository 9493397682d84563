import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeviceId, Secret, identityOf, instant, ok, parseDeviceId, parseModuleId, refuse } from '#base'
import { signSharedAccess } from '#wire/azure'
import { authenticate, type Credentials } from './authenticate.ts'
import type { AuthenticationPorts, RegisteredDevice } from './ports.ts'
import { authenticationMethodJson } from './principal.ts'

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
const module_ = (device: string, name: string): DeviceId => {
  const parsed = parseModuleId(name)
  assert.ok(parsed.ok)
  return identityOf(id(device), parsed.value)
}
const key = Buffer.from('MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=', 'base64')
const modules: readonly RegisteredDevice[] = [
  { ...caDevice, id: module_('pump-1', 'filter'), generationId: '3' },
  { ...caDevice, id: module_('pump-1', 'quiet'), authentication: { type: 'none' } },
  { ...caDevice, id: module_('dev1', 'm1'), authentication: { type: 'sas' } },
  { ...caDevice, id: module_('old-1', 'm'), status: 'disabled' },
  { ...caDevice, id: module_('pump-1', '$edgeAgent'), authentication: { type: 'sas' } },
]

// A certificate in these tests is its own description: `cn|fingerprint letter|chain verdict`.
const cert = (cn: string, letter = 'c', chain = 'good') => Buffer.from(`${cn}|${letter}|${chain}`)
const read = (der: Buffer | undefined) => (der ?? Buffer.alloc(0)).toString().split('|')
const ports: AuthenticationPorts = {
  find: (wanted) => [caDevice, pinned, disabled, ...modules].find((device) => device.id === wanted),
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
    'a module with a certificate of its whole name',
    { userName: azure('pump-1/filter'), clientId: 'pump-1/filter', certificates: [cert('pump-1/filter')] },
    'pump-1/filter azure',
  ],
  ['plain MQTT: the certificate names the module', { clientId: 'any', certificates: [cert('pump-1/filter')] }, 'pump-1/filter mqtt'],
  [
    'a module with the certificate of its device',
    { userName: azure('pump-1/filter'), clientId: 'pump-1/filter', certificates: [cert('pump-1')] },
    'access/wrong-common-name',
  ],
  [
    'a device with the certificate of its module',
    { userName: azure('pump-1'), clientId: 'pump-1', certificates: [cert('pump-1/filter')] },
    'access/wrong-common-name',
  ],
  [
    'a module under the client id of its device',
    { userName: azure('pump-1/filter'), clientId: 'pump-1', certificates: [cert('pump-1/filter')] },
    'access/client-id-mismatch',
  ],
  [
    'a device under the client id of its module',
    { userName: azure('pump-1'), clientId: 'pump-1/filter', certificates: [cert('pump-1')] },
    'access/client-id-mismatch',
  ],
  ['an unknown module', { userName: azure('pump-1/x'), clientId: 'pump-1/x', certificates: [cert('pump-1/x')] }, 'access/unknown-device'],
  [
    'a module whose device connects for it',
    { userName: azure('pump-1/quiet'), clientId: 'pump-1/quiet', certificates: [cert('pump-1/quiet')] },
    'access/no-credential',
  ],
  [
    'a module of a disabled device',
    { userName: azure('old-1/m'), clientId: 'old-1/m', certificates: [cert('old-1/m')] },
    'access/disabled',
  ],
  [
    'a module id that would be a wildcard',
    { userName: azure('pump-1/+'), clientId: 'pump-1/+', certificates: [cert('x')] },
    'access/module-id-malformed',
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

const whenVectorsHold = instant(1_893_452_400_000)
const vector = 'hub.example%2Fdevices%2Fdev1%2Fmodules%2Fm1'
const vectorToken = `SharedAccessSignature sr=${vector}&sig=SnvNKAEzgzTa0VqzpKqul1elbW8ip5Q%2Br%2F4owds3l6k%3D&se=1893456000`
const keys = { primary: new Secret(Buffer.from(key)), secondary: new Secret(Buffer.from('another')) }
const withKeys: AuthenticationPorts = {
  ...ports,
  sas: { allowedUntil: instant(2_000_000_000_000), keysOf: (wanted) => (wanted.includes('/') ? keys : undefined) },
}
const bySas = (identity: string, token: string, props = '?api-version=2021-04-12') =>
  authenticate(
    { ...nothing, userName: `hub.example/${identity}/${props}`, clientId: identity, password: new Secret(Buffer.from(token)) },
    withKeys,
    whenVectorsHold,
  )

test('a module connects by the token of azure-wire 1.4, and is known as its device, a slash and itself', () => {
  const result = bySas('dev1/m1', vectorToken)
  assert.ok(result.ok)
  const { device, subject, authentication, expiresAt, mode } = result.value
  assert.deepEqual(subject, { identity: 'dev1/m1', username: 'dev1/m1', clientId: 'dev1/m1', attributes: {} })
  assert.deepEqual(
    [device, authentication.scope, authentication.type, mode, expiresAt],
    ['dev1/m1', 'module', 'sas', 'azure', 1_893_456_000_000],
  )
  assert.equal(authenticationMethodJson(result.value), '{"scope":"module","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}')
})

test('the token of one module opens no other, even where both have the same key', () => {
  const other = bySas('pump-1/$edgeAgent', vectorToken)
  assert.equal(!other.ok && other.error.code, 'access/sas-scope')
  const sr = 'hub.example%2Fdevices%2Fpump-1%2Fmodules%2F%24edgeAgent'
  const sig = encodeURIComponent(signSharedAccess(key, sr, '1893456000').toString('base64'))
  assert.ok(bySas('pump-1/$edgeAgent', `SharedAccessSignature sr=${sr}&sig=${sig}&se=1893456000`).ok)
})

test('the model that a device says it is goes along, encoded or not, and nonsense does not (azure-wire 2.1)', () => {
  const model = (text: string) => {
    const result = bySas('dev1/m1', vectorToken, `?api-version=2021-04-12&model-id=${text}`)
    return result.ok ? result.value.modelId : result.error.code
  }
  assert.equal(model('dtmi:com:example:Thermostat;1'), 'dtmi:com:example:Thermostat;1')
  assert.equal(model('dtmi%3Acom%3Aexample%3AThermostat%3B1&model-id=second'), 'dtmi:com:example:Thermostat;1')
  assert.equal(model(''), undefined)
  assert.equal(model('a%0Ab'), undefined)
  assert.equal(model('x'.repeat(257)), undefined)
})
