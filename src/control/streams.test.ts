import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { test } from 'node:test'
import { encodeTelemetry } from '#journal'
import { type ControlScene, openControlScene } from '../../test/control-scene.ts'
import { streamLimits } from './outlet.io.ts'

/** A stream that never says what is waited for must fail the test, not hold up all others. */
const within = { timeout: 60_000 }

type Event = { readonly id?: string; readonly event?: string; readonly data?: unknown }

/** A reader of server-sent events. `next` waits for one; comments are counted. */
class Reader {
  readonly status: number
  readonly #response: IncomingMessage
  readonly #events: Event[] = []
  #text = ''
  #wake = () => {}
  comments = 0
  over = false

  constructor(response: IncomingMessage) {
    this.status = response.statusCode ?? 0
    this.#response = response
    response.setEncoding('utf8')
    response.on('data', (text: string) => this.#take(text))
    for (const name of ['end', 'close', 'error']) response.on(name, () => this.#end())
  }

  static open(scene: ControlScene, path: string, headers: Record<string, string> = {}): Promise<Reader> {
    return new Promise((resolve, reject) => {
      const { agent, port, host, bearer } = scene
      const all = { host, ...(headers['cookie'] === undefined ? { authorization: bearer } : {}), ...headers }
      const request = httpsRequest({ agent, host: '127.0.0.1', port, path, headers: all }, (response) => resolve(new Reader(response)))
      request.on('error', reject)
      request.end()
    })
  }

  async next(): Promise<Event | undefined> {
    while (this.#events.length === 0 && !this.over) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.#events.shift()
  }

  async rest(): Promise<readonly Event[]> {
    const all: Event[] = []
    for (let one = await this.next(); one !== undefined; one = await this.next()) all.push(one)
    return all
  }

  /** Resolves when `count` comments have come. */
  async heard(count: number): Promise<void> {
    while (this.comments < count && !this.over) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  pause(): void {
    this.#response.pause()
  }

  close(): void {
    this.#response.destroy()
  }

  #take(text: string): void {
    this.#text += text
    for (let at = this.#text.indexOf('\n\n'); at >= 0; at = this.#text.indexOf('\n\n')) {
      const block = this.#text.slice(0, at)
      this.#text = this.#text.slice(at + 2)
      if (block.startsWith(':')) this.comments++
      else {
        const fields = block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const)
        const { id, event, data }: { id?: string; event?: string; data?: string } = Object.fromEntries(fields)
        this.#events.push({
          ...(id === undefined ? {} : { id }),
          ...(event === undefined ? {} : { event }),
          data: JSON.parse(data ?? 'null'),
        })
      }
    }
    this.#wake()
  }

  #end(): void {
    this.over = true
    this.#wake()
  }
}

function say(scene: ControlScene, device: string, body: string | Buffer): void {
  scene.journal.append(
    encodeTelemetry({
      kind: 'telemetry',
      device,
      auth: '{}',
      generation: '1',
      connection: 'c',
      transport: 'mqtts',
      time: scene.clock.now(),
      topic: `devices/${device}/messages/events/a=1&%24.ct=x`,
      qos: 1,
      retain: false,
      dup: false,
      mqttVersion: 4,
      properties: Buffer.alloc(0),
      body: Buffer.from(body),
    }),
  )
}

const bodyOf = (event: Event | undefined) => Object(event?.data).body

test('events from the start up to now end by themselves, in order, with offsets as ids', within, async () => {
  await using scene = await openControlScene()
  for (let i = 0; i < 1_200; i++) say(scene, i % 3 === 0 ? 'a' : 'b', String(i))
  await scene.journal.flushed()
  const reader = await Reader.open(scene, '/api/v1/events?from=start&until=end')
  say(scene, 'a', 'after the question')
  const events = await reader.rest()
  assert.deepEqual(
    events.slice(0, -1).map(bodyOf),
    Array.from({ length: 1_200 }, (_, i) => String(i)),
  )
  assert.deepEqual(
    events.slice(0, -1).map((one) => one.id),
    Array.from({ length: 1_200 }, (_, i) => String(i)),
  )
  assert.deepEqual(events.at(-1), { event: 'end', data: { next: 1_200 } })
  assert.deepEqual(Object(events[0]?.data).properties, { a: '1' })
})

test('one device or one kind can be followed; a reader that comes back goes on after what it saw', within, async () => {
  await using scene = await openControlScene()
  for (const [device, body] of [
    ['a', '0'],
    ['b', '1'],
    ['a', '2'],
  ] as const)
    say(scene, device, body)
  scene.ports.tell({ kind: 'device-created', time: scene.clock.now(), device: 'a', actor: 'operator:owner' })
  await scene.journal.flushed()
  const ask = async (query: string, headers = {}) =>
    (await (await Reader.open(scene, `/api/v1/events?until=end&${query}`, headers)).rest()).slice(0, -1)
  assert.deepEqual((await ask('from=start&device=a&kind=telemetry')).map(bodyOf), ['0', '2'])
  assert.deepEqual(
    (await ask('from=start&kind=device-created')).map((one) => one.id),
    ['3'],
  )
  assert.deepEqual((await ask('from=1&kind=telemetry')).map(bodyOf), ['1', '2'])
  assert.deepEqual((await ask('from=now')).length, 0)
  assert.deepEqual(
    (await ask('from=start', { 'last-event-id': '1' })).map((one) => one.id),
    ['2', '3'],
  )
  const bad = await scene.local('/api/v1/events', { headers: { 'last-event-id': '1; x' } })
  assert.equal(bad.status, 400)
  for (const from of ['yesterday', '-1', '1.5', '']) assert.equal((await scene.local(`/api/v1/events?from=${from}`)).status, 400, from)
})

