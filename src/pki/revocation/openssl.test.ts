import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { systemGrant } from '#access'
import type { WebRequest } from '#wire/web'
import { decodePem, parseOcspRequest, parseRevocationList } from '#wire/x509'
import { type Pki, type PkiPorts } from '../index.ts'
import { device, mayIssue, openGround, openThrowawayPki, temporaryDirectory, value } from '../../../test/throwaway-pki.ts'
import { shardOf } from './revoked-serials.ts'

const run = promisify(execFile)

async function openssl(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  try {
    const { stdout, stderr } = await run('openssl', args)
    return { code: 0, text: stdout + stderr }
  } catch (error) {
    if (!(error instanceof Error) || !('stdout' in error) || !('stderr' in error)) throw error
    return { code: 1, text: `${String(error.stdout)}${String(error.stderr)}` }
  }
}

function request(method: string, path: string, body = Buffer.alloc(0), headers: Readonly<Record<string, string>> = {}): WebRequest {
  return { method, path, query: new URLSearchParams(), headers, body, peer: { address: '192.0.2.1', certificates: [] } }
}

async function setUp(more: Partial<PkiPorts> = {}) {
  const directory = await temporaryDirectory()
  const ground = await openGround(directory.path)
  const told: string[] = []
  const pki = await openThrowawayPki({
    ...ground.ports,
    publicUrl: () => 'https://hub.example',
    tell: ({ kind }) => void told.push(kind),
    ...more,
  })
  const file = async (name: string, bytes: string | Buffer) => {
    const path = join(directory.path, name)
    await writeFile(path, bytes)
    return path
  }
  const fetch = async (
    method: string,
    path: string,
    body: Buffer<ArrayBuffer> = Buffer.alloc(0),
    headers?: Readonly<Record<string, string>>,
  ) => {
    const answer = await pki.revocations.site.answer(request(method, path, body, headers))
    return { status: answer.status, body: Buffer.from(answer.body ?? ''), headers: answer.headers }
  }
  const issue = async (id: string) => value(await pki.issueDevice(mayIssue, { deviceId: device(id), generate: true }))
  const dispose = async () => {
    await pki[Symbol.asyncDispose]()
    await ground[Symbol.asyncDispose]()
    await directory[Symbol.asyncDispose]()
  }
  return { ground, pki, told, file, fetch, issue, [Symbol.asyncDispose]: dispose }
}

const pemOf = (label: string, der: Buffer) =>
  `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`

/** Leaf and issuer of what a device gets, PEM, and the issuer's key identifier. */
async function parts(pki: Pki, issued: { readonly certificatePem: string; readonly serial: string }) {
  const [leaf, issuer] = value(decodePem('CERTIFICATE', issued.certificatePem)).map((der) => pemOf('CERTIFICATE', der))
  const found = value(await pki.certificate(mayRead, issued.serial))
  assert(leaf !== undefined && issuer !== undefined)
  return { leaf, issuer, keyId: found.record.issuer }
}
const mayRead = systemGrant('device.read', 'hub')

