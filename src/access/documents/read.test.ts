import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documentLimits, readDocuments } from './read.ts'

const head = 'apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerAuthentication\nmetadata: {name: plant}\n'
const said = (text: string) => {
  const read = readDocuments(text)
  return read.ok ? 'ok' : `${read.error.code} ${read.error.message}`
}

test('several documents in one text, as YAML and as JSON; empty ones do not count', () => {
  const json = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'client-ca' }, data: { 'a.pem': 'x' } })
  const read = readDocuments(`# nothing\n---\n${head}spec: {a: [1, true, null, "text"]}\n---\n${json}\n`)
  assert.ok(read.ok)
  assert.deepEqual(
    read.value.map(({ index, fields }) => [index, fields.get('kind')]),
    [
      [0, 'BrokerAuthentication'],
      [1, 'ConfigMap'],
    ],
  )
  assert.deepEqual(read.value[0]?.fields.get('spec'), new Map([['a', [1, true, null, 'text']]]))
})

const refused: readonly (readonly [string, string, RegExp])[] = [
  ['an anchor', `${head}spec: &a {}\n`, /Line 4: Anchors/],
  ['an alias', `${head}spec: [x, *a]\n`, /Anchors|not valid YAML/],
  ['a tag', `${head}spec: !secret x\n`, /not valid YAML|Tags/],
  ['a duplicate key', `${head}spec: {}\nspec: {}\n`, /Line 5: The field "spec" stands there twice/],
  ['a number as key', `${head}spec: {1: x}\n`, /field name/],
  ['not YAML', `${head}spec: [\n`, /not valid YAML/],
  ['a list', '- 1\n', /must be an object/],
  ['infinity', `${head}spec: .inf\n`, /none of text/],
  ['too deep', `${head}spec: ${'['.repeat(40)}${']'.repeat(40)}\n`, /nested at most 32/],
  ['too large', 'x'.repeat(documentLimits.bytes + 1), /at most 1048576 bytes/],
  ['too many', '---\na: 1\n'.repeat(documentLimits.documents + 1), /at most 256 documents/i],
]
for (const [name, text, expected] of refused)
  test(`documents: ${name} is refused, with the line`, () => {
    assert.match(said(text), /^access\/document-malformed /)
    assert.match(said(text), expected)
  })

test('a megabyte of hostile text is refused in bounded time', () => {
  const hostile = [
    '- '.repeat(500_000),
    '['.repeat(1_000_000),
    '? '.repeat(500_000),
    'a: '.repeat(300_000),
    Array.from({ length: 120_000 }, (_, at) => `k${at}: 1`).join('\n'),
    Array.from({ length: 10_000 }, (_, at) => `a${at}: &a${at} [*a${at - 1}, *a${at - 1}]`).join('\n'),
  ]
  for (const text of hostile) {
    // Processor time: what a busy machine does to the clock is no fault of the reader.
    const started = process.cpuUsage()
    assert.notEqual(said(text.slice(0, documentLimits.bytes)), 'ok')
    const { user, system } = process.cpuUsage(started)
    assert.ok(user + system < 20_000_000, `${text.slice(0, 8)} took ${(user + system) / 1000} ms`)
  }
})

test('__proto__ is a name like any other and pollutes nothing', () => {
  const read = readDocuments(`${head}spec: {__proto__: {polluted: true}}\n`)
  assert.ok(read.ok)
  assert.equal(Object.getOwnPropertyDescriptor(Object.prototype, 'polluted'), undefined)
})
