import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Row } from '#store'
import { type Expression, type QueryValue, compileCondition, deviceDialect, parseCondition, printProblem, valueAt } from '#wire/query'
import type { Json } from '#wire/json'
import { type QueryRow, openQueryScene } from '../../test/query-scene.ts'
import { conditionSql, filterSql } from './query-compile.ts'
import { twinRowToJson } from './query-row.ts'
import { queryRows } from './query-scan.ts'
import { type QuerySource, querySources } from './query-source.ts'
import { type Sql, TooMuchSql, sql } from './query-sql.ts'
import type { TwinObject } from './twin.ts'

const hostileNames = [
  'a',
  'b',
  'A',
  'a b',
  'é',
  '😀',
  "a'b",
  'a"b',
  'a\\b',
  '$.a',
  '][',
  'a[0]',
  '',
  '"',
  '\\',
  "'; DROP TABLE twins; --",
  'a.b',
  '?',
  '%',
  'toString',
]
const text = fc.oneof(
  fc.constantFrom('a', 'b', '', 'A', 'Applied', 'true', '1', '{"a":1}', 'null', '\uffff', '😀'),
  fc.string({ maxLength: 4 }),
)
const scalar = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(0.5, 1e300, -1e300, 4503599627370495, 0.1, 7),
  text,
  fc.boolean(),
  fc.constant(null),
)
const value: fc.Arbitrary<Json> = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  fc.dictionary(
    fc.constantFrom(...hostileNames),
    fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), fc.dictionary(fc.constantFrom('a', 'a"b'), scalar, { maxKeys: 2 })),
    { maxKeys: 3 },
  ),
)
const section: fc.Arbitrary<TwinObject> = fc.dictionary(fc.constantFrom(...hostileNames), value, { maxKeys: 5 }).map((one) => {
  const plain: unknown = JSON.parse(JSON.stringify(one))
  return isObject(plain) ? plain : {}
})

function isObject(value: unknown): value is TwinObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const row = (identity: string): fc.Arbitrary<QueryRow> =>
  fc.record({
    identity: fc.constant(identity),
    tags: section,
    desired: section,
    reported: section,
    status: fc.constantFrom('enabled' as const, 'disabled' as const),
    statusReason: fc.constantFrom(null, 'a'),
    connected: fc.boolean(),
    lastActivityAt: fc.constantFrom(null, 1_767_225_600_000, 1_767_225_600_123),
    thumbprint: fc.constantFrom(null, 'a'),
    iotEdge: fc.boolean(),
    modelId: fc.constantFrom('', 'a'),
    configurations: fc.constantFrom({}, { 'a b': { status: 'Applied' } }),
  })

const step = fc.oneof(
  fc.constantFrom(...hostileNames).map((name) => `['${name.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}']`),
  fc.constantFrom('.a', '.b', '[0]', '[1]'),
)
const attribute = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('tags', 'properties.desired', 'properties.reported'), fc.array(step, { maxLength: 3 }))
      .map(([root, steps]) => root + steps.join('')),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'deviceId',
      'moduleId',
      'status',
      'statusReason',
      'connectionState',
      'lastActivityTime',
      'statusUpdateTime',
      'authenticationType',
      'x509Thumbprint',
      'x509Thumbprint.primaryThumbprint',
      'capabilities.iotEdge',
      'capabilities',
      'deviceScope',
      'parentScopes',
      'modelId',
      'version',
      'properties',
      'properties.desired.$version',
      'properties.reported.$metadata.$lastUpdated',
      'configurations.[[a b]].status',
      'configurations',
      'deviceEtag',
      'cloudToDeviceMessageCount',
      'missing',
      'status.a',
      'deviceId[0]',
    ),
  },
)
const quoted = text.filter((one) => one.isWellFormed()).map((one) => `'${one.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`)
const constant = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    'false',
    'undefined',
    '0',
    '-1',
    '1.5',
    '1e300',
    '0.1',
    "'a'",
    "'2026-01-01'",
    "'2026-01-01T00:00:00.123Z'",
    "'enabled'",
    "['a']",
  ),
  fc.integer({ min: -3, max: 7 }).map(String),
  quoted,
)
const { condition } = fc.letrec<{ condition: string; value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    attribute,
    constant,
    attribute,
    fc.tuple(tie('value'), fc.constantFrom('+', '-', '*', '/'), tie('value')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -3, max: 3 })).map(([a, b]) => `(version + ${a}) % ${b}`),
    tie('value').map((a) => `-(${a})`),
    tie('condition').map((a) => `(${a})`),
  ),
  condition: fc.oneof(
    { depthSize: 'small' },
    fc.tuple(tie('value'), fc.constantFrom('=', '!=', '<', '<=', '>', '>='), tie('value')).map(([a, op, b]) => `${a} ${op} ${b}`),
    fc.tuple(attribute, fc.constantFrom('=', '!=', '<', '<=', '>', '>='), constant).map(([a, op, b]) => `${a} ${op} ${b}`),
    fc.tuple(tie('condition'), fc.constantFrom('AND', 'OR'), tie('condition')).map(([a, op, b]) => `(${a}) ${op} (${b})`),
    tie('condition').map((a) => `NOT (${a})`),
    fc
      .tuple(tie('value'), fc.constantFrom('IN', 'NOT IN'), fc.array(constant, { maxLength: 3 }))
      .map(([a, op, b]) => `${a} ${op} [${b.join(',')}]`),
    fc.tuple(tie('value'), attribute).map(([a, b]) => `${a} IN ${b}`),
    attribute.map((a) => `IS_DEFINED(${a})`),
    attribute,
  ),
}))

