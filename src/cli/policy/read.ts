import { decision } from '../api.ts'
import { ask } from '../ask.ts'
import { explainLines } from '../commands/explain.ts'
import { readGiven } from '../device/files.io.ts'
import { type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text, texts, wholeNumber } from '../given.ts'
import { withQuery } from '../hub.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { type Row, printTable } from '../table.ts'
import { type Result, ok } from '#base'
import { decisions, policyDetail, policyList, policyVersions } from './shapes.ts'

/** The path of one document. */
export function policyPath(name: string): string {
  return `/api/v1/policies/${encodeURIComponent(name)}`
}

/** `policy ls`: every document in force, built-in ones included; what is broken says why. */
export const policyLs: Run = async ({ terminal, ...context }, given) => {
  const request = { method: 'GET', path: '/api/v1/policies', failure: 'The policies were not listed.' } as const
  const answer = await ask({ terminal, ...context }, request, policyList)
  if (!answer.ok) return answer
  const { policies, health } = answer.value.value
  if (isSet(given, '--json')) await terminal.printJson(answer.value.raw, 2)
  else {
    const colour = (origin: string) => (origin === 'broken' ? 'red' : origin === 'applied' ? 'green' : 'dim')
    const rows = policies.map((one): Row => [
      styled('bold', one.name),
      styled(colour(one.origin), one.origin),
      String(one.rules),
      String(one.tests),
      one.version === 0 ? '-' : String(one.version),
      one.appliedAt ?? '-',
      one.trouble ?? one.actor ?? '-',
    ])
    await printTable(terminal, ['NAME', 'ORIGIN', 'RULES', 'TESTS', 'VERSION', 'APPLIED', 'BY'], rows)
  }
  for (const reason of health) terminal.say(styled('red', reason))
  return done
}

/** `policy show`: the text of one document on stdout, fit to be changed and applied again; where it came from on stderr. */
export const policyShow: Run = async (context, given) => {
  const name = position(given, 0)
  const answer = await ask(context, { method: 'GET', path: policyPath(name), failure: `Policy ${name} was not found.` }, policyDetail)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) {
    await context.terminal.printJson(answer.value.raw, 2)
    return done
  }
  const { origin, version, appliedAt, actor, text: body } = answer.value.value
  if (context.terminal.isPerson)
    context.terminal.say(styled('dim', origin === 'applied' ? `version ${version}, applied ${appliedAt ?? ''} by ${actor ?? ''}` : origin))
  for (const line of body.replace(/\n+$/, '').split('\n')) await context.terminal.print(line)
  return done
}

/** `policy history`: the newest changes. With --json their texts, so that an older one can be applied again. */
export const policyHistory: Run = async (context, given) => {
  const limit = wholeNumber(given, '--limit', 1, 200)
  if (!limit.ok) return limit
  const path = withQuery('/api/v1/policy-versions', { limit: limit.value })
  const answer = await ask(context, { method: 'GET', path, failure: 'The history was not read.' }, policyVersions)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const rows = answer.value.value.versions.map((one): Row => [
      String(one.version),
      one.name,
      one.text === undefined ? styled('red', 'removed') : 'applied',
      one.appliedAt,
      one.actor,
    ])
    await printTable(context.terminal, ['VERSION', 'NAME', 'CHANGE', 'AT', 'BY'], rows)
  }
  return done
}

/** `policy simulate`: what somebody who need not exist could do, with the policy in force or with a file applied. */
export const policySimulate: Run = async (context, given) => {
  const body = simulationOf(given)
  if (!body.ok) return body
  const failure = 'The question was not answered.'
  const answer = await ask(context, { method: 'POST', path: '/api/v1/policies/simulate', body: body.value, failure }, decisions)
  if (!answer.ok) return answer
  const [raw] = answer.value.value.decisions
  const verdict = decision(raw, 'the decision')
  if (isSet(given, '--json')) await context.terminal.printJson(raw, 2)
  else for (const line of explainLines(verdict)) await context.terminal.print(line)
  return isSet(given, '--exit-code') && !verdict.allowed ? { ok: true, value: exit.denied } : done
}

function simulationOf(given: Given): Result<object, Problem> {
  const [device, username] = [text(given, '--device'), text(given, '--username')]
  if ((device === undefined) === (username === undefined))
    return stop(exit.usage, 'Say who: --device or --username.', 'one of the two, and not both.', 'for example --username historian.')
  const attributes: [string, string][] = []
  for (const pair of texts(given, '--attribute')) {
    const at = pair.indexOf('=')
    if (at < 1) return stop(exit.usage, `--attribute does not take "${pair}".`, 'it is NAME=VALUE.', 'give for example building=17.')
    attributes.push([pair.slice(0, at), pair.slice(at + 1)])
  }
  const file = text(given, '--policy')
  const policy = file === undefined ? ok(undefined) : readGiven(file, 'policy')
  if (!policy.ok) return policy
  const clientId = text(given, '--client-id')
  const as = {
    method: device === undefined ? (text(given, '--method') ?? 'custom') : 'device',
    username: device ?? username,
    ...(clientId === undefined ? {} : { clientId }),
    attributes: Object.fromEntries(attributes),
  }
  const [action, topic] = [position(given, 0), position(given, 1)]
  const question = { as, action, ...(topic === '' ? {} : { topic }) }
  return ok({ ...(policy.value === undefined ? {} : { text: policy.value }), cases: [question] })
}
