import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { page, rowsOf, statementsOf } from './coverage.ts'
import { versions } from './versions.ts'

const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

for (const version of versions) {
  test(`${version.title}: every statement has a transcript or a reason, and never both`, () => {
    for (const { id, result } of rowsOf(version)) assert.notEqual(result, 'MISSING', id)
    for (const id of Object.keys(version.reasons)) assert.deepEqual(rowsOf(version).find((row) => row.id === id)?.shownBy, [], id)
  })

  test(`${version.title}: a transcript names statements that exist, and each of them once`, () => {
    const known = new Set(version.statements.map(({ id }) => id))
    assert.equal(known.size, version.statements.length)
    const keys = Object.values(version.chapters).flatMap((chapter) => Object.keys(chapter))
    assert.equal(new Set(keys).size, keys.length)
    for (const key of keys) for (const id of statementsOf(key)) assert.ok(known.has(id), key)
  })

  test(`${version.title}: every reason stands in docs/divergences.md`, () => {
    const divergences = text('docs/divergences.md')
    for (const id of Object.keys(version.reasons)) assert.match(divergences, new RegExp(`${id.replaceAll('.', '\\.')}(?!\\d)`))
  })

  test(`${version.title}: every file of transcripts is run`, () => {
    const folder = Object.keys(version.chapters)[0]?.split('/')[0] ?? ''
    const files = readdirSync(new URL(`${folder}/`, import.meta.url)).map((name) => `${folder}/${name}`)
    const chapters = files.filter((path) => !/\/(statements|reasons|index)\.ts$/.test(path))
    assert.deepEqual(chapters.toSorted(), Object.keys(version.chapters).toSorted())
  })
}

test('docs/mqtt-conformance.md is the page of the statements and transcripts as they are, and nothing on it fails', () => {
  const written = text('docs/mqtt-conformance.md')
  assert.equal(written, page(versions.map((version) => ({ version, outcomes: [] }))), 'run node scripts/mqtt-conformance.ts')
})

test('a statement whose transcript fails is said to fail, one without transcript and reason to be missing', () => {
  const statements = ['MQTT-1', 'MQTT-2', 'MQTT-3'].map((id) => ({ id, who: 'both' as const, says: 'a | b' }))
  const version = { title: 'x', version: 5 as const, statements, chapters: { 'x/y.ts': { 'MQTT-1 MQTT-2 word': '' } }, reasons: {} }
  const outcomes = [{ statement: 'MQTT-1 MQTT-2 word', failure: 'no' }]
  assert.deepEqual(
    rowsOf(version, outcomes).map(({ result }) => result),
    ['FAILS', 'FAILS', 'MISSING'],
  )
  assert.match(
    page([{ version, outcomes }]),
    /\| MQTT-1 \| both \| a \\\| b \| \[x\/y\.ts\]\(\.\.\/conformance\/mqtt\/x\/y\.ts\) \| FAILS \|/,
  )
})
