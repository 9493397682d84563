import assert from 'node:assert/strict'
import { test } from 'node:test'
import azureDevice from 'azure-iot-device'
import { callMethod } from './case.ts'
import { type SuiteHub, openSuiteHub, suiteHost, tapeHost } from './suite-hub.ts'
import { playAmqp } from './tapes/amqp-player.ts'
import { recordAmqp } from './tapes/amqp-tape.ts'
import { httpTranscript, runHttpDevice } from './tapes/http-program.ts'
import { recordHttp, replayHttp } from './tapes/http-tape.ts'
import { recordMqtt, replayMqtt } from './tapes/mqtt-tape.ts'
import { device, mqttTranscript } from './tapes/mqtt-transcript.ts'
import { type OtherSide, runDevice } from './tapes/program.ts'
import { certificateFor, conversationDifferences, differences } from './tapes/tape.ts'

/*
 * The same program of a device, once against a transcript of azure-wire 12 and once against a hub that runs: what it sees, and what goes over the
 * wire. Each difference stands here and in docs/divergences.md.
 */

const nobody: OtherSide = { async method() {}, async message() {}, async desired() {} }

/** What a back end does while the device runs. */
const backEndOf = (suite: SuiteHub): OtherSide => ({
  async method() {
    assert.deepEqual(await callMethod(suite, device, 'reboot', { x: 1 }), { status: 200, payload: { ok: true } })
  },
  async message() {
    const message = new azureDevice.Message('hi')
    message.messageId = 'abc'
    message.properties.add('p2', '')
    message.properties.add('p3', 'a b')
    await suite.service.send(device, message)
  },
  desired: async () => void (await suite.registry.updateTwin(device, { properties: { desired: { a: 3 } } }, '*')),
})

/** What docs/divergences.md lists: a message that had no end gets the hub's, and the device is told of it. */
const bound = 'S PUBLISH qos1 "devices/dev-1/messages/devicebound/%24.mid=abc&%24.to=%2Fdevices%2Fdev-1%2Fmessages%2Fdevicebound'
const listed = [`- ${bound}&p2=&p3=a%20b" hi`, `+ ${bound}&%24.exp={time}&p2=&p3=a%20b" hi`]

test('12.1: a device over MQTT sees the same of the hub as of the transcript, but for what is listed', async (t) => {
  const suite = await openSuiteHub()
  if (suite === undefined) return t.skip('port 443 may not be bound here, and the SDKs of back ends take no other')
  await using here = suite
  const own = certificateFor(tapeHost)
  const connectionString = (await here.keyed(device)).replace(suiteHost, tapeHost)
  await here.registry.updateTwin(device, { properties: { desired: { a: 1 } } }, '*')
  const told = await (async () => {
    await using tape = await replayMqtt(own, mqttTranscript)
    const seen = await runDevice('mqtt', connectionString, own.cert, nobody)
    return { seen, lines: tape.lines }
  })()
  assert.deepEqual(differences(mqttTranscript, told.lines), [], 'the program is the one of the transcript')
  const backEnd = backEndOf(here)
  await using tape = await recordMqtt(own, here.hub)
  const seen = await runDevice('mqtt', connectionString, own.cert, backEnd)
  assert.deepEqual(differences(told.seen, seen), [])
  assert.deepEqual(conversationDifferences(told.lines, tape.lines), listed)
})

/** The same in HTTPS; and a signature for an upload is for writing alone, and names the upload. */
const withoutListed = (line: string): string =>
  line.startsWith('S 200') ? line.replace('iothub-expiry: {time}, ', '').replace('&si={uuid}', '').replace('&sp=cw', '&sp=rw') : line

test('12.4: a device over HTTPS sees the same of the hub as of the transcript, but for what is listed', async (t) => {
  const suite = await openSuiteHub()
  if (suite === undefined) return t.skip('port 443 may not be bound here, and the SDK takes no other')
  await using here = suite
  const own = certificateFor(tapeHost)
  const connectionString = (await here.keyed(device)).replace(suiteHost, tapeHost)
  const told = await (async () => {
    await using tape = await replayHttp(own, httpTranscript)
    return { seen: await runHttpDevice(connectionString, own.cert), lines: tape.lines }
  })()
  for (const text of ['c1', 'c2', 'c3']) {
    const message = new azureDevice.Message(text)
    message.messageId = text
    message.properties.add('foo', 'bar')
    await here.service.send(device, message)
  }
  await using tape = await recordHttp(own, here.hub)
  assert.deepEqual(differences(told.seen, await runHttpDevice(connectionString, own.cert)), [])
  // Requests stand for themselves: which comes first is the device's affair.
  assert.deepEqual(differences(told.lines.toSorted(), tape.lines.toSorted().map(withoutListed)), [])
  assert.equal(tape.lines.filter((line) => withoutListed(line) !== line).length, 5)
})

test('12.5: a device over AMQP sees the same of the hub as of the transcript, but for what is listed', async (t) => {
  const suite = await openSuiteHub()
  if (suite === undefined) return t.skip('port 443 may not be bound here, and the SDKs of back ends take no other')
  await using here = suite
  const own = certificateFor(tapeHost)
  const connectionString = (await here.keyed(device)).replace(suiteHost, tapeHost)
  await here.registry.updateTwin(device, { properties: { desired: { a: 1 } } }, '*')
  const told = await (async () => {
    await using player = await playAmqp(own)
    await using tape = await recordAmqp(own, player)
    return { seen: await runDevice('amqp', connectionString, own.cert, nobody), lines: tape.lines }
  })()
  const { host, ports, rootPem: ca } = here.hub
  await using tape = await recordAmqp(own, { host, port: ports.amqp, ca, servername: tapeHost })
  assert.deepEqual(differences(told.seen, await runDevice('amqp', connectionString, own.cert, backEndOf(here))), [])
  const linksAndMessages = (lines: readonly string[]) => [isLink, isMessage].map((is) => lines.filter(is))
  const [links = [], messages = []] = linksAndMessages(told.lines)
  const [ourLinks = [], ourMessages = []] = linksAndMessages(tape.lines)
  // Links are opened at once, in any order.
  assert.deepEqual(differences(links.toSorted(), ourLinks.toSorted()), [])
  const withoutEnd = ourMessages.map((line) => (line.startsWith('S') ? line.replace('"absolute_expiry_time":"{time}",', '') : line))
  assert.deepEqual(conversationDifferences(messages, withoutEnd), [])
  assert.equal(ourMessages.filter((line, at) => line !== withoutEnd[at]).length, 1)
})

const isLink = (line: string): boolean => line.slice(2).startsWith('attach')
const isMessage = (line: string): boolean => !isLink(line)
