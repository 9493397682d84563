import { test } from 'node:test'
import { corpusOf, readCorpus, replayAsync } from '../../test/fuzz.ts'
import { seeds, target } from './session-state.fuzz.ts'

test('mosquitto 2.0.23, 2.0.19: damaged rows, records and cursors of sessions lose what is damaged, and the hub comes up and serves', async () => {
  await replayAsync(target, [...readCorpus(corpusOf('src/gateway/session-state.fuzz.ts')), ...(await seeds())], 500, 0x2023)
})
