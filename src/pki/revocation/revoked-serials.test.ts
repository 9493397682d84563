import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { SeededRandom } from '../../../test/seeded-random.ts'
import { RevokedSerials, shardCount, shardOf } from './revoked-serials.ts'

const entry = (issuer: string, at: number) => ({ issuer, at: instant(at), notAfter: instant(at + 1), reason: 'superseded' as const })

test('finds what was added and nothing else, among thousands, of every length, growing as it must (keycloak #26473)', () => {
  const random = new SeededRandom(20260101)
  const revoked = new RevokedSerials()
  const model = new Map<string, number>()
  for (let n = 0; n < 20_000; n++) {
    const serial = random.bytes(n % 50 === 0 ? 1 + random.integer(20) : 16).toString('hex')
    revoked.add(serial, entry(`issuer-${n % 3}`, n))
    if (!model.has(serial)) model.set(serial, n)
  }
  assert.equal(revoked.size, model.size)
  for (const [serial, at] of model) assert.equal(revoked.revokedAt(serial), at, serial)
  for (let n = 0; n < 5_000; n++) assert.equal(revoked.revokedAt(random.bytes(16).toString('hex')), undefined)
  for (const odd of ['', 'zz', 'g'.repeat(32), 'A'.repeat(32)]) assert.equal(revoked.revokedAt(odd), undefined, odd)
})

test('every entry is in one shard of its issuer, newest first', () => {
  const random = new SeededRandom(7)
  const revoked = new RevokedSerials()
  const added: string[] = []
  for (let n = 0; n < 2_000; n++) {
    const serial = random.bytes(16).toString('hex')
    added.push(serial)
    revoked.add(serial, entry('one', n))
  }
  const found: string[] = []
  for (let shard = 0; shard < shardCount; shard++) {
    let last = Number.POSITIVE_INFINITY
    revoked.visit('one', shard, (bytes, at) => {
      const serial = Buffer.from(bytes).toString('hex')
      assert.equal(shardOf(serial), shard)
      assert(at < last)
      last = at
      found.push(serial)
    })
    revoked.visit('nobody', shard, () => assert.fail('an entry of nobody'))
  }
  assert.deepEqual(found.toSorted(), added.toSorted())
  assert.equal(revoked.countOf('one'), added.length)
})
