import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { problemOf, toProblem } from '../src/api/problem.ts'
import { isFact, isSample } from '../src/api/wire.ts'
import { parseBulkLine } from '../src/lib/bulk.ts'
import { deniedDecision, summaryOf } from '../src/lib/facts.ts'
import { numericFields, toColumns } from '../src/lib/fields.ts'
import { fileNameOf } from '../src/lib/files.ts'
import { lines } from '../src/lib/lines.ts'
import { snippets } from '../src/lib/snippets.ts'
import { observationText } from '../src/lib/observation.ts'
import { tokenOf } from '../src/lib/token.ts'
import { zip } from '../src/lib/zip.ts'

test('lines do not depend on how the network cut the bytes', async () => {
  const text = '{"a":"ü"}\n\n{"b":2}\nlast'
  const whole = new TextEncoder().encode(text)
  for (let size = 1; size <= whole.length; size++) {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < whole.length; at += size) controller.enqueue(whole.slice(at, at + size))
        controller.close()
      },
    })
    const found: string[] = []
    for await (const line of lines(stream)) found.push(line)
    assert.deepEqual(found, ['{"a":"ü"}', '{"b":2}', 'last'])
  }
})

test('numbers of a JSON body are found by their path, and nothing else is', () => {
  assert.deepEqual(
    [...numericFields('{"t":21.5,"v":{"x":1,"s":"2"},"ok":true,"none":null}')],
    [
      ['t', 21.5],
      ['v.x', 1],
    ],
  )
  assert.deepEqual([...numericFields('3')], [['value', 3]])
  assert.deepEqual([...numericFields('not json')], [])
})

