import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { systemGrant } from '#access'
import { systemRandom } from '#base'
import type { JsonFact } from '#journal'
import type { WebRequest } from '#wire/web'
import { parseCertificate, readCertsOnly } from '#wire/x509'
import { codeOf, dersOf, device, mayIssue, setUpPki, value } from '../../../test/throwaway-pki.ts'
import { EnrollmentCodes } from './codes.ts'
import { estLimits } from './limits.ts'
import { type Proof, admit, operations } from './operation.ts'
import type { EstPorts, Standing } from './ports.ts'
import { estSite } from './site.ts'

const run = promisify(execFile)
const base = '/.well-known/est/'

async function setUp() {
  const world = await setUpPki()
  const { pki, ground, at } = world
  const facts: JsonFact[] = []
  const standings = new Map<string, Standing>([
    ['pump-1', 'ready'],
    ['pump-2', 'ready'],
    ['off', 'disabled'],
    ['own', 'other-proof'],
  ])
  const ports: EstPorts = {
    ...ground.ports,
    random: systemRandom,
    authorities: () => dersOf(pki.rootPem + pki.issuersPem),
    verify: (chain, now) => pki.verifyDeviceChain(chain, now),
    standing: (id) => standings.get(id),
    issue: (request) => pki.issueDevice(mayIssue, request),
    tell: (fact) => void facts.push(fact),
  }
  const codes = new EnrollmentCodes(ports)
  const site = estSite(ports, codes)
  const csr = async (name: string, key: string, ...more: readonly string[]) => {
    const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(`${key}.key`)]
    await run('openssl', ['req', '-new', ...fresh, '-subj', `/CN=${name}`, '-outform', 'DER', '-out', at(`${key}.csr`), ...more])
    return (await readFile(at(`${key}.csr`))).toString('base64')
  }
  const ask = (operation: string, given: Partial<WebRequest> & { readonly basic?: string; readonly chain?: string } = {}) => {
    const { basic, chain, ...rest } = given
    return site.answer({
      method: 'POST',
      path: base + operation,
      query: new URLSearchParams(),
      headers: {
        'content-type': 'application/pkcs10',
        ...(basic === undefined ? {} : { authorization: `Basic ${Buffer.from(basic).toString('base64')}` }),
      },
      body: Buffer.alloc(0),
      peer: { address: '192.0.2.9', certificates: chain === undefined ? [] : dersOf(chain) },
      ...rest,
    })
  }
  const code = async (devices: string, more: { readonly uses?: number; readonly lifetimeMs?: number } = {}) => {
    const made = value(await codes.add(mayIssue, { devices, ...more }))
    return made.code.use((bytes) => bytes.toString())
  }
  return { world, pki, ground, at, facts, codes, csr, ask, code, standings }
}

const statusAndCode = ({ status, body }: { readonly status: number; readonly body?: Buffer | string }) =>
  `${status} ${/\(([a-z0-9]+\/[a-z0-9-]+)\)/.exec(String(body))?.[1] ?? ''}`.trim()

test('every operation meets every proof, and what is not listed is denied (CVE-2026-30836)', () => {
  const id = device('pump-1')
  const leaf = Object({ subject: 'CN=pump-1' })
  const proofs: readonly Proof[] = [
    { kind: 'none' },
    { kind: 'bad', error: { code: 'pki/revoked', message: 'Revoked.' } },
    { kind: 'certificate', device: id, leaf },
    { kind: 'code', device: id, code: { id: 'a', device: id } },
  ]
  const table = operations.map((operation) => [
    operation,
    ...proofs.map((proof) => {
      const admitted = admit(operation, proof)
      return admitted.ok ? admitted.value.kind : admitted.error.code
    }),
  ])
  assert.deepEqual(table, [
    ['cacerts', 'public', 'public', 'public', 'public'],
    ['csrattrs', 'public', 'public', 'public', 'public'],
    ['simpleenroll', 'pki/est-no-proof', 'pki/revoked', 'device', 'device'],
    ['simplereenroll', 'pki/est-certificate-needed', 'pki/revoked', 'device', 'pki/est-certificate-needed'],
    ['serverkeygen', 'pki/est-no-proof', 'pki/revoked', 'device', 'device'],
    ['fullcmc', 'pki/est-not-offered', 'pki/est-not-offered', 'pki/est-not-offered', 'pki/est-not-offered'],
  ])
  const made: unknown = Object('simplerevoke')
  assert.throws(() => admit(made as 'cacerts', { kind: 'none' }), /bug: unexpected/)
})

