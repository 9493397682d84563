import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parsed, someone } from '../../../test/policy-fixture.ts'
import { hubDevicesDocument, hubDevicesName } from './built-in.ts'
import { compilePolicies } from './policy-set.ts'
import { simulate, testsOf } from './simulate.ts'

const file = (path: string): string => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8')
const text = file('../../../docs/policies.md')
const examples = [...text.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, example]) => parsed(example ?? ''))

test('every example of docs/policies.md loads, and its tests hold with all of them in force', () => {
  assert.equal(examples.length, 4)
  const documents = examples.flat()
  const outcomes = simulate(compilePolicies(documents, 1), testsOf(documents))
  assert.ok(outcomes.length >= 10)
  assert.deepEqual(
    outcomes.filter(({ passed }) => !passed).map(({ test, decision }) => `${test.name}: ${decision.reason}`),
    [],
  )
})

test('docs/policies.md shows the built-in document as it is', () => {
  const shown = examples.flat().find(({ name }) => name === hubDevicesName)
  assert.deepEqual(shown?.rules, hubDevicesDocument().rules)
  const set = compilePolicies(shown === undefined ? [] : [shown], 1)
  assert.equal(set.bind(someone('pump-1', 'x', {}, 'device')).publish('devices/pump-1/x'), 'hub-devices/own-topics')
})

test('docs/policies.md lists exactly the codes of findings', () => {
  const listed = [...text.matchAll(/^\| `([a-z0-9-]+)` \| [^|]+ \|$/gm)]
    .map(([, code]) => code ?? '')
    .filter((code) => !['usernames', 'attributes'].includes(code))
  const folders = ['.', '../documents']
  const sources = folders.flatMap((folder) =>
    readdirSync(fileURLToPath(new URL(folder, import.meta.url)))
      .filter((name) => name.endsWith('.ts') && !name.includes('.test.'))
      .map((name) => file(`${folder}/${name}`)),
  )
  const said = new Set<string>()
  for (const source of sources) {
    for (const [, code] of source.matchAll(/code: '([a-z0-9-]+)'/g)) said.add(code ?? '')
    for (const [, code] of source.matchAll(/(?:wrong|#wrong)\([^,()]+,\s*'([a-z0-9-]+)'/g)) said.add(code ?? '')
    for (const [, one, other] of source.matchAll(/\? '(topics-on-connect)' : '(topics-missing)'/g))
      for (const code of [one, other]) said.add(code ?? '')
  }
  const codes = listed.filter((code) => code.includes('-') || ['empty', 'refused'].includes(code))
  assert.deepEqual(codes, [...said].toSorted())
})
