import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import { test } from 'node:test'
import { openHttpsClient, systemGrant } from '#access'
import { auditMigrations, openAudit } from '#audit'
import { type Result, instant, ok } from '#base'
import { type Placement, openProvisioning, provisioningMigrations } from '#provisioning'
import { encodePem, oids } from '#wire/x509'
import { openSeal } from '../../test/domain-scene.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { openTestStore } from '../../test/open-test-store.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import { make } from '../../test/throwaway-ca.ts'

/* Custom allocation: a real webhook over HTTPS says where a device goes (azure-wire 7.5). */

const now = Date.now()
const valid = { notBefore: instant(now - 60_000), notAfter: instant(now + 3_600_000) }
const authority = make({ name: 'webhook CA', ca: { pathLength: 0 }, ...valid })
const server = make({ name: 'localhost', by: authority, extendedKeyUsage: [oids.serverAuth], ...valid })
const stranger = make({ name: 'localhost', extendedKeyUsage: [oids.serverAuth], ...valid })
const pem = ({ der }: { readonly der: Buffer }) => encodePem('CERTIFICATE', der)

type Said = { readonly status?: number; readonly body: string; readonly by?: typeof server; readonly isListed?: boolean }

/** Registers one device by a webhook that says this; what the device reads, and what the webhook was asked. */
async function registerBy({ status = 200, body, by = server, isListed = true }: Said) {
  await using scope = new AsyncDisposableStack()
  const asked: string[] = []
  const key = by.key.export({ type: 'pkcs8', format: 'pem' })
  const listening = createServer({ key, cert: pem(by) }, (request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => void asked.push(text))
    request.on('end', () => void response.writeHead(status, { location: 'https://two.example/' }).end(body))
  })
  await new Promise<void>((resolve) => void listening.listen(0, 'localhost', resolve))
  scope.defer(async () => {
    listening.closeAllConnections()
    await new Promise((resolve) => void listening.close(resolve))
  })
  const address = listening.address()
  const host = `localhost:${typeof address === 'object' && address !== null ? address.port : 0}`
  const client = scope.use(openHttpsClient({ caPem: pem(authority), client: undefined, timeoutMs: 5_000, answerBytes: 4_096, sockets: 2 }))
  const held = scope.use(await openTestStore([...auditMigrations, ...provisioningMigrations]))
  const clock = new FakeClock(now)
  const { signal } = new AbortController()
  const audit = await openAudit({ store: held.store, clock }, signal)
  const placed: Placement[] = []
  const hub = (hostName: string) => ({
    hostName,
    region: undefined,
    trusts: () => false,
    async place(placement: Placement) {
      placed.push(placement)
      return ok('created' as const)
    },
    readTwin: async () => ok(undefined),
    writeTwin: async () => ok(undefined),
    remove: async () => ok(undefined),
  })
  const room = await openProvisioning(
    { idScope: '0ne00000001', symmetricKeysUntil: undefined, webhookHosts: isListed ? [host] : [] },
    {
      ...openSeal,
      store: held.store,
      clock,
      random: new SeededRandom(7),
      commit: audit.commit,
      tell: () => undefined,
      system: systemGrant('registration.write', 'test'),
      openTrust: () => assert.fail('nobody has a chain here'),
      hubs: () => [hub('one.example'), hub('two.example')],
      webhook: (url, text) => client.ask({ method: 'POST', url, headers: new Map(), body: text }),
      verifyEndorsement: () => assert.fail('nobody attests here'),
      mayBeCertified: () => false,
      trouble: (what, error) => assert.fail(`${what}: ${String(error)}`),
    },
    signal,
  )
  const leaf = make({ name: 'pump-1', ...valid })
  const enrollment = {
    registrationId: 'pump-1',
    attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: leaf.der.toString('base64') } } } },
    allocationPolicy: 'custom',
    customAllocationDefinition: { webhookUrl: `https://${host}/where`, apiVersion: '2019-03-31' },
  }
  good(await room.enrollments.put(systemGrant('enrollment.write', 'test'), 'individual', enrollment, { ifMatch: undefined }))
  const claim = { idScope: '0ne00000001', address: '192.0.2.1', token: undefined, registrationId: 'pump-1', certificates: [leaf.der] }
  const registrant = good(await room.device.authenticate(claim))
  const { operationId } = good(await room.device.register(registrant, { apiVersion: '2019-03-31', payload: { colour: 'red' } }))
  await room[Symbol.asyncDispose]()
  return { state: Object(good(await room.device.operation(registrant, operationId)).registrationState), asked, placed }
}

function good<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? '' : `${result.error.code}: ${result.error.message} ${result.error.detail ?? ''}`)
  return result.value
}

test('a webhook is asked with the device and its payload, and its answer is the hub and the payload of the device [azure-wire 7.5]', async () => {
  const { state, asked } = await registerBy({ body: JSON.stringify({ iotHubHostName: 'two.example', payload: { slot: 7 } }) })
  assert.deepEqual([state.status, state.assignedHub, state.payload], ['assigned', 'two.example', { slot: 7 }])
  const question = JSON.parse(asked.join(''))
  assert.deepEqual(question.linkedHubs, ['one.example', 'two.example'])
  assert.deepEqual([question.deviceRuntimeContext.registrationId, question.deviceRuntimeContext.payload], ['pump-1', { colour: 'red' }])
})

const two = JSON.stringify({ iotHubHostName: 'two.example' })
const failures: readonly (readonly [string, Said, string | RegExp, number])[] = [
  ['a status of failure', { status: 500, body: two }, 'Custom allocation failed with status code: 500', 1],
  ['a redirect, which is not followed', { status: 302, body: two }, 'Custom allocation failed with status code: 302', 1],
  ['a hub that is not linked', { body: JSON.stringify({ iotHubHostName: 'three.example' }) }, /not linked/, 1],
  ['an answer without bounds', { body: ' '.repeat(10_000) + two }, /no answer/, 1],
  ['a certificate of nobody that is trusted', { body: two, by: stranger }, /no answer/, 0],
  ['a host that is not in the settings, and is not asked', { body: two, isListed: false }, /provisioning\.webhookHosts/, 0],
]
for (const [name, said, message, questions] of failures)
  test(`custom allocation fails with 400207, and nothing is made: ${name} [azure-wire 7.5]`, async () => {
    const { state, asked, placed } = await registerBy(said)
    assert.deepEqual([state.status, state.errorCode, placed.length, asked.length], ['failed', 400_207, 0, questions])
    if (typeof message === 'string') assert.equal(state.errorMessage, message)
    else assert.match(state.errorMessage, message)
  })
