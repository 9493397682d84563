import assert from 'node:assert/strict'
import { Agent, request } from 'node:https'
import { test } from 'node:test'
import { TpmDevice, handles } from '../test/swtpm-device.ts'
import { startSoftTpm } from '../test/swtpm.io.ts'
import { makeEndorsementCertificate } from './endorsement-certificate.ts'
import { HubProcess } from './hub.ts'
import { until } from './until.ts'

/* Attested hardware identity through a real hub, with a software TPM: certificate, evidence, registers, manufacturer, copy, replay (docs/tpm.md). */

type Answer = { readonly status: number; readonly json: Readonly<Record<string, unknown>> }

function post(hub: HubProcess, path: string, body: unknown): Promise<Answer> {
  const agent = new Agent({ keepAlive: false })
  return new Promise((resolve, reject) => {
    const options = { agent, host: hub.host, port: hub.ports.https, path, method: 'POST', ca: hub.rootPem, servername: 'localhost' }
    const asked = request({ ...options, headers: { 'content-type': 'application/json' } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, json: text === '' ? {} : JSON.parse(text) }))
    })
    asked.on('error', reject)
    asked.end(JSON.stringify(body))
  })
}

const base64 = (bytes: Buffer) => bytes.toString('base64')
const bytesOf = (value: unknown) => Buffer.from(String(value), 'base64')

/** First step: shows the keys. */
function ask(hub: HubProcess, device: TpmDevice, deviceId: string, attestationKey: Buffer, certificates: readonly Buffer[] = []) {
  const keys = { endorsementKey: base64(device.endorsementKey), attestationKey: base64(attestationKey) }
  return post(hub, '/attestation/ask', { deviceId, ...keys, endorsementCertificates: certificates.map(base64) })
}

/** Second step: answers with everything that the TPM has to say. */
async function answerOf(device: TpmDevice, question: Answer['json'], csr: Buffer) {
  const secret = await device.activateCredential('ak.ctx', bytesOf(question['idObject']), bytesOf(question['encryptedSecret']))
  await device.exclusive(() => device.tool('tpm2_readpublic', '-Q', '-c', handles.tlsKey, '-f', 'tss', '-o', 'key.pub'))
  const certified = await device.certify(handles.tlsKey)
  const quote = await device.quote('sha256:0,7', bytesOf(question['nonce']))
  return {
    id: question['id'],
    secret: base64(secret),
    key: base64(device.read('key.pub')),
    certification: base64(certified.message),
    certificationSignature: base64(certified.signature),
    csr: base64(csr),
    quote: { message: base64(quote.message), signature: base64(quote.signature) },
  }
}

async function quote(hub: HubProcess, device: TpmDevice, deviceId: string): Promise<readonly [Answer, unknown]> {
  const { json } = await post(hub, '/attestation/quote/ask', { deviceId })
  const { message, signature } = await device.quote('sha256:0,7', bytesOf(json['nonce']))
  const body = { deviceId, expiresAt: json['expiresAt'], quote: { message: base64(message), signature: base64(signature) } }
  return [await post(hub, '/attestation/quote', body), body]
}

const derOf = (pem: string) => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')

