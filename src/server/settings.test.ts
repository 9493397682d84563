import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { TSchema } from 'typebox'
import { defaultAdmissionLimits, defaultListenerLimits, defaultLoadBounds } from '#gateway'
import { maxRecordBytes } from '#journal'
import { effectiveJson, effectiveSettings } from './effective-settings.ts'
import { hubLimits } from './hub-limits.ts'
import { settingsPage } from './settings-page.ts'
import { type Settings, limitsSchema, settingsSchema } from './settings-schema.ts'
import { membersOf, parseSettings } from './settings.ts'

function good(text: string): Settings {
  const parsed = parseSettings(text)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
  return parsed.value
}

function problemsOf(text: string): readonly string[] {
  const parsed = parseSettings(text)
  assert.ok(!parsed.ok, 'it was taken')
  return parsed.error.problems.length === 0
    ? [`${parsed.error.code} ${parsed.error.message}`]
    : parsed.error.problems.map(({ path, message }) => `${path} ${message}`)
}

/** Every leaf of the schema with its path. */
function leaves(schema: TSchema = settingsSchema, path = ''): readonly (readonly [string, TSchema])[] {
  return [...(membersOf(schema) ?? [])].flatMap(([name, member]) => {
    const at = path === '' ? name : `${path}.${name}`
    return membersOf(member) === undefined ? [[at, member] as const] : leaves(member, at)
  })
}

/** A file with one value at `path`, as JSON, which is YAML too. */
const fileWith = (path: string, value: string): string => {
  const names = path.split('.')
  return `${names.map((name) => `{"${name}": `).join('')}${value}${'}'.repeat(names.length)}`
}

test('an empty file, a comment and empty groups say nothing, and the defaults are those of the gateway', () => {
  for (const text of ['', '# nothing\n', '{}', 'limits:\nbroker:\n  overload:\n']) {
    const limits = hubLimits(good(text))
    assert.deepEqual([limits.mqtt, limits.https], [defaultListenerLimits, defaultListenerLimits])
    assert.deepEqual([limits.admission, limits.overload], [defaultAdmissionLimits, defaultLoadBounds])
  }
})

test("a listener's own limits win over the common ones, setting by setting, inside the queue limit too", () => {
  const { mqtt, https } = hubLimits(
    good(`
limits:
  maxKeepAliveSeconds: 300
  subscriberQueueLimit: {length: 7, strategy: DropOldest}
listeners:
  https:
    limits:
      maxPacketSizeBytes: 4096
      subscriberQueueLimit: {length: 9}
`),
  )
  assert.deepEqual([mqtt.keepAliveSeconds, mqtt.queueMessages, mqtt.queueStrategy], [300, 7, 'DropOldest'])
  assert.deepEqual([https.keepAliveSeconds, https.queueMessages, https.queueStrategy], [300, 9, 'DropOldest'])
  assert.deepEqual([mqtt.maxPacketBytes, https.maxPacketBytes], [defaultListenerLimits.maxPacketBytes, 4096])
  assert.equal(https.reader.mqttConnectBytes, 4096, 'a CONNECT is no larger than any packet')
})

test('names of edge 1.2 are spelled as there', () => {
  const names = [...(membersOf(limitsSchema)?.keys() ?? [])]
  for (const name of [
    'maxSessionExpirySeconds',
    'maxMessageExpirySeconds',
    'maxPacketSizeBytes',
    'maxReceiveMaximum',
    'maxKeepAliveSeconds',
    'subscriberQueueLimit',
  ])
    assert.ok(names.includes(name), name)
  const text =
    'limits: {maxSessionExpirySeconds: 282277, maxMessageExpirySeconds: 1622, subscriberQueueLimit: {length: 1000, strategy: DropOldest}, maxReceiveMaximum: 15000, maxKeepAliveSeconds: 300}'
  assert.equal(hubLimits(good(text)).mqtt.messageExpirySeconds, 1622, 'the sample of edge 1.15 loads')
})

test('a name that is no setting is refused with its place and the one that was probably meant', () => {
  assert.deepEqual(problemsOf('limits: {maxReciveMaximum: 5}'), ['limits.maxReciveMaximum is no setting; is maxReceiveMaximum meant?'])
  assert.deepEqual(problemsOf('listener: {}'), ['listener is no setting; is listeners meant?'])
  assert.deepEqual(problemsOf('limits: {maxKeepAlive: 5}'), ['limits.maxKeepAlive is no setting; is maxKeepAliveSeconds meant?'])
  assert.deepEqual(problemsOf('colour: red'), ['colour is no setting'])
  assert.deepEqual(problemsOf('__proto__: {limits: 1}\nconstructor: 1'), ['__proto__ is no setting', 'constructor is no setting'])
})

test('everything that is wrong is told at once, up to twenty', () => {
  assert.equal(problemsOf('limits: {topicLevels: 0}\nbroker: {strangers: "many"}\nx: 1').length, 3)
  assert.equal(problemsOf(Array.from({ length: 500 }, (_, i) => `x${i}: 1`).join('\n')).length, 20)
})

test('CVE-2026-42209: no number is taken that is zero by mistake, negative, too large, no number, no whole one or text', () => {
  let numbers = 0
  for (const [path, leaf] of leaves()) {
    const [minimum, maximum]: unknown[] = [Reflect.get(leaf, 'minimum'), Reflect.get(leaf, 'maximum')]
    if (typeof minimum !== 'number' || typeof maximum !== 'number') continue
    numbers++
    const isWhole = Reflect.get(leaf, 'type') === 'integer'
    for (const edge of [minimum, maximum]) assert.ok(parseSettings(fileWith(path, String(edge))).ok, `${path}: ${edge}`)
    const bad = ['-1', '-0.5', '.nan', '.inf', '-.inf', '1e400', '"5"', '""', 'null', 'true', '[1]', '{"a": 1}', '0x', '5 seconds', '1_000']
    if (minimum > 0) bad.push('0', String(isWhole ? minimum - 1 : minimum / 2))
    bad.push(String(maximum < 2 ** 53 ? maximum + 1 : maximum * 2))
    if (isWhole) bad.push('1.5')
    for (const value of bad) {
      const [problem] = problemsOf(fileWith(path, value))
      assert.ok(problem?.includes(path) || problem?.startsWith('server/settings-malformed'), `${path}: ${value}: ${problem}`)
    }
  }
  assert.ok(numbers > 60, `${numbers} numbers`)
})

test('whatever number stands there, the limits that come out are sane', () => {
  const paths = leaves().filter(([, leaf]) => Reflect.get(leaf, 'maximum') !== undefined)
  const value = fc.oneof(fc.integer({ min: -2, max: 3 }), fc.integer(), fc.double(), fc.maxSafeInteger())
  fc.assert(
    fc.property(fc.constantFrom(...paths), value, ([path], number) => {
      const parsed = parseSettings(fileWith(path, Object.is(number, -0) ? '0' : String(number)))
      if (!parsed.ok) return
      const { mqtt, https, admission } = hubLimits(parsed.value)
      for (const { reader, ...rest } of [mqtt, https])
        for (const each of [...Object.values(reader), ...Object.values(rest)])
          assert.ok(typeof each !== 'number' || (Number.isInteger(each) && each >= 0), `${path}: ${each}`)
      assert.ok(admission.connects === undefined || admission.connects.burst >= 1)
    }),
    { numRuns: 2_000 },
  )
})

test('a message of the largest packet fits in a record of the journal', () => {
  const maximum = Number(Reflect.get(limitsSchema.properties.maxPacketSizeBytes, 'maximum'))
  assert.ok(maximum + 0xffff + 1024 <= maxRecordBytes)
})

test('a rate of 0 is no bound, and a keep alive of 0 the longest that there is', () => {
  const { admission, mqtt } = hubLimits(good('broker: {connectsPerSecond: 0, connectBurst: 5}\nlimits: {maxKeepAliveSeconds: 0}'))
  assert.deepEqual([admission.connects, mqtt.keepAliveSeconds], [undefined, 65_535])
})

test('what is no plain YAML is refused with its line', () => {
  const rows = [
    ['a: 1\n  b: 2', /Line 1, column 4/],
    ['limits:\n  topicLevels: 1\n  topicLevels: 2', /Line 3: "topicLevels" stands there twice/],
    ['limits: &x {}\nbroker: *x', /Line 1: Anchors/],
    ['limits: !!js/function "x"', /TAG|Tags/],
    ['- a\n- b', /The file must be a group of settings, not a list/],
    ['42', /The file must be a group of settings, not 42/],
    ['a: {b', /not valid YAML/],
    ['? {a: 1}\n: 2', /The name of a setting is text/],
    [`host: "${'x'.repeat(300_000)}"`, /at most 262144 bytes/],
    [`names: [${'1,'.repeat(20_000)}1]`, /not so many values/],
    ['{"limits": '.repeat(30) + '1' + '}'.repeat(30), /not so many values, or so deep/],
    ['limits: {}\n---\nlimits: {}', /MULTIPLE_DOCS/],
  ] as const
  for (const [text, wanted] of rows) assert.match(problemsOf(text).join(), wanted, text.slice(0, 40))
})

test('whatever the text, it is read or refused, in bounded time', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.json()), (text) => {
      const parsed = parseSettings(text)
      if (!parsed.ok) assert.match(parsed.error.code, /^server\/settings-/)
    }),
    { numRuns: 1_000 },
  )
  const started = performance.now()
  parseSettings(Array.from({ length: 9_000 }, (_, i) => `k${i}: {${'a'.repeat(8)}: ${i}}`).join('\n'))
  assert.ok(performance.now() - started < 5_000)
})

