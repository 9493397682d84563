import { ask } from '../ask.ts'
import { readGiven } from '../device/files.io.ts'
import { type Outcome, done, exit } from '../exit.ts'
import { isSet, position } from '../given.ts'
import { styled } from '../line.ts'
import { errorText } from '../problem.ts'
import type { Context } from '../context.ts'
import type { Run } from '../spec.ts'
import { testLines } from './lines.ts'
import { type TestResults, testResults } from './shapes.ts'

/**
 * `policy test FILE`: the tests of a file against its own documents and the built-in one, without a hub. Without a file, the tests of the policies
 * that are in force, by the hub. Exit 1 when one fails, 2 when the file is no policy.
 */
export const policyTest: Run = async (context, given) => {
  const file = position(given, 0)
  if (file === '') {
    const request = { method: 'POST', path: '/api/v1/policies/test', body: {}, failure: 'The tests did not run.' } as const
    const answer = await ask(context, request, testResults)
    return answer.ok ? report(context, answer.value.value, isSet(given, '--json')) : answer
  }
  const content = readGiven(file, 'policy')
  if (!content.ok) return content
  const { testPolicyText } = await import('#server')
  const outcomes = testPolicyText(content.value)
  if (!outcomes.ok) {
    const { code, problems } = outcomes.error
    const fix = 'docs/policies.md says what a policy may hold.'
    return { ok: false, error: { exit: exit.usage, what: `${file} is no policy.`, code, fix, more: problems.map(errorText) } }
  }
  const tests = outcomes.value
  const passed = tests.filter((one) => one.passed).length
  return report(context, { passed, failed: tests.length - passed, tests }, isSet(given, '--json'))
}

async function report({ terminal }: Context, results: TestResults, json: boolean): Promise<Outcome> {
  if (json) await terminal.printJson(results, 2)
  else if (terminal.isPerson) {
    for (const one of results.tests.filter((test) => test.passed))
      await terminal.print([styled('green', 'passes'), ` ${one.id}  ${one.name}`])
    for (const line of testLines(results)) await terminal.print(line)
  } else
    for (const { passed, id, name, reason } of results.tests) await terminal.printCells([passed ? 'passes' : 'fails', id, name, reason])
  if (results.tests.length === 0) terminal.say('There are no tests. docs/policies.md shows how to write one.')
  return results.failed > 0 ? { ok: true, value: exit.failed } : done
}
