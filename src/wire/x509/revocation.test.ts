import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { SeededRandom } from '../../../test/seeded-random.ts'
import { bitString, explicit, nothing, octetString, oid, sequence } from './der-writer.ts'
import { encodeExtension } from './extension.ts'
import { encodeName } from './name.ts'
import { certificateId, parseOcspRequest } from './ocsp-request.ts'
import { oids } from './oids.ts'
import { ListEntries, encodeRevocationList, encodeTbsRevocationList } from './revocation-list-writer.ts'
import { parseRevocationList } from './revocation-list.ts'
import { target } from './revocation.fuzz.ts'

const id = certificateId(Buffer.alloc(20, 1), Buffer.alloc(20, 2), '7f01').der
const nonceOf = (bytes: number) => explicit(2, sequence(encodeExtension(oids.ocspNonce, false, octetString(Buffer.alloc(bytes, 7)))))
const request = (count: number, ...more: readonly Buffer[]) =>
  sequence(sequence(sequence(...Array.from({ length: count }, () => sequence(id))), ...more))

const requests: readonly (readonly [string, Buffer, boolean])[] = [
  ['one certificate', request(1), true],
  ['sixteen certificates', request(16), true],
  ['seventeen certificates', request(17), false],
  ['no certificate', request(0), false],
  ['a nonce of 1 byte', request(1, nonceOf(1)), true],
  ['a nonce of 128 bytes', request(1, nonceOf(128)), true],
  ['a nonce of 129 bytes', request(1, nonceOf(129)), false],
  ['an empty nonce', request(1, nonceOf(0)), false],
  ['a critical extension of its own', request(1, explicit(2, sequence(encodeExtension('1.2.3.4', true, nothing)))), false],
  ['bytes behind its end', Buffer.concat([request(1), Buffer.from([0])]), false],
  ['a version that is spelled out', sequence(sequence(explicit(0, Buffer.from([2, 1, 0])), sequence(sequence(id)))), false],
]
for (const [name, der, isGood] of requests)
  test(`an OCSP request with ${name} is ${isGood ? 'read' : 'refused'} [RFC 6960 4.1, RFC 9654]`, () =>
    assert.equal(parseOcspRequest(der).ok, isGood))

function list(deltaOf?: number): Buffer {
  const entries = new ListEntries()
  for (const [serial, reason] of [
    ['ff01', 0],
    ['01', 1],
    ['7f'.repeat(20), 9],
  ] as const)
    entries.add(Buffer.from(serial, 'hex'), 1_767_225_600, reason)
  const fields = {
    algorithm: 'ecdsa-sha256',
    issuer: encodeName({ commonName: 'Issuer' }),
    authorityKeyId: Buffer.alloc(20, 3),
    thisUpdate: instant(1_767_225_600_000),
    nextUpdate: instant(1_767_312_000_000),
    number: 1_767_225_600,
    point: 'https://hub.example/7.crl',
    ...(deltaOf === undefined ? {} : { deltaOf }),
  } as const
  return encodeRevocationList(encodeTbsRevocationList(fields, entries), 'ecdsa-sha256', Buffer.from('3006020101020101', 'hex'))
}

test('a list that is written says the same when it is read [RFC 5280 5.2]', () => {
  const read = parseRevocationList(list(1_767_225_599))
  assert.ok(read.ok)
  const { revoked, number, deltaOf, scope, authorityKeyId } = read.value
  assert.deepEqual([...revoked], ['ff01', '01', '7f'.repeat(20)])
  assert.deepEqual([number, deltaOf], [(1_767_225_600).toString(16), (1_767_225_599).toString(16)])
  assert.deepEqual(scope, { only: 'all', points: ['https://hub.example/7.crl'] })
  assert.deepEqual(authorityKeyId, Buffer.alloc(20, 3))
})

test('lists for some reasons, of several issuers and of attributes are refused: they would be read as saying more than they do', () => {
  const idp = (bytes: string) => encodeExtension(oids.issuingDistributionPoint, true, Buffer.from(bytes, 'hex'))
  for (const [name, bytes, isGood] of [
    ['everything', '3000', true],
    ['users', '30038101ff', true],
    ['some reasons', '30048302055f'],
    ['several issuers', '30038401ff'],
    ['attributes', '30038501ff'],
    ['users and authorities', '30068101ff8201ff'],
    ['a flag of 01', '3003810101'],
  ] as const) {
    const tbs = sequence(
      Buffer.from('020101', 'hex'),
      sequence(oid(oids.ecdsaWithSha256)),
      encodeName({ commonName: 'Issuer' }),
      Buffer.from('170d3236303130313030303030305a', 'hex'),
      explicit(0, sequence(idp(bytes))),
    )
    const der = sequence(tbs, sequence(oid(oids.ecdsaWithSha256)), bitString(Buffer.alloc(8)))
    assert.equal(parseRevocationList(der).ok, isGood === true, name)
  }
})

test('requests and lists with bytes changed, cut or doubled give values and refusals only', () => {
  const random = new SeededRandom(20260102)
  const seeds = [request(1, nonceOf(16)), request(3), list(), list(5)]
  const until = performance.now() + 700
  for (let n = 0; n < 20_000 && performance.now() < until; n++) {
    const bytes = Buffer.from(seeds[n % seeds.length] ?? Buffer.alloc(0))
    for (let changes = 1 + random.integer(4); changes > 0; changes--) bytes[random.integer(bytes.length)] = random.integer(256)
    const at = random.integer(bytes.length)
    target(random.integer(4) === 0 ? Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.integer(6))]) : bytes)
  }
})
