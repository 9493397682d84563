import { generateKeyPairSync, sign } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { instant, ok, systemClock, systemRandom } from '#base'
import { encodeName, encodeRevocationList, encodeTbsRevocationList } from '#wire/x509'
import { RevocationLists } from './lists.ts'
import { RevokedSerials, shardCount } from './revoked-serials.ts'

/*
 * A million revoked certificates: what a lookup costs beside a thousand, what they cost in memory, and how long it takes to publish all shards,
 * encoded and signed, with the longest time that the event loop was held up meanwhile.
 * node --conditions=source src/pki/revocation/revocation.bench.ts [--count 1000000]
 */
const count = Number(process.argv[process.argv.indexOf('--count') + 1] || 1_000_000) || 1_000_000
const issuer = 'a'.repeat(40)
const now = systemClock.now()
const entry = { issuer, at: now, notAfter: instant(now + 30 * 86_400_000), reason: 'superseded' } as const

function filled(size: number): readonly [RevokedSerials, readonly string[]] {
  const revoked = new RevokedSerials()
  const serials: string[] = []
  for (let n = 0; n < size; n++) {
    const serial = systemRandom.bytes(16).toString('hex')
    if (n % Math.ceil(size / 1_000) === 0) serials.push(serial)
    revoked.add(serial, entry)
  }
  return [revoked, serials]
}

function lookups(name: string, revoked: RevokedSerials, known: readonly string[]): void {
  const strangers = known.map(() => systemRandom.bytes(16).toString('hex'))
  let found = 0
  const rounds = 1_000
  const began = performance.now()
  for (let round = 0; round < rounds; round++)
    for (const list of [known, strangers]) for (const serial of list) if (revoked.revokedAt(serial) !== undefined) found++
  const each = ((performance.now() - began) * 1e6) / (rounds * 2 * known.length)
  if (found !== rounds * known.length) throw new Error('a lookup went wrong')
  console.log(`${name.padEnd(44)} ${each.toFixed(0)} ns a lookup`)
}

const [few, knownFew] = filled(1_000)
lookups('1,000 revoked', few, knownFew)
const before = process.memoryUsage()
const began = performance.now()
const [revoked, known] = filled(count)
const after = process.memoryUsage()
const grown = after.arrayBuffers - before.arrayBuffers
console.log(
  `${`${count.toLocaleString('en')} added`.padEnd(44)} ${(performance.now() - began).toFixed(0)} ms, ${(grown / count).toFixed(0)} bytes each`,
)
lookups(`${count.toLocaleString('en')} revoked`, revoked, known)

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const lists = new RevocationLists({
  store: { query: async () => [], commit: async () => ok(undefined) },
  clock: systemClock,
  revoked,
  async sign(_keyId, fields, entries) {
    const head = { algorithm: 'ecdsa-sha256', issuer: encodeName({ commonName: 'Bench' }), authorityKeyId: Buffer.alloc(20, 1) } as const
    const tbs = encodeTbsRevocationList({ ...fields, ...head }, entries)
    return ok(encodeRevocationList(tbs, 'ecdsa-sha256', sign('sha256', tbs, privateKey)))
  },
  pointOf: (keyId, shard) => `https://hub.example/pki/crl/${keyId}/${shard}.crl`,
  trouble: (what, refusal) => console.error(what, refusal),
})
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
let bytes = 0
const published = performance.now()
for (let shard = 0; shard < shardCount; shard++) {
  const made = await lists.complete(issuer, shard)
  if (made.ok) bytes += made.value.der.length
  await new Promise<void>((resolve) => void setImmediate(resolve))
}
delay.disable()
console.log(
  `${`all ${shardCount} lists published, ${(bytes / 1e6).toFixed(0)} MB`.padEnd(44)} ${(performance.now() - published).toFixed(0)} ms, loop held up at most ${(delay.max / 1e6).toFixed(0)} ms`,
)
