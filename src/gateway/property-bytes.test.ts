import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodePropertyBytes } from '#wire/mqtt'
import { propertyBytes } from './property-bytes.ts'

test('properties survive the way through a record, without the alias', () => {
  const properties = {
    contentType: 'application/json',
    responseTopic: 'a/b',
    correlationData: Buffer.from([1, 2]),
    userProperties: [['k', 'v'.repeat(200)]] as const,
  }
  assert.deepEqual(decodePropertyBytes(propertyBytes({ ...properties, topicAlias: 3 })), properties)
})

test('an alias alone is no property', () => assert.equal(propertyBytes({ topicAlias: 1 }).length, 0))
