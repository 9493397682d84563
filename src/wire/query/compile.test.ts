import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Dialect,
  type QueryValue,
  compileCondition,
  deviceDialect,
  parseCondition,
  printProblem,
  routeDialect,
  valueAt,
} from './index.ts'
import { compareText } from './value.ts'

function evaluate(text: string, subject: QueryValue, dialect: Dialect = routeDialect): boolean | undefined {
  const condition = parseCondition(text, dialect)
  assert(condition.ok, condition.ok ? '' : `${text}: ${printProblem(condition.error)}`)
  return compileCondition<QueryValue>(
    condition.value.where,
    dialect,
    ({ steps }) =>
      (root) =>
        valueAt(root, steps),
  )(subject)
}

const subject = { n: 5, s: 'abc', t: true, z: null, o: { a: [1, 'x', null], b: {} }, $enqueuedTime: '2026-01-01T10:00:00.5Z', num: '12.5' }

const table: readonly (readonly [string, boolean | undefined])[] = [
  ['n = 5', true],
  ['5 = n', true],
  ['n <> 5', false],
  ["n = '5'", undefined],
  ["NOT n = '5'", undefined],
  ['missing = 5', undefined],
  ['NOT missing = 5', undefined],
  ['missing != null', undefined],
  ['missing = undefined', undefined],
  ['z = null', true],
  ['n = null', false],
  ['n != null', true],
  ['o.b != null', true],
  ['o = o', undefined],
  ['o.a = o.a', undefined],
  ['z < 1', undefined],
  ['t', true],
  ['NOT t', false],
  ['n', undefined],
  ['s', undefined],
  ['t = true AND n > 4', true],
  ['missing = 1 AND n = 4', false],
  ['missing = 1 AND n = 5', undefined],
  ['missing = 1 OR n = 5', true],
  ['missing = 1 OR n = 4', undefined],
  ['(n = 5) = true', true],
  ['n IN [1, 5]', true],
  ['n NOT IN [1, 5]', false],
  ['n NIN [1, 5]', false],
  ['n NOT NIN [1, 5]', true],
  ["n IN ['5']", false],
  ['missing IN [1]', undefined],
  ['z IN [null]', true],
  ['n IN []', false],
  ['1 IN o.a', true],
  ['2 IN o.a', false],
  ['1 IN o', undefined],
  ['n + 1 = 6 AND n - 1 = 4 AND n * 2 = 10 AND n / 2 = 2.5 AND n % 3 = 2', true],
  ['n / 0 = 1', undefined],
  ['n + s = 1', undefined],
  ['-n = -5 AND - -5 = n', true],
  ['1 + 2 * 3 = 7 AND (1 + 2) * 3 = 9 AND 10 - 3 - 2 = 5', true],
  ["o.a[1] = 'x'", true],
  ['o.a[9] = 1', undefined],
  ["o['a'][0] = 1", true],
  ['is_defined(n) AND NOT IS_DEFINED(missing)', true],
  ['IS_NULL(z) AND NOT IS_NULL(missing) AND IS_BOOL(t) AND IS_NUMBER(n) AND IS_STRING(s) AND IS_OBJECT(o) AND IS_ARRAY(o.a)', true],
  ['IS_PRIMITIVE(z) AND NOT IS_PRIMITIVE(o) AND NOT IS_PRIMITIVE(missing) AND NOT IS_OBJECT(o.a)', true],
  ["STARTS_WITH(s, 'ab') AND ENDS_WITH(s, 'c') AND CONTAINS(s, 'b') AND INDEX_OF(s, 'c') = 2 AND INDEX_OF(s, 'z') = -1", true],
  ["STARTS_WITH(n, 'ab')", undefined],
  ["CONCAT(s, 'd') = 'abcd' AND LENGTH(s) = 3 AND UPPER(s) = 'ABC' AND LOWER('AB') = 'ab'", true],
  ["SUBSTRING(s, 1) = 'bc' AND SUBSTRING(s, 1, 1) = 'b'", true],
  ["SUBSTRING(s, -1) = 'c'", undefined],
  ['AS_NUMBER(num) > 12 AND AS_NUMBER(n) = 5', true],
  ['AS_NUMBER(s) > 1', undefined],
  ['ABS(-2) = 2 AND SQUARE(3) = 9 AND CEILING(1.2) = 2 AND FLOOR(1.8) = 1 AND SIGN(-3) = -1 AND SQRT(9) = 3 AND POWER(2, 3) = 8', true],
  ['EXP(0) = 1', true],
  ['SQRT(-1) = 1', undefined],
  ['EXP(10000) > 1', undefined],
  ["$enqueuedTime = '2026-01-01T11:00:00.500+01:00'", true],
  ["$enqueuedTime > '2026-01-01T10:00:00Z' AND '2026-01-02' > $enqueuedTime", true],
  ["s = 'abc\\u0000'", false],
  ["s < 'abd' AND s > 'ABC'", true],
  ['', true],
]
for (const [text, expected] of table)
  test(`${text === '' ? 'nothing' : text} is ${expected} [azure-wire 5.4, 9.3]`, () => assert.equal(evaluate(text, subject), expected))

