import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryProvisioning } from '../../../test/memory-provisioning.ts'
import { amqp } from '../amqp/amqp-scene.test.ts'
import { readTpmAnswer, readTpmInit, tpmSegments } from './sasl-tpm.ts'

const scope = '0ne00ABCDEF'

test('a client begins with its scope, its id and its key, each after a byte 0; nothing else is a beginning [azure-wire 6.8]', () => {
  const key = Buffer.from([0, 7, 0, 9])
  const init = Buffer.concat([Buffer.from(`\0${scope}\0tpm-1\0`), key])
  assert.deepEqual(readTpmInit(init), { idScope: scope, registrationId: 'tpm-1', endorsementKey: key })
  for (let length = 0; length <= init.length - key.length; length++) assert.equal(readTpmInit(init.subarray(0, length)), undefined)
  for (const text of ['', '\0', '\0\0\0', `x${scope}\0tpm-1\0k`, '\0\0tpm-1\0k', `\0${scope}\0\0k`])
    assert.equal(readTpmInit(Buffer.from(text)), undefined)
  assert.equal(readTpmInit(undefined), undefined)
  assert.deepEqual(readTpmAnswer(Buffer.from([0, 1])), Buffer.from([1]))
  for (const bytes of [[], [0], [1, 2]]) assert.equal(readTpmAnswer(Buffer.from(bytes)), undefined)
})

test('a blob goes out in segments that a frame of SASL holds, numbered as clients other than Node’s check', () => {
  for (const [length, heads] of [
    [1, [0xc0]],
    [470, [0xc0]],
    [471, [0x80, 0xc1]],
    [941, [0x80, 0x81, 0xc2]],
    [1_880, [0x80, 0x81, 0x82, 0xc3]],
  ] as const) {
    const blob = Buffer.from(Array.from({ length }, (_, at) => at % 251))
    const segments = tpmSegments(blob)
    assert.deepEqual(
      segments.map(([head]) => head),
      heads,
    )
    assert.ok(segments.every((segment) => segment.length <= 471))
    assert.deepEqual(Buffer.concat(segments.map((segment) => segment.subarray(1))), blob)
  }
  assert.throws(() => tpmSegments(Buffer.alloc(1_881)), /bug/)
})

type Answer = (error: Error | undefined, bytes?: Buffer) => void

/** A client's side of the mechanism, as Azure's SDK has it; `token` is made from the whole blob. */
function mechanism(id: string, token: (blob: Buffer) => string) {
  const blob: Buffer[] = []
  return {
    TPM: () => ({
      hostname: `${scope}/registrations/${id}`,
      start: (answer: Answer) => answer(undefined, Buffer.from(`\0${scope}\0${id}\0ek`)),
      step(challenge: Buffer, answer: Answer) {
        if (challenge.length === 1) return answer(undefined, Buffer.from('\0srk'))
        blob.push(challenge.subarray(1))
        const isLast = ((challenge[0] ?? 0) & 0x40) !== 0
        return answer(undefined, Buffer.from(isLast ? `\0${token(Buffer.concat(blob))}` : '\0'))
      },
    }),
  }
}

function world() {
  let made: MemoryProvisioning | undefined
  const scene = amqp({ provisioning: (clock) => (made = new MemoryProvisioning(clock)) })
  assert.ok(made !== undefined)
  const provisioning = made
  provisioning.keys.set('tpm-1', Buffer.alloc(32, 2))
  return { ...scene, provisioning }
}

test('a TPM shows its keys, opens the blob and signs: then its links are served', async () => {
  const { connect, provisioning } = world()
  const blobs: Buffer[] = []
  const device = await connect('', {
    sasl_mechanisms: mechanism('tpm-1', (blob) => {
      blobs.push(blob)
      return provisioning.token('tpm-1')
    }),
  })
  assert.equal(device.client.is_open(), true)
  assert.deepEqual([blobs.length, blobs[0]?.length], [1, 900])
  assert.deepEqual(
    provisioning.challenges.map(({ registrationId, endorsementKey, storageRootKey }) => [
      registrationId,
      endorsementKey.toString(),
      storageRootKey.toString(),
    ]),
    [['tpm-1', 'ek', 'srk']],
  )
  assert.deepEqual((await device.receiver(`${scope}/registrations/tpm-1`)).closed, [])
  assert.deepEqual((await device.sender(`${scope}/registrations/other`)).closed, ['amqp:not-allowed'])
})

test('a TPM that is not known gets no blob, and one that did not open it is not let in: both are denied alike', async () => {
  const { connect, provisioning, facts } = world()
  const wrong = provisioning.token('tpm-1', Buffer.alloc(32, 9))
  for (const [id, token] of [
    ['tpm-2', wrong],
    ['tpm-1', wrong],
    ['tpm-1', ''],
  ] as const) {
    const device = await connect('', { sasl_mechanisms: mechanism(id, () => token) })
    assert.deepEqual([device.client.is_open(), device.transport.state, device.transport.isKnown], [false, 'ended', false])
  }
  assert.equal(facts().filter((fact) => fact.kind === 'refused' && fact.code === 'provisioning/unauthorized').length, 2)
})

/** A frame of SASL: 0x41 begins, 0x43 answers. */
function frame(code: number, fields: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from([0, 0x53, code, 0xc0, fields.length + 1, code === 0x41 ? 2 : 1]), fields])
  const head = Buffer.from([0, 0, 0, body.length + 8, 2, 1, 0, 0])
  return Buffer.concat([head, body])
}
const binary = (bytes: Buffer) => Buffer.concat([Buffer.from([0xa0, bytes.length]), bytes])
const header = Buffer.from('AMQP\x03\x01\0\0', 'latin1')
const init = frame(0x41, Buffer.concat([Buffer.from('\xa3\x03TPM', 'latin1'), binary(Buffer.from(`\0${scope}\0tpm-1\0ek`))]))
const answer = (text: string) => frame(0x43, binary(Buffer.from(text)))

test('an answer that nobody asked for, a second beginning, and bytes before their time end the connection', async () => {
  const { raw } = world()
  for (const frames of [
    [answer('\0srk')],
    [init, init],
    [init, answer('srk')],
    [init, answer('')],
    [init, answer('\0srk'), init],
    [frame(0x41, Buffer.concat([Buffer.from('\xa3\x03TPM', 'latin1'), binary(Buffer.from('x'))]))],
  ]) {
    const { transport, connection } = raw()
    connection.receive(Buffer.concat([header, ...frames]))
    for (let n = 0; n < 30; n++) await new Promise((resolve) => void setImmediate(resolve))
    assert.equal(transport.state, 'ended', frames.map((bytes) => bytes.toString('latin1')).join(' | '))
    assert.equal(transport.isKnown, false)
  }
})
