import { type Result, ok } from '#base'
import { type Read, ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { readGiven } from '../device/files.io.ts'
import { type Outcome, type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position } from '../given.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { planLines, receiptLine, testLines } from './lines.ts'
import { policyPath } from './read.ts'
import { type PolicyPlan, appliedPolicy, policyPlan } from './shapes.ts'

/** A change: the text of documents to apply, or the name of one to take out. */
type Change = { readonly text: string } | { readonly remove: string }

const notApplied = 'The policy was not applied.'

function askPlan(context: Context, change: Change, failure: string): Promise<Result<Read<PolicyPlan>, Problem>> {
  return ask(context, { method: 'POST', path: '/api/v1/policies/plan', body: change, failure }, policyPlan)
}

/** `policy plan`: what applying a file would do. Changes nothing; exit 1 when a test fails. */
export const policyPlanned: Run = async (context, given) => {
  const content = readGiven(position(given, 0), 'policy')
  if (!content.ok) return content
  const answer = await askPlan(context, { text: content.value }, 'There is no plan.')
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else if (answer.value.value.documents.length === 0) await context.terminal.print('Nothing would change.')
  else for (const line of planLines(answer.value.value)) await context.terminal.print(line)
  return answer.value.value.tests.failed > 0 ? { ok: true, value: exit.failed } : done
}

/** `policy apply`: shows the plan, asks, applies, and prints the receipt. Only the policy that was planned on is changed. */
export const policyApply: Run = async (context, given) => {
  const content = readGiven(position(given, 0), 'policy')
  if (!content.ok) return content
  const request = { method: 'POST', path: '/api/v1/policies', body: { text: content.value }, failure: notApplied } as const
  return change(context, given, { text: content.value }, request)
}

/** `policy rm`: takes a document out, in the same way; one that replaced a built-in one gives it back. */
export const policyRm: Run = async (context, given) => {
  const name = position(given, 0)
  return change(context, given, { remove: name }, { method: 'DELETE', path: policyPath(name), failure: `Policy ${name} was not removed.` })
}

type Act = { readonly method: 'POST' | 'DELETE'; readonly path: string; readonly body?: unknown; readonly failure: string }

async function change(context: Context, given: Given, wanted: Change, act: Act): Promise<Outcome> {
  const { terminal } = context
  const json = isSet(given, '--json')
  const planned = await askPlan(context, wanted, act.failure)
  if (!planned.ok) return planned
  const plan = planned.value.value
  if (plan.documents.length === 0) {
    terminal.say('Nothing would change.')
    return done
  }
  if (plan.tests.failed > 0) {
    for (const line of testLines(plan.tests)) terminal.say(line)
    return stop(exit.failed, act.failure, 'tests of the policy fail, and nothing is applied then.', 'correct the rules or the tests.')
  }
  for (const line of planLines(plan)) terminal.say(line)
  const agreed = await agree(context, given, act.failure)
  if (!agreed.ok) return agreed
  const answer = await ask(context, { ...act, ifMatch: `"${plan.from}"` }, appliedPolicy)
  if (!answer.ok) return answer
  if (json) await terminal.printJson(answer.value.raw, 2)
  else await terminal.print(receiptLine(answer.value.value))
  return done
}

/** A yes of the person, or of the script that says --yes. Nobody to ask and no --yes is a no. */
async function agree({ terminal }: Context, given: Given, failure: string): Promise<Result<void, Problem>> {
  if (isSet(given, '--yes')) return ok(undefined)
  const answer = await terminal.confirm('Apply this?')
  if (answer === undefined)
    return stop(exit.usage, failure, 'there is no terminal to ask on.', 'look at the plan with "thingwall policy plan", then say --yes.')
  if (answer) return ok(undefined)
  terminal.say(styled('dim', 'Nothing was changed.'))
  return stop(exit.failed, failure, 'it was not agreed to.')
}