test('OpenSSL verifies our lists and refuses what they name: complete, delta, by shard and of all [RFC 5280 5]', async () => {
  await using world = await setUp()
  const { pki, ground, file, fetch, issue } = world
  const lost = await issue('pump-1')
  const kept = await issue('pump-2')
  const { leaf, issuer, keyId } = await parts(pki, lost)
  const issuerFile = await file('issuer.pem', issuer)
  const rootFile = await file('root.pem', pki.rootPem)
  const chain = await file('chain.pem', issuer)
  const shard = shardOf(lost.serial)
  const first = await fetch('GET', `/pki/crl/${keyId}/${shard}.crl`)
  assert.deepEqual([first.status, first.headers?.['content-type']], [200, 'application/pkix-crl'])
  ground.clock.advance(60_000)
  value(await pki.revoke(mayIssue, { serial: lost.serial }, 'keyCompromise'))
  const delta = await fetch('GET', `/pki/crl/${keyId}/${shard}.delta.crl`)
  ground.clock.advance(60_000)
  const second = await fetch('GET', `/pki/crl/${keyId}/${shard}.crl`)
  const whole = await fetch('GET', `/pki/crl/${keyId}.crl`)
  const read = (der: Buffer) => value(parseRevocationList(der))
  assert.deepEqual(
    [first, delta, second, whole].map(({ body }) => [...read(body).revoked]),
    [[], [lost.serial], [lost.serial], [lost.serial]],
  )
  assert(Number.parseInt(read(second.body).number ?? '', 16) > Number.parseInt(read(first.body).number ?? '', 16), 'numbers grow')
  assert.deepEqual(read(second.body).scope, { only: 'all', points: [`https://hub.example/pki/crl/${keyId}/${shard}.crl`] })
  for (const [name, { body }] of Object.entries({ first, delta, second, whole })) {
    const list = await file(`${name}.crl`, body)
    const said = await openssl('crl', '-inform', 'DER', '-in', list, '-CAfile', issuerFile, '-noout', '-verify')
    assert.match(said.text, /verify OK/, name)
  }
  const verify = async (certificate: string, list: Buffer) => {
    const target = await file('leaf.pem', certificate)
    const lists = await file('list.pem', pemOf('X509 CRL', list))
    const at = `${Math.floor(ground.clock.now() / 1000)}`
    const args = ['-attime', at, '-CAfile', rootFile, '-untrusted', chain, '-crl_check', '-CRLfile', lists, '-extended_crl']
    return (await openssl('verify', ...args, target)).text
  }
  assert.match(await verify(leaf, first.body), /OK/)
  assert.match(await verify(leaf, second.body), /certificate revoked/)
  assert.match(await verify(leaf, whole.body), /certificate revoked/)
  assert.match(await verify((await parts(pki, kept)).leaf, whole.body), /OK/)
  // The list of another shard does not speak of it, and OpenSSL knows.
  const other = await fetch('GET', `/pki/crl/${keyId}/${(shard + 1) % 64}.crl`)
  assert.match(await verify(leaf, other.body), /scope|unable to get certificate CRL/)
})

test('OpenSSL verifies our answers: good, revoked, unknown; the nonce comes back; nothing is good that we never made [RFC 6960]', async () => {
  await using world = await setUp()
  const { pki, ground, file, fetch, issue, told } = world
  const lost = await issue('pump-1')
  const kept = await issue('pump-2')
  value(await pki.revoke(mayIssue, { serial: lost.serial }, 'superseded'))
  const { issuer } = await parts(pki, lost)
  const issuerFile = await file('issuer.pem', issuer)
  const rootFile = await file('root.pem', pki.rootPem)
  const ask = async (serial: string, ...more: readonly string[]) => {
    const out = await file('request.der', '')
    const hex = `0x${serial}`
    await openssl('ocsp', '-issuer', issuerFile, '-serial', hex, '-reqout', out, ...more)
    const der = await readFile(out)
    const answer = await fetch('POST', '/pki/ocsp', der, { 'content-type': 'application/ocsp-request' })
    const answered = await file('answer.der', answer.body)
    const at = `${Math.floor(ground.clock.now() / 1000)}`
    const args = ['-issuer', issuerFile, '-serial', hex, '-no_nonce', '-CAfile', rootFile, '-verify_other', issuerFile, '-attime', at]
    const said = await openssl('ocsp', ...args, '-respin', answered, '-resp_text')
    return { text: said.text, answer, der }
  }
  const good = await ask(kept.serial)
  assert.match(good.text, /Response verify OK/)
  assert.match(good.text, /Cert Status: good/)
  const { nonce } = value(parseOcspRequest(good.der))
  assert(nonce !== undefined && good.answer.body.includes(nonce), 'the nonce comes back')
  const bad = await ask(lost.serial)
  assert.match(bad.text, /Response verify OK[\s\S]*Cert Status: revoked|Cert Status: revoked[\s\S]*Response verify OK/)
  assert.match(bad.text, /superseded/)
  const never = await ask('7f'.repeat(16))
  assert.match(never.text, /Cert Status: unknown/)
  assert.deepEqual(
    told.filter((kind) => kind === 'responder-renewed'),
    ['responder-renewed'],
    'one certificate for all answers',
  )
  const plain = await ask(kept.serial, '-no_nonce')
  const again = await fetch('GET', `/pki/ocsp/${encodeURIComponent(plain.der.toString('base64'))}`)
  assert.deepEqual(again.body, plain.answer.body, 'kept for who asks without a nonce')
  value(await pki.revoke(mayIssue, { serial: kept.serial }, 'unspecified'))
  assert.match((await ask(kept.serial, '-no_nonce')).text, /Cert Status: revoked/, 'and not kept past a revocation')
})

