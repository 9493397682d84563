import { type Result, ok } from '#base'
import { type Problems, refuseWith } from '../documents/problems.ts'
import { hubDevicesDocument, hubDevicesName } from './built-in.ts'
import type { PolicyDocument } from './model.ts'
import { parsePolicies, policyLimits } from './parse-policy.ts'
import { type LoadedPolicies } from './policy-rows.ts'
import { type PolicySet, compilePolicies } from './policy-set.ts'
import { type TestOutcome, simulate, testsOf } from './simulate.ts'

/** A change of policy: a text with one or more documents, each put in the place of the one of its name; or a name to take out. */
export type Change = { readonly apply: string } | { readonly remove: string } | { readonly apply: undefined }

/** What would be in force after a change, and how its tests come out. */
export type Next = {
  readonly set: PolicySet
  readonly put: readonly PolicyDocument[]
  readonly gone: readonly string[]
  readonly tests: readonly TestOutcome[]
}

/**
 * The documents in force, in order: those that nobody can replace, the built-in one for devices unless one of its name was applied, and the
 * others by name. What is broken is not among them; nor is the built-in one when it cannot be known whether it was replaced.
 */
export function documentsOf(loaded: LoadedPolicies, fixed: readonly PolicyDocument[]): readonly PolicyDocument[] {
  const replaced = loaded.applied.has(hubDevicesName) || loaded.broken.has(hubDevicesName) || loaded.headless
  const applied = [...loaded.applied.values()].map(({ document }) => document)
  return [...fixed, ...(replaced ? [] : [hubDevicesDocument()]), ...applied.toSorted((a, b) => (a.name < b.name ? -1 : 1))]
}

/** The compiled set of what is loaded. */
export function setOf(loaded: LoadedPolicies, fixed: readonly PolicyDocument[], rejected?: () => void): PolicySet {
  return compilePolicies(documentsOf(loaded, fixed), loaded.version, rejected)
}

/** Judges a change: its documents, their names and number, and every test of what would be in force. */
export function nextOf(change: Change, loaded: LoadedPolicies, fixed: readonly PolicyDocument[]): Result<Next, Problems> {
  const applied = new Map(loaded.applied)
  const broken = new Map(loaded.broken)
  let put: readonly PolicyDocument[] = []
  const gone: string[] = []
  if ('remove' in change) {
    if (!applied.delete(change.remove) && !broken.delete(change.remove)) return notThere(change.remove)
    broken.delete(change.remove)
    gone.push(change.remove)
  } else if (change.apply !== undefined) {
    const parsed = parsePolicies(change.apply)
    if (!parsed.ok) return parsed
    put = parsed.value
    for (const document of put) {
      if (fixed.some(({ name }) => name === document.name))
        return no('access/policy-fixed', `The document ${document.name} belongs to the hub and cannot be replaced.`)
      applied.set(document.name, { document, version: loaded.version + 1, appliedAt: 0, actor: '' })
      broken.delete(document.name)
    }
  }
  const headless = loaded.headless && put.length + gone.length === 0
  const documents = documentsOf({ version: loaded.version, applied, broken, headless }, fixed)
  const rules = documents.reduce((sum, document) => sum + document.rules.length, 0)
  const tests = testsOf(documents)
  if (documents.length > policyLimits.documents || rules > policyLimits.rules || tests.length > policyLimits.tests * 4) {
    const { documents: most, rules: mostRules } = policyLimits
    return no('access/policies-too-many', `A hub holds at most ${most} policy documents with ${mostRules} rules in all.`)
  }
  const set = compilePolicies(documents, loaded.version + 1)
  return ok({ set, put, gone, tests: simulate(set, tests) })
}

function no(code: 'access/policy-fixed' | 'access/policies-too-many', message: string): Result<never, Problems> {
  return refuseWith(code, [{ path: '', code: 'refused', message }])
}

function notThere(name: string): Result<never, Problems> {
  const message = `No document called ${name.slice(0, 64)} was applied. What is built in cannot be removed, only replaced.`
  return refuseWith('access/policy-not-found', [{ path: '', code: 'refused', message }])
}
