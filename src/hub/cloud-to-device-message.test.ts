import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import type { CloudMessage } from './cloud-to-device.ts'
import { checkMessage, cloudToDeviceDefaults, decodeHead, encodeHead } from './cloud-to-device-message.ts'

const now = instant(Date.UTC(2026, 0, 1))

function message(more: Partial<CloudMessage> = {}): CloudMessage {
  return {
    messageId: 'm1',
    correlationId: undefined,
    userId: undefined,
    contentType: undefined,
    contentEncoding: undefined,
    to: '/devices/a/messages/devicebound',
    ack: 'none',
    expiresAt: undefined,
    properties: {},
    body: Buffer.from('open'),
    ...more,
  }
}

function codeOf(more: Partial<CloudMessage>): string {
  const result = checkMessage(message(more), cloudToDeviceDefaults, now)
  return result.ok ? 'ok' : result.error.code
}

const refused: readonly (readonly [string, Partial<CloudMessage>, string])[] = [
  [
    '64 KiB and one byte',
    { body: Buffer.alloc(64 * 1024 + 1 - 'm1'.length - '/devices/a/messages/devicebound'.length) },
    'hub/message-too-large',
  ],
  ['64 KiB of properties', { properties: { a: 'x'.repeat(64 * 1024) } }, 'hub/message-too-large'],
  ['an expiry in the past', { expiresAt: instant(1) }, 'hub/message-expiry'],
  ['an expiry in three days', { expiresAt: instant(Date.UTC(2026, 0, 4)) }, 'hub/message-expiry'],
  ['a line break in an id', { messageId: 'a\r\nb' }, 'hub/message-malformed'],
  ['an id of 129 characters', { correlationId: 'x'.repeat(129) }, 'hub/message-malformed'],
  ['half a character', { userId: '\ud800' }, 'hub/message-malformed'],
  ['a property without a name', { properties: { '': 'x' } }, 'hub/message-malformed'],
  ['a property that is a system value', { properties: { '$.mid': 'x' } }, 'hub/message-malformed'],
  ['a property that is a header of ours', { properties: { 'IoTHub-Ack': 'full' } }, 'hub/message-malformed'],
  ['a property with a NUL', { properties: { a: '\0' } }, 'hub/message-malformed'],
]

for (const [what, more, refusal] of refused) test(`refuses ${what}`, () => assert.equal(codeOf(more), refusal))

test('64 KiB to the byte, an expiry in two days, and what stands in any other script are taken', () => {
  assert.equal(codeOf({ to: undefined, messageId: undefined, body: Buffer.alloc(64 * 1024) }), 'ok')
  assert.equal(codeOf({ expiresAt: instant(Date.UTC(2026, 0, 3)) }), 'ok')
  assert.equal(codeOf({ messageId: 'żółw', properties: { 'a b': '水' } }), 'ok')
})

test('the head of a message comes back as it was written, whatever its names', () => {
  const properties = Object.fromEntries([
    ['__proto__', 'x'],
    ['constructor', null],
  ])
  const { expiresAt: _expiresAt, body: _body, ...head } = message({ properties, ack: 'full' })
  assert.deepEqual(decodeHead(encodeHead(message({ properties, ack: 'full' }), 'g')), { ...head, generation: 'g' })
  for (const damaged of ['{}', '[1]', '[2,"g","none",[],[]]', '[1,"g","maybe",[null,null,null,null,null,null],[]]'])
    assert.throws(() => decodeHead(damaged), /bug/)
})
