import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plus } from '#base'
import { catalogue } from './catalogue.ts'
import type { Control } from './control.ts'
import { evaluate } from './evaluate.ts'
import { type Fixture, now } from './fixtures/fixture.ts'
import { fixtures } from './fixtures/index.ts'
import { strictPolicy } from './policy.ts'

/** A control is refused unless its three fixtures exist and give pass, fail and unknown. */
function refuseControl(control: Control, found: Fixture | undefined): string | null {
  if (found === undefined) return `${control.id} has no fixtures`
  for (const [name, verdict] of [
    ['passes', 'pass'],
    ['breaks', 'fail'],
    ['unknown', 'unknown'],
  ] as const) {
    const said = evaluate(control, found[name], found.policy, now)
    if (said.verdict !== verdict) return `${control.id}: fixture ${name} gives ${said.verdict}: ${said.reason}`
    if (name === 'passes' && (said.capped || said.findings.length > 0)) return `${control.id}: fixture passes is capped: ${said.reason}`
    if (name !== 'passes' && said.findings.length === 0) return `${control.id}: fixture ${name} has no finding`
  }
  return null
}

for (const control of catalogue)
  test(`${control.id} ships evidence that passes, that breaks it and that leaves it unknown [guard 0.2-5]`, () =>
    assert.equal(refuseControl(control, fixtures[control.id]), null))

test('a control without fixtures, or that cannot fail, is refused [guard 0.2-5]', () => {
  const [control] = catalogue
  assert.ok(control !== undefined)
  const own = fixtures[control.id]
  assert.ok(own !== undefined)
  assert.match(refuseControl(control, undefined) ?? '', /no fixtures/)
  const cannotFail: Control = { ...control, judge: () => ({ verdict: 'pass', reason: 'fine', findings: [], capped: false }) }
  assert.match(refuseControl(cannotFail, own) ?? '', /fixture breaks gives pass/)
})

test('identifiers are unique and complete', () => {
  assert.equal(new Set(catalogue.map((control) => control.id)).size, catalogue.length)
  assert.deepEqual(Object.keys(fixtures).sort(), catalogue.map((control) => control.id).sort())
  for (const control of catalogue) {
    assert.match(control.id, /^TW-[A-Z]{3}-\d\d$/)
    for (const text of [control.title, control.recommendation, control.fix, control.expected]) assert.ok(text.length > 10, control.id)
    for (const served of control.serves) assert.match(served, /^[EC]\d+$/)
  }
})

test('the same evidence gives the same judgement, whatever its order [guard 0.2-1]', () => {
  for (const control of catalogue) {
    const evidence = fixtures[control.id]?.breaks ?? []
    const once = evaluate(control, evidence, strictPolicy, now)
    assert.deepEqual(evaluate(control, evidence, strictPolicy, now), once)
    assert.equal(evaluate(control, evidence.toReversed(), strictPolicy, now).verdict, 'fail')
  }
})

test('missing and stale evidence is unknown, never a pass [guard 0.2-2]', () => {
  for (const control of catalogue) {
    assert.equal(evaluate(control, [], strictPolicy, now).verdict, 'unknown', control.id)
    const passes = fixtures[control.id]?.passes ?? []
    for (const method of control.needs) {
      const without = passes.filter((entry) => entry.method !== method)
      const said = evaluate(control, without, strictPolicy, now)
      assert.equal(said.verdict, 'unknown', `${control.id} without ${method}`)
      assert.match(said.reason, new RegExp(`There is no evidence of ${method}`))
    }
    const later = plus(now, 3 * 24 * 60 * 60_000)
    const stale = evaluate(control, passes, strictPolicy, later)
    assert.equal(stale.verdict, 'unknown', control.id)
    assert.match(stale.reason, /too old/)
    assert.equal(stale.evidence.length, passes.length, 'stale evidence is still shown')
  }
})

test('a failure that is seen is a failure, whatever else is missing', () => {
  for (const control of catalogue) {
    const fixture = fixtures[control.id]
    const passing = new Set(fixture?.passes.map((entry) => entry.rawDigest))
    const broken = fixture?.breaks.filter((entry) => !passing.has(entry.rawDigest)) ?? []
    assert.equal(evaluate(control, broken, strictPolicy, now).verdict, 'fail', control.id)
  }
})

test('evidence below the minimum assurance caps the pass [guard 0.2-4]', () => {
  for (const control of catalogue) {
    const passes = fixtures[control.id]?.passes ?? []
    const said = evaluate(
      control,
      passes.map((entry) => Object.assign({}, entry, { assurance: 'declared' as const })),
      strictPolicy,
      now,
    )
    assert.deepEqual([said.verdict, said.capped], ['pass', true], control.id)
  }
})

test('a finding keeps its identity from run to run, and another subject has another', () => {
  const [control] = catalogue
  assert.ok(control !== undefined)
  const evidence = fixtures[control.id]?.breaks ?? []
  const [first] = evaluate(control, evidence, strictPolicy, now).findings
  const [again] = evaluate(control, evidence, strictPolicy, plus(now, 60_000)).findings
  assert.ok(first !== undefined)
  assert.equal(first.findingId, again?.findingId)
  assert.match(first.findingId, /^[0-9a-f]{24}$/)
})
