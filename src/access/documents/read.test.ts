import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documentLimits, readDocuments } from './read.ts'

const head = 'apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerAuthentication\nmetadata: {name: plant}\n'
const codes = (text: string) => {
  const read = readDocuments(text)
  return read.ok ? [] : read.error.map(({ path, code }) => `${path} ${code}`)
}

test('several documents in one text, as YAML and as JSON', () => {
  const json = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'client-ca' }, data: { 'a.pem': 'x' } })
  const read = readDocuments(`${head}spec: {a: [1, true, null, "text"]}\n---\n${json}\n`)
  assert.ok(read.ok)
  assert.deepEqual(
    read.value.map(({ group, version, kind, name }) => [group, version, kind, name]),
    [
      ['mqttbroker.iotoperations.azure.com', 'v1', 'BrokerAuthentication', 'plant'],
      ['', 'v1', 'ConfigMap', 'client-ca'],
    ],
  )
  assert.deepEqual(read.value[0]?.members, new Map([['spec', new Map([['a', [1, true, null, 'text']]])]]))
})

const refused: readonly (readonly [string, string, readonly string[]])[] = [
  ['nothing', '', ['documents empty']],
  ['only comments', '# nothing\n---\n', ['documents empty']],
  ['an anchor', `${head}spec: &a {}\n`, ['documents[0].spec alias']],
  ['an alias', `${head}spec: [&a x, *a]\n`, ['documents[0].spec[0] alias']],
  ['a tag', `${head}spec: !secret x\n`, ['documents[0] malformed']],
  ['a duplicate key', `${head}spec: {}\nspec: {}\n`, ['documents[0] duplicate-key']],
  ['a number as key', `${head}spec: {1: x}\n`, ['documents[0].spec key']],
  ['not YAML', `${head}spec: [\n`, ['documents[0] malformed']],
  ['a list', '- 1\n', ['documents[0] not-an-object']],
  ['no head', 'spec: {}\n', ['documents[0].apiVersion missing', 'documents[0].kind missing', 'documents[0].metadata missing']],
  ['a bad name', `${head.replace('plant', 'Plant')}`, ['documents[0].metadata.name bad-name']],
  ['a short name', `${head.replace('plant', 'ab')}`, ['documents[0].metadata.name bad-name']],
  ['an unknown member of metadata', `${head.replace('name: plant', 'name: plant, nmae: x')}`, ['documents[0].metadata.nmae unknown-field']],
  ['infinity', `${head}spec: .inf\n`, ['documents[0].spec malformed']],
  ['too deep', `${head}spec: ${'['.repeat(40)}${']'.repeat(40)}\n`, [`documents[0].spec${'[0]'.repeat(32)} too-deep`]],
  ['too large', 'x'.repeat(documentLimits.bytes + 1), ['documents too-large']],
  ['too many', '---\na: 1\n'.repeat(documentLimits.documents + 1), ['documents too-many']],
]
for (const [name, text, expected] of refused)
  test(`documents: ${name} is refused with its place and a code`, () => assert.deepEqual(codes(text), expected))

test('a megabyte of hostile text is refused in bounded time', () => {
  const hostile = [
    '- '.repeat(500_000),
    '['.repeat(1_000_000),
    '{'.repeat(1_000_000),
    '? '.repeat(500_000),
    'a: '.repeat(300_000),
    Array.from({ length: 100_000 }, (_, at) => `k${at}: 1`).join('\n'),
    Array.from({ length: 10_000 }, (_, at) => `a${at}: &a${at} [*a${at - 1}, *a${at - 1}]`).join('\n'),
  ]
  for (const text of hostile) {
    const started = process.hrtime.bigint()
    assert.notEqual(codes(text.slice(0, documentLimits.bytes)).length, 0)
    assert.ok(process.hrtime.bigint() - started < 20_000_000_000n)
  }
})

test('__proto__ is a name like any other and pollutes nothing', () => {
  const read = readDocuments(`${head}spec: {__proto__: {polluted: true}}\n`)
  assert.ok(read.ok)
  assert.equal(Object.getOwnPropertyDescriptor(Object.prototype, 'polluted'), undefined)
})