test('a device gets a certificate for a key in its TPM, and nobody else does; its machine is watched from then on', async () => {
  await using hub = await HubProcess.open()
  await using tpm = await startSoftTpm()
  using device = new TpmDevice(tpm.tcti)
  await device.prepare('ecc')
  const attestationKey = await device.attestationKey()
  const csr = derOf(await device.tlsKey('pump-7'))
  const values = (await device.quote('sha256:0,7', Buffer.alloc(8))).values
  assert.equal((await hub.api('POST', '/api/v1/devices', { id: 'pump-7', issue: false })).status, 201)

  // Nobody is expected yet.
  assert.equal((await ask(hub, device, 'pump-7', attestationKey)).status, 401)

  const maker = await makeEndorsementCertificate(device, 'Maker')
  const stranger = await makeEndorsementCertificate(device, 'Stranger')
  device.write('maker.pem', Buffer.from(maker.rootPem))
  const registers = [0, 1].map((at) => `${at * 7}=${values.subarray(at * 32, at * 32 + 32).toString('hex')}`)
  const words = registers.flatMap((one) => ['--register', one])
  const added = await hub.command('attestation', 'policy', 'add', 'gateways', ...words, '--root', device.path('maker.pem'))
  assert.equal(added.code, 0, added.stderr)
  const expected = await hub.command('attestation', 'expect', 'pump-7', '--ek', device.path('ek.pub'), '--policy', 'gateways')
  assert.equal(expected.code, 0, expected.stderr)

  // The policy demands a certificate of the endorsement key, by that maker.
  for (const certificates of [[], [stranger.der]]) {
    assert.equal((await ask(hub, device, 'pump-7', attestationKey, certificates)).status, 401)
  }
  const asked = await ask(hub, device, 'pump-7', attestationKey, [maker.der])
  assert.equal(asked.status, 200, JSON.stringify((await hub.facts()).at(-1)))
  assert.deepEqual(asked.json['registers'], [0, 7])
  const proof = await answerOf(device, asked.json, csr)
  const proven = await post(hub, '/attestation/prove', proof)
  assert.equal(proven.status, 200, JSON.stringify(proven.json))
  assert.match(String(proven.json['certificatePem']), /BEGIN CERTIFICATE/)
  // Answered once.
  assert.equal((await post(hub, '/attestation/prove', proof)).status, 401)

  // Another key than the certified one: made outside of the TPM.
  await device.tool(
    'openssl',
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'soft.key',
    '-subj',
    '/CN=pump-7',
    '-outform',
    'DER',
    '-out',
    'soft.csr',
  )
  const again = await ask(hub, device, 'pump-7', attestationKey, [maker.der])
  const swapped = await post(hub, '/attestation/prove', await answerOf(device, again.json, device.read('soft.csr')))
  assert.equal(swapped.status, 403)
  assert.equal(swapped.json['code'], 'provisioning/tpm-evidence')

  // What was proven stands on the device.
  const shown = await hub.command('device', 'show', 'pump-7')
  assert.match(shown.stdout, /attested, held to gateways/)
  const { json } = await hub.api('GET', '/api/v1/devices/pump-7')
  assert.match(JSON.stringify(json['attestation']), /"state":"attested"/)

  // The next day's quote; replayed, it is none.
  const [fresh, body] = await quote(hub, device, 'pump-7')
  assert.equal(fresh.status, 200, JSON.stringify(fresh.json))
  const started = await startSoftTpm(tpm)
  await using copied = started
  using copy = new TpmDevice(copied.tcti)
  copy.write('ek.pub', device.endorsementKey)
  // The copy of the machine has its attestation key, too.
  copy.write('ak.pub', attestationKey)
  await copy.exclusive(() =>
    copy.tool(
      'tpm2_createak',
      '-Q',
      '-C',
      handles.endorsementKey,
      '-c',
      'ak.ctx',
      '-G',
      'ecc',
      '-g',
      'sha256',
      '-s',
      'ecdsa',
      '-u',
      'ak.pub',
    ),
  )
  const fromCopy = await ask(hub, copy, 'pump-7', copy.read('ak.pub'), [maker.der])
  assert.equal(fromCopy.status, 200)
  const secondProof = await post(hub, '/attestation/prove', await answerOf(copy, fromCopy.json, csr))
  assert.equal(secondProof.status, 200, JSON.stringify(secondProof.json))
  // The machine itself is behind now, and says so as soon as it speaks.
  const behind = await ask(hub, device, 'pump-7', attestationKey, [maker.der])
  const refused = await post(hub, '/attestation/prove', await answerOf(device, behind.json, csr))
  assert.equal(refused.json['code'], 'provisioning/tpm-clone-suspected')
  // From here on neither is believed.
  assert.equal((await ask(hub, copy, 'pump-7', copy.read('ak.pub'), [maker.der])).status, 401)
  assert.equal((await post(hub, '/attestation/quote', body)).status, 401)
  const kinds = new Set((await hub.facts()).map(({ kind }) => kind))
  for (const kind of ['attestation-changed', 'device-attested', 'attestation-refused', 'tpm-clone-suspected'])
    assert.ok(kinds.has(kind), kind)
  assert.match((await hub.command('attestation', 'ls')).stdout, /clone-suspected/)
  assert.notEqual((await hub.command('attestation', 'policy', 'rm', 'gateways')).code, 0)
})

test('a machine that was started otherwise is refused, and so are a replayed quote and one of another nonce', async () => {
  await using hub = await HubProcess.open()
  await using tpm = await startSoftTpm()
  using device = new TpmDevice(tpm.tcti)
  await device.prepare('ecc')
  const attestationKey = await device.attestationKey()
  const csr = derOf(await device.tlsKey('pump-8'))
  const { values } = await device.quote('sha256:0,7', Buffer.alloc(8))
  assert.equal((await hub.api('POST', '/api/v1/devices', { id: 'pump-8', issue: false })).status, 201)
  const registers = [0, 7].map((register, at) => ({ register, sha256: values.subarray(at * 32, at * 32 + 32).toString('hex') }))
  assert.equal((await hub.api('POST', '/api/v1/attestation/policies', { name: 'p', registers })).status, 201)
  const expectation = { endorsementKey: base64(device.endorsementKey), policy: 'p' }
  assert.equal((await hub.api('PUT', '/api/v1/attestation/devices/pump-8', expectation)).status, 204)
  const { json } = await ask(hub, device, 'pump-8', attestationKey)
  assert.equal((await post(hub, '/attestation/prove', await answerOf(device, json, csr))).status, 200)

  const [fresh, body] = await quote(hub, device, 'pump-8')
  assert.equal(fresh.status, 200, JSON.stringify(fresh.json))
  // The same bytes again prove nothing new; a device whose answer was lost is no copy for that.
  const replayed = await post(hub, '/attestation/quote', body)
  assert.equal(replayed.json['code'], 'provisioning/tpm-evidence')

  // Something else was measured at the start.
  await device.exclusive(() => device.tool('tpm2_pcrextend', `7:sha256=${'ab'.repeat(32)}`))
  const other = await ask(hub, device, 'pump-8', attestationKey)
  const refused = await post(hub, '/attestation/prove', await answerOf(device, other.json, csr))
  assert.equal(refused.json['code'], 'provisioning/tpm-evidence')
  await until('the reason is told', 5_000, async () =>
    (await hub.facts()).some(
      ({ kind, ...fact }) => kind === 'attestation-refused' && fact['reason'] === 'the registers are not as expected',
    ),
  )
})

test('what is no structure of a TPM is refused before anything is looked up, and quickly', async () => {
  await using hub = await HubProcess.open()
  for (const body of [null, [], {}, { deviceId: 'x', endorsementKey: 'AA==', attestationKey: '*' }, { deviceId: 7 }])
    for (const path of ['/attestation/ask', '/attestation/prove', '/attestation/quote'])
      assert.equal(Math.floor((await post(hub, path, body)).status / 100), 4, `${path} ${JSON.stringify(body)}`)
})
