import assert from 'node:assert/strict'
import { test } from 'node:test'
import { search } from './fuzz-search.ts'

const none = () => {}
const seed = 0x1eaf
const seeds = [Buffer.from('seed')]
const part = '/no such folder/'

test('a search fails when its target remembers every input', async () => {
  const remembered: object[] = []
  const leaky = (input: Buffer) => {
    for (let count = 0; count < 200; count++) remembered.push({ input, count })
  }
  await assert.rejects(search(leaky, seeds, part, { runs: 2_000 }, seed, none), /^Error: memory grew by \d+ KiB in \d+ runs/)
  assert.ok(remembered.length >= 400_000)
})

test('a search fails when its target holds buffers, which are not in the heap', async () => {
  const held: Buffer[] = []
  const leaky = (input: Buffer) => void held.push(Buffer.alloc(8_000 + input.length))
  await assert.rejects(search(leaky, seeds, part, { runs: 2_000 }, seed, none), /memory grew/)
  assert.ok(held.length >= 2_000)
})

test('a search does not take for a leak what can be collected: garbage of megabytes, and promises that wait for a turn', async () => {
  let turns = 0
  const wasteful = async (input: Buffer) => {
    setImmediate(() => turns++)
    await Promise.resolve(Array.from({ length: 20 }, () => new Uint8Array(50_000 + input.length)))
  }
  const { runs } = await search(wasteful, seeds, part, { runs: 640 }, seed, none)
  assert.ok(turns > 0 && turns >= runs - 64, 'the loop turned while it ran')
})