test('a hostile body costs a bounded look: depth and number of fields have a cap', () => {
  const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`
  assert.equal(numericFields(deep).size, 0)
  const wide = JSON.stringify(Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`f${n}`, n])))
  assert.equal(numericFields(wide).size, 32)
})

test('columns for a plot are in order of time, with gaps where a body lacked the field', () => {
  const points = [
    { time: 2000, fields: new Map([['a', 2]]) },
    { time: 1000, fields: new Map([['b', 1]]) },
  ]
  assert.deepEqual(toColumns(points, ['a', 'b']), [
    [1, 2],
    [null, 2],
    [1, null],
  ])
})

test('an archive holds every file with its CRC, readable from its directory [APPNOTE 4.3]', () => {
  const files = [
    { name: 'pump-1.key.pem', text: 'KEY' },
    { name: 'ü.pem', text: 'root\n' },
  ]
  const whole = Buffer.concat(zip(files))
  const end = whole.length - 22
  assert.equal(whole.readUInt32LE(end), 0x06054b50)
  assert.equal(whole.readUInt16LE(end + 10), 2)
  let at = whole.readUInt32LE(end + 16)
  for (const file of files) {
    assert.equal(whole.readUInt32LE(at), 0x02014b50)
    const [crc, size, nameLength, offset] = [
      whole.readUInt32LE(at + 16),
      whole.readUInt32LE(at + 24),
      whole.readUInt16LE(at + 28),
      whole.readUInt32LE(at + 42),
    ]
    assert.equal(whole.toString('utf8', at + 46, at + 46 + nameLength), file.name)
    assert.equal(whole.readUInt32LE(offset), 0x04034b50)
    const start = offset + 30 + nameLength
    assert.equal(whole.toString('utf8', start, start + size), file.text)
    assert.equal(crc, crc32(file.text))
    at += 46 + nameLength
  }
})

test('a device id becomes a file name that no system refuses', () => {
  assert.equal(fileNameOf('pump-1'), 'pump-1')
  assert.equal(fileNameOf('a:b*c?d%'), 'a_b_c_d_')
})

test('a bulk answer is read line by line, and what is strange is shown, not dropped', () => {
  assert.deepEqual(parseBulkLine('{"kind":"progress","done":5,"total":10}'), { kind: 'progress', done: 5, total: 10 })
  assert.deepEqual(parseBulkLine('{"kind":"device","device":{"id":"a"},"certificatePem":"C"}'), {
    kind: 'device',
    device: 'a',
    certificatePem: 'C',
    privateKeyPem: undefined,
  })
  assert.equal(parseBulkLine('garbage').kind, 'error')
  assert.deepEqual(parseBulkLine('{"kind":"error","line":3,"code":"hub/device-exists"}'), {
    kind: 'error',
    text: 'line 3: hub/device-exists',
  })
})

test('a refusal keeps its code and sentence; silence is told apart from a bug', () => {
  const problem = problemOf(409, { code: 'hub/device-exists', detail: 'Device a exists already.' })
  assert.deepEqual([problem.code, problem.status, problem.message], ['hub/device-exists', 409, 'Device a exists already.'])
  assert.equal(problemOf(502, '<html>').code, 'http/502')
  assert.equal(toProblem(new TypeError('Failed to fetch')).code, 'console/unreachable')
  assert.equal(toProblem(new Error('x')).code, 'console/bug')
})

test('every snippet names the host and the device, and a strange device id stays one shell word', () => {
  const device = "it's(1):*!"
  const connection = {
    host: 'hub.example',
    mqttPort: 8883,
    httpsPort: 443,
    connectionString: `HostName=hub.example;DeviceId=${device};x509=true`,
  }
  for (const snippet of snippets(device, connection)) {
    assert.ok(snippet.code.includes('hub.example'), snippet.id)
    assert.ok(snippet.code.includes('it'), snippet.id)
  }
  const shell = snippets(device, connection).find((snippet) => snippet.id === 'mosquitto')?.code ?? ''
  const words = execFileSync('sh', ['-c', shell.replace('mosquitto_pub', 'printf "%s\\n"')], { encoding: 'utf8' }).split('\n')
  assert.equal(words[words.indexOf('-i') + 1], device)
  assert.equal(words[words.indexOf('-t') + 1], `devices/${device}/messages/events/`)
})

test('a fact is told in one line, and a denial knows its decision', () => {
  const denied = {
    offset: 1,
    time: '2026-01-01T00:00:00.000Z',
    kind: 'denied',
    device: 'a',
    action: 'publish',
    topic: 'x/y',
    code: 'access/topic',
    decision: '0-1',
    count: 3,
  }
  assert.equal(summaryOf(denied), 'publish x/y · access/topic · 3 times')
  assert.deepEqual(deniedDecision(denied), { decision: '0-1', offset: 1 })
  assert.equal(deniedDecision({ offset: 1, time: '2026-01-01T00:00:00.000Z', kind: 'connected' }), undefined)
  assert.equal(summaryOf({ offset: 1, time: '2026-01-01T00:00:00.000Z', kind: 'telemetry', body: 'b'.repeat(300) }).length, 201)
})

test('a sign-in token is found in a link or alone, and nowhere else', () => {
  const token = 'A_-9'.repeat(10)
  assert.equal(tokenOf(` https://localhost:9443/sign-in#token=${token}\n`), token)
  assert.equal(tokenOf(token), token)
  for (const text of ['', 'short', 'https://localhost:9443/devices', `${token}<script>`, `x y ${token}`])
    assert.equal(tokenOf(text), undefined, text)
})

test('an observation reads as words, whatever its shape', () => {
  assert.equal(observationText('sessions', 15), '15')
  assert.match(observationText('since', 1_795_442_024_904), /^2026-11-23 /)
  assert.equal(observationText('bytes', 1_795_442_024_904), '1795442024904')
  assert.equal(observationText('refused', ['TLSv1', 'TLSv1.1']), 'TLSv1, TLSv1.1')
  assert.equal(observationText('concurrent', []), 'none')
  assert.equal(observationText('knownWeak', { count: 0, examples: [] }), 'count 0')
  assert.equal(observationText('crl', null), 'none')
  assert.equal(observationText('deep', { a: { b: { c: { d: 1 } } } }), 'a b c {"d":1}')
})

test('what a stream brings is looked at before it is believed', () => {
  assert.ok(isFact({ offset: 1, time: '2026-01-01T00:00:00.000Z', kind: 'telemetry' }))
  for (const value of [null, 1, 'x', [], {}, { offset: '1', time: '', kind: '' }, { offset: 1, time: 5, kind: 'x' }])
    assert.equal(isFact(value), false)
  const sample = {
    time: 't',
    messagesIn: 1,
    messagesOut: 1,
    bytesIn: 1,
    connections: 1,
    denied: 0,
    refused: 0,
    pendingBytes: 0,
    flushMs: 0.5,
  }
  assert.ok(isSample(sample))
  assert.equal(isSample({ ...sample, flushMs: '0.5' }), false)
})
