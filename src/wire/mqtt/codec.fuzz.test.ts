import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readCorpus, replay } from '../../../test/fuzz.ts'
import { target } from './codec.fuzz.ts'

const corpus = readCorpus(fileURLToPath(new URL('corpus', import.meta.url)))

test('the corpus and thousands of mutations of it give packets or refusals, the same however they are cut', () => {
  assert.ok(corpus.length >= 20)
  replay(target, corpus, 6_000, 0x7417)
})
