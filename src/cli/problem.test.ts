import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exit } from './exit.ts'
import { render } from './line.ts'
import { problemLines, problemOf } from './problem.ts'

const rows: readonly (readonly [number, number])[] = [
  [400, exit.usage],
  [401, exit.denied],
  [403, exit.denied],
  [404, exit.notFound],
  [409, exit.conflict],
  [412, exit.conflict],
  [422, exit.usage],
  [429, exit.failed],
  [500, exit.failed],
  [503, exit.unreachable],
]

for (const [status, code] of rows)
  test(`status ${status} ends with exit code ${code} and a fix`, () => {
    const problem = problemOf('It was not done.', status, undefined)
    assert.equal(problem.exit, code)
    assert.ok((problem.fix ?? '').length > 10)
  })

test('a problem document gives the why and the code [RFC 9457]', () => {
  const problem = problemOf('Device x was not added.', 409, { title: 'Conflict', detail: 'Device x exists.', code: 'hub/device-exists' })
  const lines = problemLines(problem).map((line) => render(line, false))
  assert.deepEqual(lines.slice(0, 2), ['Device x was not added.', '  why: Device x exists. (hub/device-exists)'])
  assert.match(lines[2] ?? '', /^ {2}fix: choose another name/)
})

test('every faulty line of a list is told', () => {
  const lines = problemLines(problemOf('x', 400, { detail: 'The list has faults.', errors: [{ line: 3, code: 'a/b', message: 'Twice.' }] }))
  assert.equal(render(lines.at(-1) ?? '', false), '  line 3: Twice.')
})

test('reasons of an unhealthy hub are the why', () => {
  assert.equal(problemOf('x', 503, { status: 'starting', reasons: ['disk full', 'clock'] }).why, 'disk full; clock')
})

test('a peer cannot write to the terminal through a problem document', () => {
  const lines = problemLines(problemOf('x', 400, { detail: '\u001b[2Jok' })).map((line) => render(line, false))
  assert.ok(!lines.join('').includes('\u001b'))
})
