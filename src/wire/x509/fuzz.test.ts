import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SeededRandom } from '../../../test/seeded-random.ts'
import { target } from './x509.fuzz.ts'

const corpus = join(import.meta.dirname, 'corpus')
const seeds = readdirSync(corpus).map((name) => readFileSync(join(corpus, name)))

test('the corpus gives values and refusals only', () => {
  assert(seeds.length >= 6)
  for (const seed of seeds) target(seed)
})

test('certificates and requests with bytes changed, cut, doubled or swapped give values and refusals only', () => {
  const random = new SeededRandom(20260101)
  const until = performance.now() + 1_500
  for (let n = 0; n < 20_000 && performance.now() < until; n++) {
    const seed = seeds[random.integer(seeds.length)]
    assert(seed)
    let bytes: Buffer = Buffer.from(seed)
    for (let changes = 1 + random.integer(4); changes > 0; changes--) bytes = mutate(bytes, random)
    target(bytes)
  }
})

function mutate(bytes: Buffer, random: SeededRandom): Buffer {
  const at = random.integer(bytes.length + 1)
  const length = random.integer(8)
  switch (random.integer(4)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)])
    case 2:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(length), bytes.subarray(at)])
    default: {
      const out = Buffer.from(bytes)
      if (at < out.length) out[at] = random.integer(256)
      return out
    }
  }
}
