import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceDialect, parseCondition, parseQuery, printProblem, queryLimits, routeDialect } from './index.ts'

const taken: readonly (readonly [string, object])[] = [
  ['SELECT * FROM devices', { select: '*', from: 'devices', where: undefined }],
  ['select * from devices.modules', { from: 'devices.modules' }],
  ["SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = 'a'", { from: 'devices.jobs' }],
  ['SELECT TOP 5 * FROM devices d WHERE d.tags.x = 1', { top: 5 }],
  ['SELECT deviceId, tags.[[a b]].c AS x FROM devices', { from: 'devices' }],
  ['SELECT COUNT() AS n, status FROM devices GROUP BY status', { from: 'devices' }],
  ['SELECT count(*) FROM devices', { from: 'devices' }],
  ["SELECT * FROM devices WHERE tags.x IN ['a', 'b'] AND NOT (tags.y NIN [1, -2, 0x1F, 1.5e3])", { from: 'devices' }],
  ["SELECT * FROM devices WHERE configurations.[[rollout-1]].status = 'Applied'", { from: 'devices' }],
  ["SELECT * FROM devices WHERE properties.reported['a.b'][0] <> null OR is_defined(tags.z)", { from: 'devices' }],
]
for (const [text, part] of taken)
  test(`takes ${text} [azure-wire 5.4]`, () => {
    const query = parseQuery(text)
    assert(query.ok, query.ok ? '' : printProblem(query.error))
    assert.partialDeepStrictEqual(query.value, part)
  })

const refused: readonly (readonly [string, string, RegExp])[] = [
  ['', 'malformed', /column 1: expected SELECT/],
  ['SELECT * FROM', 'malformed', /reads FROM devices/],
  ['SELECT * FROM devices WHERE', 'malformed', /column 28: expected a value, found the end/],
  ['SELECT * FROM devices\nWHERE tags.x == 1', 'malformed', /Line 2, column 15: .*written =, once/],
  ["SELECT * FROM devices WHERE tags.x LIKE 'a'", 'malformed', /LIKE is not part/],
  ["SELECT * FROM devices WHERE tags.x = 'a", 'malformed', /column 38: a string is not closed/],
  ['SELECT * FROM devices WHERE tags.x = 1 ORDER BY deviceId', 'unsupported', /ORDER is not served/],
  ['SELECT * FROM devices JOIN d IN devices', 'unsupported', /JOIN/],
  ['SELECT * FROM devices WHERE tags.x = (SELECT 1)', 'malformed', /found 'SELECT'/],
  ['SELECT * FROM devices.streams', 'unsupported', /no source devices.streams/],
  ['SELECT TOP 5 status, COUNT() FROM devices GROUP BY status', 'unsupported', /TOP/],
  ['SELECT TOP 0 * FROM devices', 'malformed', /whole number/],
  ['SELECT status, COUNT() FROM devices', 'unsupported', /not in GROUP BY/],
  ['SELECT deviceId FROM devices.jobs', 'unsupported', /SELECT \* only/],
  ["SELECT * FROM devices WHERE STARTS_WITH(deviceId, 'a')", 'unsupported', /knows IS_DEFINED/],
  ['SELECT * FROM devices WHERE sleep(5)', 'malformed', /no function 'sleep'/],
  ['SELECT * FROM devices WHERE IS_DEFINED(a, b)', 'malformed', /takes 1 values, not 2/],
  ['SELECT * FROM devices; DROP TABLE devices', 'malformed', /';' does not belong here/],
  ['SELECT * FROM devices -- x', 'malformed', /found '-'/],
  ['SELECT * FROM devices WHERE 1e999 = 1', 'malformed', /too large/],
  ["SELECT * FROM devices WHERE tags.x = '\\ud800'", 'malformed', /half a character/],
  ["SELECT * FROM devices WHERE tags.x = '\\q'", 'malformed', /escape/],
  ['SELECT a AS __proto__ FROM devices', 'unsupported', /this name/],
  ['SELECT * FROM devices WHERE a = 1 = 1', 'malformed', /do not follow/],
]
for (const [text, kind, message] of refused)
  test(`refuses ${text === '' ? 'nothing' : text} [azure-wire 5.4]`, () => {
    const query = parseQuery(text)
    assert(!query.ok)
    assert.equal(query.error.kind, kind)
    assert.match(printProblem(query.error), message)
  })

test('refuses what is too long, too deep, too much, whatever it is made of', () => {
  const hostile = [
    `SELECT * FROM devices WHERE ${'('.repeat(4_000)}`,
    `SELECT * FROM devices WHERE ${'NOT '.repeat(2_000)} a`,
    `SELECT * FROM devices WHERE ${'-'.repeat(8_000)}1`,
    `SELECT * FROM devices WHERE a = ${'1+'.repeat(3_000)}1`,
    `SELECT * FROM devices WHERE a IN ${'['.repeat(4_000)}`,
    `SELECT * FROM devices WHERE a IN [${'1,'.repeat(3_000)}1]`,
    `SELECT * FROM devices WHERE ${'a OR '.repeat(1_500)}a`,
    `SELECT * FROM devices WHERE a${'.b'.repeat(100)} = 1`,
    `SELECT ${'a,'.repeat(100)}a FROM devices`,
    `SELECT * FROM devices WHERE a = '${'x'.repeat(queryLimits.textBytes)}'`,
    `SELECT * FROM devices WHERE a = '${'é'.repeat(queryLimits.textBytes / 2)}'`,
  ]
  for (const text of hostile) {
    const query = parseQuery(text)
    assert(!query.ok)
    assert.equal(query.error.kind, 'too-costly', `${text.slice(0, 60)}: ${printProblem(query.error)}`)
  }
})

test('an alias and the name of the source do not count as steps of an attribute [azure-wire 5.4]', () => {
  for (const text of [
    'SELECT m.tags.x FROM devices.modules m',
    'SELECT devices.modules.tags.x FROM devices.modules',
    'SELECT devices.tags.x FROM devices.modules',
    'SELECT tags.x FROM devices',
  ]) {
    const query = parseQuery(text)
    assert(query.ok && query.value.select !== '*')
    const [item] = query.value.select
    assert(item?.path)
    assert.deepEqual(item.path.steps, ['tags', 'x'])
    assert.equal(item.name, 'x')
  }
})

test('a condition may be empty, a star, or begin with its source', () => {
  for (const text of ['', ' ', '*'])
    assert.deepEqual(parseCondition(text, deviceDialect), { ok: true, value: { from: undefined, where: undefined } })
  const modules = parseCondition("from devices.modules where tags.x = 'a'", deviceDialect)
  assert(modules.ok)
  assert.equal(modules.value.from, 'devices.modules')
  assert(!parseCondition('* AND a', deviceDialect).ok)
  assert(!parseCondition("FROM devices WHERE x = 'a'", routeDialect).ok)
})

test('names of message properties may hold hyphens, and braces make a property of any name [azure-wire 9.2]', () => {
  const hyphen = parseCondition("processing-path = 'hot' AND {$body} = 'x' AND $dt-subject = 'y' AND $body.a-1 = 2", routeDialect)
  assert(hyphen.ok && hyphen.value.where?.kind === 'and')
  const paths = hyphen.value.where.operands.map((one) =>
    one.kind === 'compare' && one.left.kind === 'attribute' ? one.left.path : undefined,
  )
  assert.deepEqual(paths[0]?.steps, ['processing-path'])
  assert.partialDeepStrictEqual(paths[1], { steps: ['$body'], isProperty: true })
  assert.deepEqual(paths[2]?.steps, ['$dt-subject'])
  assert.equal(paths[3], undefined)
})
