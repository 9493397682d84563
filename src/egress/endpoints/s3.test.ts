import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Server, createServer } from 'node:https'
import { after, before, describe, test } from 'node:test'
import { type TestTls, freePort, makeTls, never, openFolder, testEvents, testPorts } from '../../../test/endpoint-scene.ts'
import { parseS3 } from './s3.ts'
import { s3Kind } from './s3.io.ts'

const good = { url: 'https://s3.eu-central-1.amazonaws.com', bucket: 'plant-events', accessKeyId: 'AKIDEXAMPLE', accessKeySecret: 'k' }
const secretKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'

describe('settings of an s3 endpoint', () => {
  test('are read', () => {
    const parsed = parseS3(good)
    assert.ok(parsed.ok)
    assert.equal(parsed.value.region, 'us-east-1')
  })
  for (const [what, change, problem] of [
    ['plain HTTP', { url: 'http://s3.example.com' }, /no https URL/],
    ['credentials in the URL', { url: 'https://a:b@s3.example.com' }, /no https URL/],
    ['a bucket that leaves its place', { bucket: '../x' }, /bucket has/],
    ['a key in place of its name', { accessKeySecret: secretKey }, /does not name a secret/],
    ['a setting that nobody knows', { acl: 'public-read' }, /acl is unknown/],
  ] as const)
    test(`refuse ${what}`, () => {
      const parsed = parseS3({ ...good, ...change })
      assert.ok(!parsed.ok)
      assert.match(parsed.error.message, problem)
      assert.ok(!parsed.error.message.includes(secretKey))
    })
})

/** Why S3 would refuse an upload: Signature Version 4 computed anew from its description, every header that is signed as it arrived. Undefined: it would not. */
function problemOf(request: IncomingMessage, body: Buffer): string | undefined {
  const hash = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')
  const mac = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text).digest()
  const [, id, day, region, signed = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    ) ?? []
  if (id !== 'AKIDEXAMPLE' || region !== 'eu-test-1') return 'InvalidAccessKeyId'
  const names = signed.split(';')
  for (const name of ['host', 'x-amz-content-sha256', 'x-amz-date']) if (!names.includes(name)) return 'AccessDenied'
  if (request.headers['x-amz-content-sha256'] !== hash(body)) return 'XAmzContentSHA256Mismatch'
  const date = String(request.headers['x-amz-date'])
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (!date.startsWith(String(day)) || !(Math.abs(at - Date.now()) < 900_000)) return 'RequestTimeTooSkewed'
  const canonical = [
    request.method,
    request.url,
    '',
    ...names.map((name) => `${name}:${String(request.headers[name]).trim().replace(/ +/g, ' ')}`),
    '',
    signed,
    hash(body),
  ].join('\n')
  const key = [String(day), region, 's3', 'aws4_request'].reduce<Buffer | string>((held, part) => mac(held, part), `AWS4${secretKey}`)
  const expected = mac(key, `AWS4-HMAC-SHA256\n${date}\n${day}/${region}/s3/aws4_request\n${hash(canonical)}`).toString('hex')
  return expected === signature ? undefined : 'SignatureDoesNotMatch'
}

describe('against a store that verifies Signature Version 4', () => {
  const folder = openFolder()
  const objects = new Map<string, readonly number[]>()
  let tls: TestTls
  let port: number
  let server: Server
  let answer: { readonly status: number; readonly headers: Record<string, string> } | undefined

  const start = () =>
    new Promise<void>((resolve) => {
      server = createServer({ cert: tls.server.cert, key: tls.server.key }, (request, response) => {
        const chunks: Buffer[] = []
        request.on('data', (chunk: Buffer) => chunks.push(chunk))
        request.on('end', () => {
          const body = Buffer.concat(chunks)
          const problem = request.method === 'PUT' ? problemOf(request, body) : 'MethodNotAllowed'
          if (answer !== undefined) return response.writeHead(answer.status, answer.headers).end()
          if (problem !== undefined) return response.writeHead(403).end(`<Error><Code>${problem}</Code></Error>`)
          const lines = body.toString('utf8').trimEnd().split('\n')
          const offsets = lines.map((line) => {
            const { offset }: { offset: number } = JSON.parse(line)
            return offset
          })
          objects.set(request.url ?? '', offsets)
          return response.writeHead(200).end()
        })
      }).listen(port, '127.0.0.1', resolve)
    })
  const stop = () =>
    new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })

  before(async () => {
    tls = makeTls(folder.path)
    port = await freePort()
    await start()
  })
  after(async () => {
    await stop()
    folder[Symbol.dispose]()
  })

  async function open(change: Readonly<Record<string, unknown>> = {}, key = secretKey, mayReach = true) {
    const parsed = s3Kind.parse({ ...good, url: `https://localhost:${port}`, region: 'eu-test-1', ca: tls.ca, ...change })
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
    return s3Kind.open(
      'objects',
      parsed.value,
      testPorts({ k: key }, () => mayReach),
    )
  }

  test('a batch becomes an object, and the same batch with more events replaces it', async () => {
    await using sink = await open({ prefix: 'a/' })
    for (const [first, count] of [
      [1, 3],
      [1, 5],
      [6, 2],
    ] as const)
      assert.deepEqual(await sink.deliver(testEvents(first, count), never), { kind: 'ok' })
    assert.deepEqual(
      [...objects],
      [
        ['/plant-events/a/objects/2026/11/23/0000000000000001.jsonl', [1, 2, 3, 4, 5]],
        ['/plant-events/a/objects/2026/11/23/0000000000000006.jsonl', [6, 7]],
      ],
    )
  })

  test('a store that goes away and comes back is tried again', async () => {
    await using sink = await open({ prefix: 'outage/' })
    assert.deepEqual(await sink.deliver(testEvents(1, 2), never), { kind: 'ok' })
    await stop()
    assert.equal((await sink.deliver(testEvents(3, 2), never)).kind, 'retry')
    await start()
    assert.deepEqual(await sink.deliver(testEvents(3, 2), never), { kind: 'ok' })
    assert.deepEqual(
      [...objects].flatMap(([name, offsets]) => (name.includes('/outage/') ? offsets : [])),
      [1, 2, 3, 4],
    )
  })

  test('a store that is busy says when; one that sends us elsewhere is not followed', async (t) => {
    t.after(() => (answer = undefined))
    await using sink = await open()
    answer = { status: 503, headers: { 'retry-after': '3' } }
    assert.deepEqual(await sink.deliver(testEvents(1, 1), never), { kind: 'retry', reason: 'the store answered 503', afterMs: 3_000 })
    answer = { status: 307, headers: { location: 'https://169.254.169.254/' } }
    assert.deepEqual(await sink.deliver(testEvents(1, 1), never), { kind: 'retry', reason: 'the store answered 307' })
  })

  for (const [what, change, key, mayReach, reason] of [
    ['a wrong key', {}, 'wrong', true, /403 SignatureDoesNotMatch/],
    ['another region', { region: 'eu-test-2' }, secretKey, true, /403 InvalidAccessKeyId/],
    ['a store of an unknown authority', { ca: undefined }, secretKey, true, /certificate/],
    ['an address that nobody allowed', {}, secretKey, false, /private/],
  ] as const)
    test(`waits: ${what}`, async () => {
      await using sink = await open(change, key, mayReach)
      const delivered = await sink.deliver(testEvents(1, 1), never)
      assert.ok(delivered.kind === 'retry')
      assert.match(delivered.reason, reason)
    })
})
