import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { instant } from '#base'
import { decodeRecord, encodeFact } from '#journal'
import type { Json } from '#wire/json'
import { identity } from '../../test/device-rows.ts'
import { FakeClock } from '../../test/fake-clock.ts'
import { type TwinFact, afterFact, etagNumber, isNews, newTwin, twinEtag, withoutNulls } from './twin-change.ts'
import { mergeMetadata, mergePatch } from './twin-merge.ts'
import { planChange } from './twin-plan.ts'
import { twinFactOf } from './twin-replay.ts'
import { checkTwinPart, isTwinObject } from './twin-rules.ts'
import { twinOf, twinUpdate } from './twin-rows.ts'
import type { Twin, TwinObject } from './twin.ts'

const clock = new FakeClock()
const born = newTwin(identity('pump-1'), { generationId: '7', createdAt: clock.now() })

const key = () => fc.constantFrom('a', 'b', 'c', 'deep', 'toString', 'é')
const leaf = () => fc.oneof(fc.integer(), fc.boolean(), fc.constantFrom('', 'x', 'long text'), fc.array(fc.integer(), { maxLength: 2 }))
const { tree } = fc.letrec<{ tree: TwinObject }>((tie) => ({
  tree: fc.dictionary(key(), fc.oneof({ maxDepth: 3 }, leaf(), fc.constant(null), tie('tree')), { maxKeys: 4, noNullPrototype: true }),
}))

/** RFC 7396 section 2, word by word. */
function naive(target: Json, patch: Json): Json {
  if (!isTwinObject(patch)) return patch
  const result = new Map(isTwinObject(target) ? Object.entries(target) : [])
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name)
    else result.set(name, naive(result.get(name) ?? null, value))
  }
  return Object.fromEntries(result)
}

test('a merge is that of RFC 7396, and changes nothing that was given', () =>
  fc.assert(
    fc.property(tree, tree, (base, patch) => {
      const whole = withoutNulls(base)
      const before = structuredClone([whole, patch])
      assert.deepEqual({ ...mergePatch(whole, patch) }, naive(whole, patch))
      assert.deepEqual([whole, patch], before)
    }),
    { numRuns: 2_000 },
  ))

test('metadata has a time for each property that there is, and for none that there is not', () => {
  const shape = (value: Json): Json =>
    isTwinObject(value) ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shape(inner)])) : {}
  const stripped = ({ $lastUpdated, ...rest }: TwinObject): TwinObject => {
    assert.equal(typeof $lastUpdated, 'string')
    return Object.fromEntries(Object.entries(rest).map(([name, inner]) => [name, isTwinObject(inner) ? stripped(inner) : inner]))
  }
  fc.assert(
    fc.property(fc.array(tree, { maxLength: 6 }), (patches) => {
      let properties: TwinObject = {}
      let metadata: TwinObject = { $lastUpdated: 'then' }
      for (const [n, patch] of patches.entries()) {
        properties = mergePatch(properties, patch)
        metadata = mergeMetadata(metadata, patch, { $lastUpdated: `at ${n}` })
      }
      assert.deepEqual(stripped(metadata), shape(properties))
    }),
    { numRuns: 1_000 },
  )
})

type Step =
  | { readonly kind: 'report'; readonly patch: TwinObject }
  | { readonly kind: 'change'; readonly tags: TwinObject; readonly desired: TwinObject; readonly parts: number; readonly replaces: boolean }

const step = (): fc.Arbitrary<Step> =>
  fc.oneof(
    fc.record({ kind: fc.constant('report' as const), patch: tree }),
    fc.record({
      kind: fc.constant('change' as const),
      tags: tree,
      desired: tree,
      parts: fc.integer({ min: 1, max: 3 }),
      replaces: fc.boolean(),
    }),
  )

