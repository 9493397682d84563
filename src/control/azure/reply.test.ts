import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { json, writtenRefusal, writtenReply } from './reply.ts'

const now = instant(Date.UTC(2025, 10, 23, 10, 0, 0))

test('a refusal has the old form: the name before the semicolon and in the header (azure-wire 5.12)', () => {
  const { status, headers, body } = writtenRefusal({ code: 'hub/device-not-found', message: 'No device d1 is registered.' }, 'id-1', now)
  assert.equal(status, 404)
  assert.equal(headers['iothub-errorcode'], 'DeviceNotFound')
  assert.equal(headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(headers['x-ms-request-id'], 'id-1')
  assert.deepEqual(JSON.parse(body), {
    Message: 'ErrorCode:DeviceNotFound;No device d1 is registered.',
    ExceptionMessage: 'Tracking ID:id-1-TimeStamp:11/23/2025 10:00:00',
  })
})

test('no markup, second semicolon, control character or private detail of a refusal leaves', () => {
  const refusal = { code: 'hub/device-exists', message: `Device <script>;x="1"&\r\né${'y'.repeat(1_000)}`, detail: 'the secret' }
  const { Message: message } = JSON.parse(writtenRefusal(refusal, 'id', now).body)
  assert.match(message, /^ErrorCode:DeviceAlreadyExists;Device {2}script {2}x= 1 {5}y+$/)
  assert.ok(message.length < 400)
})

test('401 names the scheme, 429 and 503 say when to come again (azure-wire 5.12)', () => {
  const headersOf = (code: string, retryAfterSeconds?: number) =>
    writtenRefusal({ code, message: 'x', ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }, 'id', now).headers
  assert.equal(headersOf('access/service-refused')['www-authenticate'], 'SharedAccessSignature')
  assert.equal(headersOf('control/azure-throttled', 7)['retry-after'], '7')
  assert.equal(headersOf('control/azure-busy')['retry-after'], '10')
  assert.equal(headersOf('hub/etag-differs')['retry-after'], undefined)
})

test('an answer is JSON with a charset and a quoted etag, or nothing at all; nothing is kept or framed', () => {
  const { headers, body } = writtenReply(json({ a: 1 }, 'e='), 'id')
  assert.deepEqual([headers['content-type'], headers['etag'], body], ['application/json; charset=utf-8', '"e="', '{"a":1}'])
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['access-control-allow-origin'], undefined)
  const empty = writtenReply({ status: 204 }, 'id')
  assert.deepEqual([empty.body, empty.headers['content-type']], ['', undefined])
})