test('what counts is shown for each listener, with what the file said', () => {
  const settings = good('limits: {topicLevels: 5}\nlisteners: {https: {limits: {topicLevels: 6}}}')
  const shown = effectiveSettings(settings).filter(({ path }) => path.endsWith('.topicLevels') || path === 'broker.retained.messages')
  assert.deepEqual(shown, [
    { path: 'listeners.mqtt.limits.topicLevels', value: 5, given: true },
    { path: 'listeners.https.limits.topicLevels', value: 6, given: true },
    { path: 'broker.retained.messages', value: 100_000, given: false },
  ])
  // What is printed can be read again, and means the same.
  const again = good(JSON.stringify(effectiveJson(settings)))
  assert.deepEqual(hubLimits(again), hubLimits(settings))
  assert.deepEqual(effectiveJson(again), effectiveJson(settings))
})

test('every default in the schema is what the code does when nothing is said', () => {
  const all = good(JSON.stringify(effectiveJson({})))
  assert.deepEqual(hubLimits(all), hubLimits({}))
})

test('every setting has a description, and every number a unit and a range', () => {
  for (const [path, leaf] of leaves()) {
    assert.ok(Reflect.get(leaf, 'description'), path)
    if (['integer', 'number'].includes(String(Reflect.get(leaf, 'type'))))
      for (const name of ['unit', 'minimum', 'maximum']) assert.notEqual(Reflect.get(leaf, name), undefined, `${path} ${name}`)
  }
})

test('docs/settings.md is what the schema says', () => {
  assert.equal(
    readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8'),
    settingsPage(),
    'run node scripts/settings-reference.ts',
  )
})
