import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { codeOf } from '../../../test/throwaway-pki.ts'
import { networkLook } from './look.io.ts'
import { judgeDns, judgeHttp, judgeTls, serverNameFor } from './look.ts'
import type { Sought } from './ports.ts'

const sought: Sought = {
  method: 'http-01',
  identifier: { type: 'dns', value: 'a.plant.example' },
  token: 'token',
  keyAuthorization: 'token.thumbprint',
}
const digestOf = (text: string) => createHash('sha256').update(text).digest()

/** A name server with one address for every name, and the TXT record that `records` has. */
async function nameServer(records: ReadonlyMap<string, string>): Promise<AsyncDisposable & { readonly address: string }> {
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address }) => {
    const labels: string[] = []
    let at = 12
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.subarray(at + 1, at + 1 + length).toString())
      at += length + 1
    }
    const type = query.readUInt16BE(at + 1)
    const txt = records.get(labels.join('.'))
    const data =
      type === 1
        ? Buffer.from([127, 0, 0, 1])
        : type === 16 && txt !== undefined
          ? Buffer.from(`${String.fromCodePoint(txt.length)}${txt}`)
          : undefined
    const head = Buffer.from(query.subarray(0, at + 5))
    head.writeUInt16BE(0x8180, 2)
    head.writeUInt16BE(data === undefined ? 0 : 1, 6)
    head.fill(0, 8, 12)
    const answer = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, data?.length ?? 0])
    socket.send(data === undefined ? head : Buffer.concat([head, answer, data]), port, address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${socket.address().port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}

test('a name is proven by its TXT record, and by nothing near it [RFC 8555 8.4]', async () => {
  const records = new Map([
    ['_acme-challenge.a.plant.example', digestOf('token.thumbprint').toString('base64url')],
    ['_acme-challenge.b.plant.example', digestOf('token.other').toString('base64url')],
  ])
  await using server = await nameServer(records)
  const look = networkLook({ networks: [], resolvers: [server.address], httpPort: 80, tlsPort: 443 })
  const { signal } = new AbortController()
  const of = async (value: string) => codeOf(await look({ ...sought, method: 'dns-01', identifier: { type: 'dns', value } }, signal))
  assert.equal(await of('a.plant.example'), 'accepted')
  assert.equal(await of('b.plant.example'), 'pki/acme-unproven')
  assert.equal(await of('c.plant.example'), 'pki/acme-unresolved')
  assert.equal(codeOf(judgeDns(sought, [['x'], [digestOf('token.thumbprint').toString('base64url')]])), 'accepted')
})

test('redirects are not followed, long answers are cut, and a name that leads to this machine is refused', async () => {
  await using names = await nameServer(new Map())
  let answer: { readonly status: number; readonly body: string } = { status: 200, body: 'token.thumbprint\n' }
  const asked: string[] = []
  const web = createServer((request, response) => {
    asked.push(`${request.headers.host} ${request.url}`)
    response.writeHead(answer.status, { location: '/elsewhere' }).end(answer.body)
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  const { port }: AddressInfo = Object(web.address())
  const settings = { resolvers: [names.address], httpPort: port, tlsPort: port }
  const look = networkLook({ ...settings, networks: ['127.0.0.0/8'] })
  const { signal } = new AbortController()
  assert.equal(codeOf(await look(sought, signal)), 'accepted')
  assert.deepEqual(asked, [`a.plant.example:${port} /.well-known/acme-challenge/token`])
  answer = { status: 302, body: 'token.thumbprint' }
  assert.equal(codeOf(await look(sought, signal)), 'pki/acme-unproven')
  answer = { status: 200, body: 'token.thumbprint'.padEnd(64 * 1024) }
  assert.equal(codeOf(await look(sought, signal)), 'pki/acme-unproven')
  assert.equal(asked.length, 3)
  assert.equal(codeOf(await networkLook({ ...settings, networks: [] })(sought, signal)), 'pki/acme-address')
  assert.equal(asked.length, 3, 'it was not even connected to')
  assert.equal(codeOf(await look({ ...sought, method: 'tls-alpn-01' }, signal)), 'pki/acme-tls')
  await new Promise<void>((resolve) => void web.close(() => resolve()))
  assert.equal(codeOf(await look(sought, signal)), 'pki/acme-unreachable')
  assert.equal(codeOf(judgeHttp(sought, 200, Buffer.from('xtoken.thumbprint'))), 'pki/acme-unproven')
})

test('a certificate proves its name by a critical digest and no other name [RFC 8737 3]', () => {
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-look-'))
  const made = (names: string, digest: Buffer, critical = 'critical,') => {
    const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(folder, 'key')]
    const proof = `1.3.6.1.5.5.7.1.31=${critical}DER:0420${digest.toString('hex')}`
    const more = ['-subj', '/CN=x', '-addext', `subjectAltName=${names}`, '-addext', proof, '-outform', 'DER', '-out', join(folder, 'der')]
    execFileSync('openssl', ['req', '-x509', ...fresh, ...more], { stdio: 'ignore' })
    return readFileSync(join(folder, 'der'))
  }
  try {
    const right = digestOf('token.thumbprint')
    const judged = (leaf: Buffer | undefined, protocol: string | false = 'acme-tls/1') => codeOf(judgeTls(sought, protocol, leaf))
    const good = made('DNS:a.plant.example', right)
    assert.equal(judged(good), 'accepted')
    assert.equal(judged(good, false), 'pki/acme-unproven')
    assert.equal(judged(good, 'http/1.1'), 'pki/acme-unproven')
    assert.equal(judged(undefined), 'pki/acme-unproven')
    assert.equal(judged(good.subarray(0, 40)), 'pki/acme-unproven')
    assert.equal(judged(made('DNS:b.plant.example', right)), 'pki/acme-unproven')
    assert.equal(judged(made('DNS:a.plant.example,DNS:b.plant.example', right)), 'pki/acme-unproven')
    assert.equal(judged(made('DNS:a.plant.example', digestOf('token.other'))), 'pki/acme-unproven')
    assert.equal(judged(made('DNS:a.plant.example', right, '')), 'pki/acme-unproven')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const named = (value: string) => serverNameFor({ ...sought, identifier: { type: 'ip', value } })
  assert.equal(named('10.1.2.3'), '3.2.1.10.in-addr.arpa')
  assert.equal(named('2001:db8::1'), `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`)
})