test('a condition in SQL says what the evaluator says of every row: true, false or undefined [azure-wire 5.4]', async () => {
  const sqlTruths: Record<string, number> = { true: 0, false: 0, undefined: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(...['d1', 'd2', "d'3", 'd1/m1', 'd2/$edgeAgent'].map(row)),
      fc.array(condition, { minLength: 30, maxLength: 30 }),
      async (rows, conditions) => {
        await using scene = await openQueryScene()
        await scene.put(rows)
        for (const from of ['devices', 'devices.modules'] as const) {
          const source = querySources[from]
          for (const written of conditions) {
            const parsed = parseCondition(written, deviceDialect)
            if (!parsed.ok && parsed.error.kind === 'too-costly') continue
            assert(parsed.ok, parsed.ok ? '' : `${written}: ${printProblem(parsed.error)}`)
            assert(parsed.value.where)
            const matches = compileCondition<QueryValue>(
              parsed.value.where,
              deviceDialect,
              ({ steps }) =>
                (root) =>
                  valueAt(root, steps),
            )
            const compiled = compile(parsed.value.where, source)
            if (compiled === undefined) continue
            const found = await queryRows(
              scene.store,
              sql`SELECT ${source.columns}, ${compiled.truth} AS truth, ${compiled.filter} AS filter FROM ${source.from}`,
            ).catch(tooMuch)
            for (const row of found) {
              const truth = truthOf(row)
              sqlTruths[String(truth)] = (sqlTruths[String(truth)] ?? 0) + 1
              assert.equal(row['filter'] === 1, truth === true, `${written}, as a filter`)
              assert.equal(truth, matches(twinRowToJson(row)), `${written} of ${JSON.stringify(twinRowToJson(row))}`)
            }
          }
        }
      },
    ),
    { numRuns: 25, endOnFailure: true, ...(process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) }) },
  )
  // The generator reaches all three, or it shows nothing.
  for (const count of Object.values(sqlTruths)) assert(count > 100, JSON.stringify(sqlTruths))
})

const hard: readonly (readonly [string, boolean | undefined])[] = [
  ['tags.o = tags.o', undefined],
  ['tags.list = tags.list', undefined],
  ['tags.o = null', false],
  ['tags.missing = null', undefined],
  ['tags.t = tags.one', undefined],
  ['tags.t = 1', undefined],
  ["tags.one = '1'", undefined],
  ['1 / (tags.big * tags.big) = 0', undefined],
  ['tags.big * tags.big - tags.big * tags.big = 0', undefined],
  ['tags.big * tags.big > 1', undefined],
  ['tags.seven / 2 = 3.5', true],
  ['-tags.seven % 4 = -3', true],
  ['(tags.seven + 0.5) % 2 = 1.5', true],
  ['tags.seven % 0 = 0', undefined],
  ['7 IN tags.list', true],
  ["'7' IN tags.list", false],
  ['true IN tags.list', true],
  ['1 IN tags.list', false],
  ['null IN tags.list', true],
  ['tags.o IN tags.list', undefined],
  ['tags.t IN [1]', false],
  ['tags.t', true],
  ['tags.one', undefined],
  ['tags.json = \'{"a":1}\'', true],
  ['tags.o = \'{"a":1}\'', undefined],
  ["'\uffff' < '\ud83d\ude00'", true],
  ["tags.last < '\ud83d\ude00'", true],
  ["lastActivityTime < '2000-01-01'", true],
  ["lastActivityTime = '0001-01-01T00:00:00Z'", true],
  ["statusReason != 'x'", true],
]
for (const [written, expected] of hard)
  test(`${written} is ${expected}, in SQL and out of it [azure-wire 5.4]`, async () => {
    await using scene = await openQueryScene()
    const tags = { o: { a: 1 }, json: '{"a":1}', t: true, one: 1, big: 1e300, seven: 7, list: [7, true, null], last: '\uffff' }
    await scene.put([{ identity: 'd', tags }])
    const parsed = parseCondition(written, deviceDialect)
    assert(parsed.ok && parsed.value.where !== undefined)
    const { where } = parsed.value
    const source = querySources.devices
    const [row] = await queryRows(scene.store, sql`SELECT ${source.columns}, ${conditionSql(where, source)} AS truth FROM ${source.from}`)
    assert(row)
    assert.equal(truthOf(row), expected)
    const matches = compileCondition<QueryValue>(
      where,
      deviceDialect,
      ({ steps }) =>
        (root) =>
          valueAt(root, steps),
    )
    assert.equal(matches(twinRowToJson(row)), expected)
  })

function truthOf(row: Row): boolean | undefined {
  const truth = row['truth']
  return truth === null ? undefined : truth === 1
}

/** The condition in SQL, unless it is more than we take. */
function compile(where: Expression, source: QuerySource): { readonly truth: Sql; readonly filter: Sql } | undefined {
  try {
    return { truth: conditionSql(where, source), filter: filterSql(where, source) }
  } catch (error) {
    tooMuch(error)
    return undefined
  }
}

function tooMuch(error: unknown): readonly Row[] {
  if (error instanceof TooMuchSql) return []
  throw error
}
