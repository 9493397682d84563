import { type PlacedProblem, compilePolicies, hubDevicesDocument, parsePolicies, placed, simulate, testsOf } from '#access'
import { type Refusal, type Result, fail, ok } from '#base'

/** How one test of a policy came out. `change` is the smallest change that would turn a no into a yes. */
export type PolicyTestResult = {
  readonly id: string
  readonly name: string
  readonly passed: boolean
  readonly expect: 'allow' | 'deny'
  readonly action: string
  readonly topic: string
  readonly reason: string
  readonly change: string | undefined
}

/**
 * Runs the tests of policy documents against these documents and the built-in one, as a hub would that has nothing else applied. Starts nothing.
 * Refuses as a hub refuses documents, with every problem on its line.
 */
export function testPolicyText(
  text: string,
): Result<readonly PolicyTestResult[], Refusal & { readonly problems: readonly PlacedProblem[] }> {
  const parsed = parsePolicies(text)
  if (!parsed.ok) return fail({ ...parsed.error, problems: placed(text, parsed.error.problems) })
  const builtIn = hubDevicesDocument()
  const documents = parsed.value.some(({ name }) => name === builtIn.name) ? parsed.value : [builtIn, ...parsed.value]
  const outcomes = simulate(compilePolicies(documents, 1), testsOf(parsed.value))
  return ok(
    outcomes.map(({ test, passed, decision }) => {
      const { id, name, expect, action, topic } = test
      return { id, name, passed, expect, action, topic, reason: decision.reason, change: decision.change ?? undefined }
    }),
  )
}