test('the responder has a certificate of its own, and gets a new one before the old one ends', async () => {
  await using world = await setUp()
  const { pki, ground, told } = world
  value(await pki.staple())
  value(await pki.staple())
  assert.equal(told.length, 1)
  ground.clock.advance(10 * 86_400_000)
  value(await pki.staple())
  assert.equal(told.length, 2)
})

test('whoever asks in another way than the table says is refused: every method and every path', async () => {
  await using world = await setUp()
  const { pki, fetch, issue } = world
  const { keyId } = await parts(pki, await issue('pump-1'))
  const known = [`/pki/crl/${keyId}/0.crl`, `/pki/crl/${keyId}.crl`, `/pki/crl/${keyId}/0.delta.crl`]
  const wrong = [
    `/pki/crl/${keyId}/64.crl`,
    `/pki/crl/${keyId}/00.crl`,
    `/pki/crl/${keyId}.delta.crl`,
    `/pki/crl/${'0'.repeat(40)}/0.crl`,
    '/pki/crl/',
    '/pki/crl/../x.crl',
  ]
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const reads = method === 'GET' || method === 'HEAD'
    for (const path of known) assert.equal((await fetch(method, path)).status, reads ? 200 : 405, `${method} ${path}`)
    for (const path of wrong) assert.equal((await fetch(method, path)).status, reads ? 404 : 405, `${method} ${path}`)
    assert.equal((await fetch(method, '/pki/ocsp')).status, 405, 'without the media type')
    assert.equal((await fetch(method, '/pki/ocsp/%%%')).status, method === 'GET' ? 400 : 405)
  }
  const junk = await fetch('POST', '/pki/ocsp', Buffer.from('junk'), { 'content-type': 'application/ocsp-request' })
  assert.deepEqual([...junk.body], [0x30, 3, 0x0a, 1, 1], 'malformedRequest')
})

test('numbers of lists never go back, not even when the clock does', async () => {
  await using world = await setUp()
  const { pki, ground, fetch, issue } = world
  const { keyId } = await parts(pki, await issue('pump-1'))
  const number = async () =>
    Number.parseInt(value(parseRevocationList((await fetch('GET', `/pki/crl/${keyId}/3.crl`)).body)).number ?? '', 16)
  const before = await number()
  ground.clock.advance(-86_400_000)
  assert.equal((await number()) > before, true)
})

test('certificates of devices say where to ask about them', async () => {
  await using world = await setUp()
  const issued = await world.issue('pump-1')
  const { leaf, keyId } = await parts(world.pki, issued)
  const { text } = await openssl(
    'x509',
    '-in',
    await world.file('leaf.pem', leaf),
    '-noout',
    '-ext',
    'crlDistributionPoints,authorityInfoAccess',
  )
  assert.match(text, new RegExp(`https://hub\\.example/pki/crl/${keyId}/${shardOf(issued.serial)}\\.crl`))
  assert.match(text, /OCSP - URI:https:\/\/hub\.example\/pki\/ocsp/)
})
