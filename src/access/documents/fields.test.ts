import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fields, readEnvelope } from './fields.ts'
import { type Problem, type Value, readDocuments } from './read.ts'

test('the text of each document says the same document again', () => {
  const read = readDocuments('# one\na: 1 # why\n---\n\n---\n{"b": [true, null, "x"]}\n')
  assert.ok(read.ok)
  assert.equal(read.value.length, 2)
  for (const { text, fields } of read.value) {
    const again = readDocuments(text)
    assert.deepEqual(again.ok && again.value.map((one) => one.fields), [fields])
  }
})

test('the envelope of a document is read strictly', () => {
  const problemsOf = (text: string): readonly string[] => {
    const read = readDocuments(text)
    assert.ok(read.ok)
    const problems: Problem[] = []
    for (const raw of read.value) readEnvelope(raw, problems)
    return problems.map(({ path, code }) => `${path} ${code}`)
  }
  const good =
    'apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerAuthorization\nmetadata: {name: plant-rules, namespace: x, labels: {a: b}}\nspec: {}'
  assert.deepEqual(problemsOf(good), [])
  assert.deepEqual(problemsOf(good.replace('plant-rules', 'Plant')), ['metadata.name bad-name'])
  assert.deepEqual(problemsOf(good.replace('plant-rules', 'ab')), ['metadata.name bad-name'])
  assert.deepEqual(problemsOf(good.replace('labels: {a: b}', 'labels: {a: 1}')), ['metadata.labels.a wrong-type'])
  assert.deepEqual(problemsOf(good.replace('/v1', '/v9')), ['apiVersion unknown-api-version'])
  assert.deepEqual(problemsOf(`${good}\nstatus: {}`), ['status unknown-field'])
  assert.deepEqual(problemsOf('a: 1'), ['a unknown-field', 'apiVersion missing-field', 'kind missing-field', 'metadata missing-field'])
})

test('a field of the wrong form is noted where it stands', () => {
  const problems: Problem[] = []
  const values = new Map<string, Value>([
    ['n', 1],
    ['l', []],
  ])
  const fields = new Fields(values, 'spec', problems)
  assert.equal(fields.text('n'), undefined)
  assert.equal(fields.object('l'), undefined)
  assert.deepEqual(fields.texts('n'), [])
  assert.deepEqual(
    problems.map(({ path, code }) => `${path} ${code}`),
    ['spec.n wrong-type', 'spec.l wrong-type', 'spec.n wrong-type'],
  )
})