test('a device enrolls by a code once, renews by its certificate, and OpenSSL reads the answers [RFC 7030 4.1, 4.2]', async () => {
  const { world, pki, ask, csr, code, facts } = await setUp()
  await using _world = world
  const authorities = await ask('cacerts', { method: 'GET' })
  const found = value(readCertsOnly(Buffer.from(String(authorities.body), 'base64')))
  assert.ok(found.some((der) => der.equals(new X509Certificate(pki.rootPem).raw)))
  const basic = `pump-1:${await code('pump-1')}`
  const body = Buffer.from(await csr('pump-1', 'a'))
  const first = await ask('simpleenroll', { basic, body })
  assert.equal(first.status, 200, String(first.body))
  const [leaf] = value(readCertsOnly(Buffer.from(String(first.body), 'base64')))
  const certificate = value(parseCertificate(leaf ?? Buffer.alloc(0)))
  assert.equal(certificate.subject.commonName, 'pump-1')
  assert.equal(statusAndCode(await ask('simpleenroll', { basic, body })), '401 pki/code-spent')
  const chain = new X509Certificate(certificate.der).toString() + pki.issuersPem
  const renewed = await ask('devices/simplereenroll', { chain, body: Buffer.from(await csr('pump-1', 'b')) })
  assert.equal(renewed.status, 200, String(renewed.body))
  assert.deepEqual(
    facts.filter(({ kind }) => kind === 'est-enrolled').map((fact) => ('proof' in fact ? fact.proof : '')),
    ['code', 'certificate'],
  )
})

test('a key made here comes with its certificate, and only the device has it [RFC 7030 4.4]', async () => {
  const { world, ask, csr, code } = await setUp()
  await using _world = world
  const { status, headers, body } = await ask('serverkeygen', {
    basic: `pump-1:${await code('pump-1')}`,
    body: Buffer.from(await csr('pump-1', 'a')),
  })
  assert.equal(status, 200)
  const boundary = /boundary=(\S+)/.exec(headers?.['content-type'] ?? '')?.[1] ?? ''
  const parts = String(body)
    .split(`--${boundary}`)
    .slice(1, 3)
    .map((part) => part.split('\r\n\r\n'))
  const [key, certs] = parts.map(([, text = '']) => Buffer.from(text, 'base64'))
  const [leaf = Buffer.alloc(0)] = value(readCertsOnly(certs ?? Buffer.alloc(0)))
  assert.ok(new X509Certificate(leaf).checkPrivateKey(createPrivateKey({ key: key ?? Buffer.alloc(0), format: 'der', type: 'pkcs8' })))
})

