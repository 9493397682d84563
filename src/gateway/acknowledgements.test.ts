import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Acknowledged, Acknowledgements } from './acknowledgements.ts'

function peer(log: string[], name: string): Acknowledged {
  let gathered: string[] = []
  return {
    acknowledge: (packetId, code) => gathered.push(`${packetId}${code === 0 ? '' : `!${code}`}`) === 1,
    flushAcknowledgements() {
      log.push(`${name}: ${gathered.join(' ')}`)
      gathered = []
    },
  }
}

test('only what the disk has is acknowledged, in order, one write for each connection and flush', () => {
  const log: string[] = []
  const acknowledgements = new Acknowledgements(() => {})
  const [a, b] = [peer(log, 'a'), peer(log, 'b')]
  acknowledgements.wait(a, 1, 0, 1, undefined)
  acknowledgements.wait(b, 1, 0, 2, undefined)
  acknowledgements.wait(a, 2, 135, 2, undefined)
  acknowledgements.wait(a, 3, 0, 3, undefined)
  acknowledgements.durable(0)
  assert.deepEqual(log, [])
  acknowledgements.durable(2)
  assert.deepEqual(log, ['a: 1 2!135', 'b: 1'])
  assert.equal(acknowledgements.waiting, 1)
  acknowledgements.durable(3)
  assert.deepEqual(log.slice(2), ['a: 3'])
})

test('a million entries leave nothing behind, however they are eaten', () => {
  const acknowledgements = new Acknowledgements(() => {})
  let flushed = 0
  const connection = { acknowledge: () => true, flushAcknowledgements: () => void flushed++ }
  for (let needs = 1; needs <= 1_000_000; needs++) {
    acknowledgements.wait(connection, 1, 0, needs, undefined)
    if (needs % 5_000 === 0) acknowledgements.durable(needs - 7)
  }
  acknowledgements.durable(1_000_000)
  assert.deepEqual([acknowledgements.waiting, flushed], [0, 1_000_000])
})