test('names of prototypes are names like any other [CVE-2019-10744]', () => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty'])
    assert.equal(
      evaluate(`IS_DEFINED(${name}) OR IS_DEFINED(o.${name}) OR IS_DEFINED(o.a.${name}) OR IS_DEFINED(s.${name})`, subject),
      false,
    )
})

test('texts are ordered by code point', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) =>
      assert.equal(Math.sign(compareText(a, b)), Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)))),
    ),
  )
})

test('a function cannot be made to build texts without end', () => {
  const long = 'x'.repeat(200_000)
  assert.equal(evaluate(`LENGTH(CONCAT(${Array.from({ length: 200 }, () => 's').join(',')})) > 1`, { s: long }), undefined)
})

const names = ['n', 's', 't', 'z', 'o.a', 'o.b', 'missing', 'o.a[0]']
const constant = fc.oneof(
  fc.constantFrom('null', 'true', 'false', 'undefined', '0', '-1', '1.5', "'a'", "''", "['a', 1]"),
  fc.integer().map(String),
)
const { expression } = fc.letrec<{ expression: string; value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(...names),
    constant,
    fc.tuple(tie('value'), fc.constantFrom('+', '-', '*', '/', '%'), tie('value')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(fc.constantFrom('IS_DEFINED', 'LENGTH', 'ABS', 'SQRT', 'AS_NUMBER', 'UPPER'), tie('value')).map(([f, a]) => `${f}(${a})`),
    tie('value').map((a) => `-(${a})`),
  ),
  expression: fc.oneof(
    { depthSize: 'small' },
    fc.tuple(tie('value'), fc.constantFrom('=', '!=', '<>', '<', '<=', '>', '>='), tie('value')).map(([a, op, b]) => `${a} ${op} ${b}`),
    fc.tuple(tie('expression'), fc.constantFrom('AND', 'OR'), tie('expression')).map(([a, op, b]) => `(${a}) ${op} (${b})`),
    tie('expression').map((a) => `NOT (${a})`),
    fc.tuple(tie('value'), constant).map(([a, b]) => `${a} IN [${b}]`),
    tie('value'),
  ),
}))

test('every condition has one of three answers, and NOT NOT changes nothing', () => {
  fc.assert(
    fc.property(expression, fc.dictionary(fc.constantFrom('n', 's', 't', 'o'), fc.jsonValue()), (text, root) => {
      const value: QueryValue = JSON.parse(JSON.stringify(root))
      for (const one of [subject, value]) {
        const truth = evaluate(text, one)
        assert(truth === true || truth === false || truth === undefined)
        assert.equal(evaluate(`NOT (NOT (${text}))`, one), truth)
        assert.equal(evaluate(`(${text}) AND true`, one), truth)
        assert.equal(evaluate(`(${text}) OR false`, one), truth)
      }
    }),
  )
})

test('a device query has fewer functions and no hyphens [azure-wire 5.4]', () => {
  assert.equal(evaluate('IS_DEFINED(n) AND n-1 = 4', subject, deviceDialect), true)
  assert.equal(evaluate("lastActivityTime >= '2026-01-01'", { lastActivityTime: '2026-01-01T00:00:00.000Z' }, deviceDialect), true)
})
