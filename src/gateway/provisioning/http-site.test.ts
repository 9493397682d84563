import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../../test/fake-clock.ts'
import { MemoryProvisioning } from '../../../test/memory-provisioning.ts'
import { SeededRandom } from '../../../test/seeded-random.ts'
import { registrationSite } from './http-site.ts'

const scope = '0ne00ABCDEF'

function site() {
  const clock = new FakeClock()
  const provisioning = new MemoryProvisioning(clock)
  provisioning.keys.set('d 1', Buffer.alloc(32, 1))
  provisioning.certificates.set('x1', Buffer.from('x1'))
  const refused: string[] = []
  const web = registrationSite(provisioning, {
    clock,
    random: new SeededRandom(3),
    trouble: () => {},
    refused: ({ code }, _request, id) => void refused.push(`${code} ${id}`),
  })
  const ask = async (method: string, target: string, body = '', token?: string, certificates: readonly Buffer[] = []) => {
    const [path = '', query] = target.split('?')
    const headers: Record<string, string> = token === undefined ? {} : { authorization: token }
    const peer = { address: '192.0.2.1', certificates }
    const answer = await web.answer({ method, path, query: new URLSearchParams(query), headers, body: Buffer.from(body), peer })
    return { status: answer.status, headers: answer.headers ?? {}, json: JSON.parse(String(answer.body)), asks: answer.asks }
  }
  return { web, provisioning, refused, ask }
}

test('a device registers and asks how far it is, with a body in its GET (azure-wire 6.3)', async () => {
  const { provisioning, ask } = site()
  const token = provisioning.token('d 1')
  const first = await ask(
    'PUT',
    `/${scope}/registrations/d%201/register?api-version=2019-03-31&forceRegistration=true`,
    '{"registrationId":"d 1"}',
    token,
  )
  assert.equal(first.status, 202)
  assert.equal(first.headers['retry-after'], '3')
  assert.deepEqual(first.json, { operationId: 'op-d 1', status: 'assigning' })
  assert.equal(provisioning.registered[0]?.request.force, true)
  const poll = () => ask('GET', `/${scope}/registrations/d%201/operations/op-d%201?api-version=2019-03-31`, '{}', token)
  assert.equal((await poll()).status, 202)
  const last = await poll()
  assert.equal(last.status, 200)
  assert.equal(last.json.registrationState.payload, 'für €𝄞')
  assert.equal((await ask('POST', `/${scope}/registrations/d%201`, '', token)).status, 200)
})

test('a certificate is proof by itself', async () => {
  const { ask } = site()
  const answer = await ask('PUT', `/${scope}/registrations/x1/register`, '{"registrationId":"x1"}', undefined, [Buffer.from('x1')])
  assert.equal(answer.status, 202)
})

test('whatever is wrong with a credential, the answer is one 401, and it is recorded (azure-wire 6.6)', async () => {
  const { provisioning, refused, ask } = site()
  const wrong = provisioning.token('d 1', Buffer.alloc(32, 9))
  for (const [id, in_, token] of [
    ['d%201', scope, wrong],
    ['d%201', scope, undefined],
    ['nobody', scope, wrong],
    ['d%201', '0ne11111111', provisioning.token('d 1')],
  ] as const) {
    const { status, json } = await ask('PUT', `/${in_}/registrations/${id}/register`, 'no json', token)
    assert.deepEqual([status, json.errorCode, json.message, json.info], [401, 401_002, 'Unauthorized', {}])
  }
  assert.deepEqual(new Set(refused), new Set(['provisioning/unauthorized d 1', 'provisioning/unauthorized nobody']))
  assert.equal(provisioning.registered.length, 0)
})

test('the first step of a TPM is answered 401 with the blob that only it opens; a strange TPM gets none (azure-wire 6.8)', async () => {
  const { ask } = site()
  const tpm = { endorsementKey: Buffer.from('ek').toString('base64'), storageRootKey: Buffer.from('srk').toString('base64') }
  const body = (id: string) => JSON.stringify({ registrationId: id, tpm })
  const asked = await ask('PUT', `/${scope}/registrations/tpm-1/register`, body('tpm-1'))
  assert.deepEqual([asked.status, asked.asks], [401, true])
  assert.match(Buffer.from(asked.json.authenticationKey, 'base64').toString(), /^blob for/)
  const strange = await ask('PUT', `/${scope}/registrations/tpm-2/register`, body('tpm-2'))
  assert.deepEqual(
    [strange.status, strange.json.authenticationKey, strange.json.errorCode, strange.asks],
    [401, undefined, 401_002, undefined],
  )
})

test('other methods, bodies and paths', async () => {
  const { web, provisioning, ask } = site()
  const token = provisioning.token('d 1')
  assert.equal((await ask('DELETE', `/${scope}/registrations/d%201/register`, '', token)).status, 405)
  assert.equal((await ask('PUT', `/${scope}/registrations/d%201/register`, '{"registrationId":"d2"}', token)).json.errorCode, 400_000)
  assert.equal((await ask('GET', `/${scope}/registrations/d%201/operations/op-x1`, '{}', token)).json.errorCode, 404_202)
  for (const path of [
    '/devices/registrations/files',
    '/registrations/d1',
    `/${scope}/registrations/`,
    `/${scope}/registrations/d/register/x`,
    `/${scope}/registrations/%ff`,
    `/${scope}/enrollments/x`,
  ])
    assert.equal(web.serves(path), false, path)
})
