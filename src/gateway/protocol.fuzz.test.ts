import assert from 'node:assert/strict'
import { test } from 'node:test'
import { corpusOf, readCorpus, replayAsync } from '../../test/fuzz.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import { target } from './protocol.fuzz.ts'

test('CVE-2024-50948: whatever clients say, lag and lose, nothing throws, what is said is MQTT, and a witness is served', async () => {
  const corpus = readCorpus(corpusOf('src/gateway/protocol.fuzz.ts'))
  assert.ok(corpus.length >= 20)
  const random = new SeededRandom(0x50948)
  await replayAsync(target, [...corpus, ...Array.from({ length: 20 }, () => random.bytes(400))], 300, 0x50948)
})
