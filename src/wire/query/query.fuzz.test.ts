import { test } from 'node:test'
import { corpusOf, readCorpus, replay } from '../../../test/fuzz.ts'
import { target } from './query.fuzz.ts'

test('the corpus and what is made of it give values and problems only', () =>
  replay(target, readCorpus(corpusOf('src/wire/query/query.fuzz.ts')), 4_000, 20260301))
