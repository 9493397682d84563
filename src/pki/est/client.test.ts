import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:https'
import { test } from 'node:test'
import { Secret, systemRandom } from '#base'
import { parseCertificate } from '#wire/x509'
import { FakeClock } from '../../../test/fake-clock.ts'
import { codeOf, dersOf, mayIssue, openGround, openThrowawayPki, setUpPki, temporaryDirectory, value } from '../../../test/throwaway-pki.ts'
import { estEnroll } from './client.ts'
import { estSender } from './client.io.ts'
import { EnrollmentCodes } from './codes.ts'
import { estSite } from './site.ts'

/** Our own EST server as the authority of somebody else, behind real TLS. */
async function setUp() {
  await using scope = new AsyncDisposableStack()
  const directory = scope.use(await temporaryDirectory())
  // TLS looks at the clock of the machine.
  const ground = scope.use(await openGround(directory.path, new FakeClock(Math.floor(Date.now() / 1000) * 1000)))
  const pki = scope.use(await openThrowawayPki(ground.ports))
  const ports: Parameters<typeof estSite>[0] = {
    ...ground.ports,
    random: systemRandom,
    authorities: () => dersOf(pki.rootPem + pki.issuersPem),
    verify: (chain, now) => pki.verifyDeviceChain(chain, now),
    standing: () => 'ready',
    issue: (request) => pki.issueDevice(mayIssue, request),
    tell: () => undefined,
  }
  const codes = new EnrollmentCodes(ports)
  const site = estSite(ports, codes)
  const { certificatePem, keyPem } = pki.serverCertificate()
  const server = createServer({ cert: certificatePem, key: keyPem.use((bytes) => bytes.toString()) }, (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { 'content-type': type = '', authorization } = request.headers
      const headers = { 'content-type': type, ...(authorization === undefined ? {} : { authorization }) }
      const peer = { address: '127.0.0.1', certificates: [] }
      const asked = {
        method: request.method ?? '',
        path: request.url ?? '',
        query: new URLSearchParams(),
        headers,
        body: Buffer.concat(parts),
        peer,
      }
      void site.answer(asked).then((answer) => response.writeHead(answer.status, answer.headers).end(answer.body))
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  scope.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())))
  const made = value(await codes.add(mayIssue, { devices: 'pump-1' }))
  const running = scope.move()
  return {
    pki,
    url: `https://localhost:${port}/.well-known/est`,
    password: made.code,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const csrOf = (name: string) =>
  execFileSync(
    'openssl',
    [
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-subj',
      `/CN=${name}`,
      '-outform',
      'DER',
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )

test('an external authority that speaks EST issues for the key of a request, and its word is not taken for it [RFC 7030 4.2]', async () => {
  await using other = await setUp()
  const send = estSender({ url: other.url, trustPem: other.pki.rootPem, user: { name: 'pump-1', password: other.password } })
  const issued = value(await estEnroll(send, csrOf('pump-1')))
  assert.equal(value(parseCertificate(issued.certificate)).subject.commonName, 'pump-1')
  assert.ok(issued.authorities.length >= 2)
  assert.equal(codeOf(await estEnroll(send, csrOf('pump-1'))), 'pki/est-server-refused')
  const liar: typeof send = () => send('GET', 'cacerts', undefined)
  assert.equal(codeOf(await estEnroll(liar, csrOf('pump-1'))), 'pki/est-server-wrong')
})

test('a server that the trust file does not vouch for is not spoken to', async () => {
  await using other = await setUp()
  await using stranger = await setUpPki()
  const send = estSender({
    url: other.url,
    trustPem: stranger.pki.rootPem,
    user: { name: 'pump-1', password: new Secret(Buffer.from('x')) },
  })
  await assert.rejects(estEnroll(send, csrOf('pump-1')), { code: 'pki/est-server-away' })
  assert.throws(() => estSender({ url: 'http://ca.example/', trustPem: '' }), { code: 'pki/est-server-away' })
})
