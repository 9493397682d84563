import assert from 'node:assert/strict'
import { test } from 'node:test'
import { search } from './fuzz-search.ts'

const none = () => {}
const seed = 0x1eaf

test('a search fails when its target remembers every input', async () => {
  const remembered: object[] = []
  const leaky = (input: Buffer) => {
    for (let count = 0; count < 200; count++) remembered.push({ size: input.length, count })
  }
  await assert.rejects(
    search(leaky, [Buffer.from('seed')], '/no such folder/', 1, seed, none),
    /^Error: memory grew by \d+ KiB in \d+ runs/,
  )
})

test('a search fails when its target holds buffers, which are not in the heap', async () => {
  const held: Buffer[] = []
  const leaky = (input: Buffer) => void held.push(Buffer.alloc(8_000 + input.length))
  await assert.rejects(search(leaky, [Buffer.from('seed')], '/no such folder/', 1, seed, none), /memory grew/)
})

test('a search does not take for a leak what can be collected: garbage of megabytes, and promises that wait for a turn', async () => {
  let turns = 0
  const wasteful = async (input: Buffer) => {
    setImmediate(() => turns++)
    await Promise.resolve(Array.from({ length: 20 }, () => new Uint8Array(50_000 + input.length)))
  }
  const { runs } = await search(wasteful, [Buffer.from('seed')], '/no such folder/', 1, seed, none)
  assert.ok(runs > 0 && turns > 0, 'the loop turned while it ran')
})
