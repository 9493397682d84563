import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readCorpus, replay } from '../../../test/fuzz.ts'
import { seeds, target } from './authentication.fuzz.ts'
import { readResources } from './resources.ts'

test('mutations of authentication documents, webhook answers and subject names give settings or findings, never anything else', () => {
  const corpus = readCorpus(fileURLToPath(new URL('corpus', import.meta.url)))
  replay(target, [...seeds(), ...corpus], 3_000, 0xa07)
})

test('what the mutations begin with is read', () => {
  const read = readResources([{ name: 'seed', text: seeds()[0]?.toString() ?? '' }])
  assert.deepEqual(read.ok || read.error.problems, true)
})
