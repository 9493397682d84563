import { test } from 'node:test'
import { replayAsync } from '../../../test/fuzz.ts'
import { seeds, target } from './protocol.fuzz.ts'

test('whatever a peer sends in the name of AMQP, nothing throws, what is held is bounded, and a witness is served', async () => {
  await replayAsync(target, await seeds(), 400, 0xa391)
})
