import assert from 'node:assert/strict'
import { test } from 'node:test'
import { propertiesOf, propertyBytes } from './property-bytes.ts'

test('properties survive the way through a record, without the alias', () => {
  const properties = {
    contentType: 'application/json',
    responseTopic: 'a/b',
    correlationData: Buffer.from([1, 2]),
    userProperties: [['k', 'v'.repeat(200)]] as const,
  }
  assert.deepEqual(propertiesOf(propertyBytes({ ...properties, topicAlias: 3 })), properties)
})

test('no properties are no bytes, and bytes that do not parse are no properties', () => {
  assert.equal(propertyBytes({ topicAlias: 1 }).length, 0)
  assert.equal(propertiesOf(Buffer.alloc(0)), undefined)
  assert.equal(propertiesOf(Buffer.from([0xff, 0xff, 0xff])), undefined)
})