function take(twin: Twin, given: Step): { readonly fact: TwinFact; readonly after: Twin } {
  clock.advance(10)
  if (given.kind === 'report') {
    const fact = {
      kind: 'twin-reported',
      time: clock.now(),
      device: twin.identity,
      generation: twin.generationId,
      twinVersion: twin.version + 1,
      version: twin.reported.version + 1,
      patch: given.patch,
    } as const
    return { fact, after: afterFact(twin, fact) }
  }
  const { parts, tags, desired, replaces } = given
  const change = { replaces, etag: undefined, cause: undefined, grant: undefined }
  const planned = planChange(twin, { ...change, ...(parts % 2 === 1 ? { tags } : {}), ...(parts > 1 ? { desired } : {}) }, clock)
  assert.ok(planned.ok)
  return planned.value
}

test('records read back from any row on the way lead to the live state, however often, and rows give back what they were given', () =>
  fc.assert(
    fc.property(fc.array(step(), { maxLength: 12 }), fc.nat(), (steps, from) => {
      const states = [born]
      const records: Buffer[] = []
      for (const given of steps) {
        const { fact, after } = take(states.at(-1) ?? born, given)
        records.push(encodeFact(fact))
        states.push(after)
      }
      const live = states.at(-1) ?? born
      let twin = readBack(states[from % states.length] ?? born)
      for (const bytes of [...records, ...records]) {
        const fact = twinFactOf(bytes)
        assert.ok(fact)
        if (isNews(twin, fact)) twin = afterFact(twin, fact)
      }
      assert.deepEqual(twin, readBack(live))
      assert.deepEqual([twin.version, etagNumber(twin.etag)], [2 + steps.length, 1 + steps.filter(({ kind }) => kind === 'change').length])
    }),
    { numRuns: 500 },
  ))

function readBack(twin: Twin): Twin {
  const [
    modelId,
    tags,
    desired,
    desiredMetadata,
    desiredVersion,
    reported,
    reportedMetadata,
    reportedVersion,
    version,
    etag,
    configurations,
  ] = twinUpdate(twin).args.map((value) => value ?? '')
  return twinOf(twin.identity, {
    generation_id: twin.generationId,
    model_id: modelId ?? '',
    tags: tags ?? '',
    desired: desired ?? '',
    desired_metadata: desiredMetadata ?? '',
    desired_version: desiredVersion ?? 0,
    reported: reported ?? '',
    reported_metadata: reportedMetadata ?? '',
    reported_version: reportedVersion ?? 0,
    version: version ?? 0,
    etag_number: etag ?? 0,
    configurations: configurations ?? '',
  })
}

test('a hundred thousand versions later everything still counts by one', () => {
  let twin = born
  for (let n = 0; n < 100_000; n++) {
    const fact = { kind: 'twin-reported', time: instant(n), device: 'pump-1', generation: '7', twinVersion: twin.version + 1 } as const
    twin = afterFact(twin, { ...fact, version: twin.reported.version + 1, patch: { n, [`k${n % 7}`]: n % 2 === 0 ? n : null } })
  }
  assert.deepEqual([twin.version, twin.reported.version, twin.reported.properties['n']], [100_002, 100_001, 99_999])
  assert.ok(Object.keys(twin.reported.metadata).length <= 9)
})

test('an etag is the base64 of a counter, and nothing else is a number [azure-wire 2.10]', () => {
  assert.deepEqual([twinEtag(1), twinEtag(256)], ['AAAAAAAAAAE=', 'AAAAAAAAAQA='])
  assert.deepEqual([etagNumber(twinEtag(123_456)), etagNumber('x'), etagNumber('')], [123_456, 0, 0])
})

test('any JSON is taken or refused, never thrown at', () =>
  fc.assert(
    fc.property(fc.json(), (text) => {
      const value: Json = JSON.parse(text)
      const checked = checkTwinPart('reported', value)
      if (!checked.ok) return
      const { fact, after } = take(born, { kind: 'report', patch: checked.value })
      const again = decodeRecord(encodeFact(fact))
      assert.ok(again.ok && again.value.kind === 'twin-reported')
      assert.deepEqual(JSON.stringify(afterFact(born, again.value)), JSON.stringify(after))
    }),
    { numRuns: 1_000 },
  ))