test("what is malformed, another one's, disabled, revoked or expired gets nothing", async () => {
  const { world, pki, ask, csr, code, ground, standings, codes } = await setUp()
  await using _world = world
  const good = Buffer.from(await csr('pump-1', 'a'))
  const answer = async (...given: Parameters<typeof ask>) => statusAndCode(await ask(...given))
  const many = await code('pump-*', { uses: 50, lifetimeMs: 600_000 })
  const basic = `pump-1:${many}`
  assert.equal(await answer('simpleenroll', { body: good }), '401 pki/est-no-proof')
  assert.equal(await answer('simpleenroll', { basic: `pump-2:${many}`, body: good }), '403 pki/est-other-name')
  assert.equal(await answer('simpleenroll', { basic, body: Buffer.from('not base64!') }), '400 pki/est-body-malformed')
  assert.equal(await answer('simpleenroll', { basic, body: Buffer.from('MAMCAQA=') }), '400 x509/malformed')
  assert.equal(
    await answer('simpleenroll', { basic, body: good, headers: { authorization: `Basic ${Buffer.from(basic).toString('base64')}` } }),
    '415 pki/est-media-type',
  )
  const authority = Buffer.from(await csr('pump-1', 'ca', '-addext', 'basicConstraints=critical,CA:TRUE'))
  assert.equal(await answer('simpleenroll', { basic, body: authority }), '403 pki/authority-requested')
  const named = Buffer.from(await csr('pump-1', 'san', '-addext', 'subjectAltName=DNS:hub.example'))
  assert.equal(await answer('simpleenroll', { basic, body: named }), '403 pki/est-other-name')
  assert.equal(await answer('simplereenroll', { basic, body: good }), '403 pki/est-certificate-needed')
  assert.equal(await answer('fullcmc', { basic, body: good }), '501 pki/est-not-offered')
  assert.equal(await answer('other', { body: good }), '404 pki/est-unknown-operation')
  assert.equal(await answer('cacerts'), '405 pki/est-method')
  for (const [name, said] of [
    ['off', '403 pki/est-device-disabled'],
    ['own', '403 pki/est-other-proof'],
    ['ghost', '403 pki/est-unknown-device'],
  ] as const)
    assert.equal(await answer('simpleenroll', { basic: `${name}:${await code(name)}`, body: good }), said)
  const issued = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
  const chain = issued.certificatePem
  standings.set('pump-1', 'disabled')
  assert.equal(await answer('simplereenroll', { chain, body: good }), '403 pki/est-device-disabled')
  standings.set('pump-1', 'ready')
  assert.equal(await answer('simplereenroll', { chain, body: Buffer.from(await csr('pump-2', 'c')) }), '403 pki/est-other-name')
  value(await pki.revoke(mayIssue, { serial: issued.serial }, 'keyCompromise'))
  assert.equal(await answer('simplereenroll', { chain, body: good }), '401 pki/revoked')
  const record = (await codes.list(systemGrant('pki.read', 'hub'))).find(({ uses }) => uses === 50)
  assert.equal(record?.used, 0, 'nothing that was refused cost a use')
  ground.clock.advance(600_001)
  assert.equal(await answer('simpleenroll', { basic, body: good }), '401 pki/code-expired')
})

test('a code is refused with a wrong secret, and opens nothing any more after ten of them', async () => {
  const { world, codes, code } = await setUp()
  await using _world = world
  const right = await code('pump-1')
  const wrong = right.slice(0, -1) + (right.endsWith('a') ? 'b' : 'a')
  for (let n = 0; n < estLimits.codeFailures; n++) assert.equal(codeOf(await codes.prove(device('pump-1'), wrong)), 'pki/code-wrong')
  assert.equal(codeOf(await codes.prove(device('pump-1'), right)), 'pki/code-locked')
  for (const text of ['', 'x', 'aaaaaaaa-', `${right}a`]) assert.equal(codeOf(await codes.prove(device('pump-1'), text)), 'pki/code-wrong')
})

test('of two requests at once with the last use of a code one gets a certificate', async () => {
  const { world, ask, csr, code } = await setUp()
  await using _world = world
  const basic = `pump-1:${await code('pump-1')}`
  const bodies = [Buffer.from(await csr('pump-1', 'a')), Buffer.from(await csr('pump-1', 'b'))]
  const answers = await Promise.all(bodies.map((body) => ask('simpleenroll', { basic, body })))
  assert.deepEqual(
    answers.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 401],
  )
})

test('a device that loops is told to wait', async () => {
  const { world, ask, csr, code } = await setUp()
  await using _world = world
  const basic = `pump-1:${await code('pump-1', { uses: 100 })}`
  const body = Buffer.from(await csr('pump-1', 'a'))
  const statuses: number[] = []
  for (let n = 0; n <= estLimits.enrollmentsPerHour; n++) statuses.push((await ask('simpleenroll', { basic, body })).status)
  assert.equal(statuses.pop(), 429)
  assert.deepEqual(new Set(statuses), new Set([200]))
})