test('a stream shows what becomes durable after it was opened, and beats when nothing does', within, async () => {
  await using scene = await openControlScene()
  const reader = await Reader.open(scene, '/api/v1/events')
  await reader.heard(1)
  say(scene, 'a', 'live')
  assert.equal(bodyOf(await reader.next()), 'live')
  scene.clock.advance(15_000)
  await reader.heard(2)
  say(scene, 'a', 'again')
  assert.equal(bodyOf(await reader.next()), 'again')
  reader.close()
})

test('the live stream gives the last two minutes at once, then each second', within, async () => {
  await using scene = await openControlScene()
  for (let i = 0; i < 130; i++) {
    scene.counters.messagesIn += 10
    scene.clock.advance(1_000)
  }
  const reader = await Reader.open(scene, '/api/v1/live')
  for (let i = 0; i < 120; i++) assert.equal(Object((await reader.next())?.data).messagesIn, 10)
  scene.counters.messagesIn += 77
  scene.clock.advance(1_000)
  const one = await reader.next()
  assert.deepEqual([one?.event, Object(one?.data).messagesIn], ['sample', 77])
  reader.close()
})

test('a stream ends when its session does: by sign-out, and by time', within, async () => {
  await using scene = await openControlScene()
  const { cookie, csrf } = await scene.signIn()
  const reader = await Reader.open(scene, '/api/v1/events', { cookie })
  await reader.heard(1)
  await scene.ask('/api/v1/sign-out', { method: 'POST', headers: { cookie, 'x-thingwall-csrf': csrf } })
  say(scene, 'a', 'not for those who left')
  assert.deepEqual(await reader.rest(), [])
  const quiet = await scene.signIn()
  const silent = await Reader.open(scene, '/api/v1/events', { cookie: quiet.cookie })
  await silent.heard(1)
  await scene.operators.signOut(/=(.*)$/.exec(quiet.cookie)?.[1] ?? '')
  scene.clock.advance(streamLimits.identityCheckMs)
  assert.deepEqual(await silent.rest(), [], 'though nothing was written')
  const second = await scene.signIn()
  const late = await Reader.open(scene, '/api/v1/live', { cookie: second.cookie })
  await late.next()
  scene.clock.advance(60 * 60_000)
  await late.rest()
  assert.equal(late.over, true)
})

test('a reader that takes nothing costs one buffer, and is dropped after its time', within, async () => {
  await using scene = await openControlScene()
  const body = Buffer.alloc(60_000, 'x')
  const wholeMb = 40
  for (let i = 0; i < (wholeMb * 1024 * 1024) / body.length; i++) {
    say(scene, 'a', body)
    if (i % 100 === 0) await scene.journal.flushed()
  }
  await scene.journal.flushed()
  const reader = await Reader.open(scene, '/api/v1/events?from=start')
  reader.pause()
  await turnsUntil(() => pendingBytes(scene) > 0)
  const held = pendingBytes(scene)
  assert.ok(held < 4 * 1024 * 1024, `${held} bytes wait for a reader that takes nothing`)
  scene.clock.advance(streamLimits.stallMs)
  await turnsUntil(() => scene.troubles.length > 0)
  assert.deepEqual(scene.troubles, ['too-slow'])
  assert.equal((await scene.ask('/healthz')).status, 200)
  reader.close()
})

test('streams are limited in number, and the next one is told so', within, async () => {
  await using scene = await openControlScene()
  const readers: Reader[] = []
  for (let i = 0; i < streamLimits.open; i++) readers.push(await Reader.open(scene, '/api/v1/events'))
  assert.equal(
    readers.every((reader) => reader.status === 200),
    true,
  )
  const one = await scene.local('/api/v1/events')
  assert.deepEqual([one.status, Object(one.json).code], [503, 'control/too-many-streams'])
  for (const reader of readers) reader.close()
  await turnsUntil(async () => (await scene.local('/api/v1/events?until=end')).status === 200)
})

test('a timeline looks back a bounded way and says where to go on', within, async () => {
  await using scene = await openControlScene()
  for (let i = 0; i < 10; i++) say(scene, 'quiet', `early ${i}`)
  for (let i = 0; i < 25_000; i++) say(scene, 'noisy', 'x')
  say(scene, 'quiet', 'late')
  await scene.journal.flushed()
  const page = async (query: string): Promise<{ facts: { body: string }[]; complete: boolean; next: number | null }> =>
    Object((await scene.local(`/api/v1/devices/quiet/timeline?${query}`)).json)
  const first = await page('limit=5')
  assert.deepEqual([first.facts.map((one) => one.body), first.complete], [['late'], false])
  const second = await page(`limit=5&before=${first.next}`)
  assert.deepEqual([second.facts.map((one) => one.body), second.complete], [['early 9', 'early 8', 'early 7', 'early 6', 'early 5'], false])
  const third = await page(`limit=50&before=${second.next}`)
  assert.deepEqual(
    [third.facts.map((one) => one.body), third.complete, third.next],
    [['early 4', 'early 3', 'early 2', 'early 1', 'early 0'], true, null],
  )
})

function pendingBytes(scene: ControlScene): number {
  return scene.responses().reduce((sum, response) => sum + response.writableLength, 0)
}

async function turnsUntil(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 2_000 && !(await done()); i++) await new Promise<void>((resolve) => void setImmediate(resolve))
}
