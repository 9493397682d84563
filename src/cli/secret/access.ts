import { ask } from '../ask.ts'
import { done } from '../exit.ts'
import { isSet, position } from '../given.ts'
import { styled } from '../line.ts'
import { anything } from '../shape.ts'
import type { Run } from '../spec.ts'
import { printTable } from '../table.ts'
import { rules } from './shapes.ts'

const path = '/api/v1/secret-access'

/** `secret access ls`: every rule. */
export const accessLs: Run = async (context, given) => {
  const answer = await ask(context, { method: 'GET', path, failure: 'The rules were not listed.' }, rules)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) {
    await context.terminal.printJson(answer.value.raw, 2)
    return done
  }
  const rows = answer.value.value.rules.map((one) => [styled('bold', one.principal), one.secrets, one.rights.join(','), one.createdBy])
  await printTable(context.terminal, ['PRINCIPAL', 'SECRETS', 'RIGHTS', 'BY'], rows)
  return done
}

/** `secret access add`: puts a rule in force, in place of one for the same principal and secrets. */
export const accessAdd: Run = async (context, given) => {
  const [principal, secrets] = [position(given, 0), position(given, 1)]
  const rights = position(given, 2).split(',')
  const failure = 'The rule was not put in force.'
  const answer = await ask(context, { method: 'PUT', path, body: { principal, secrets, rights }, failure }, anything)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'in force'), ' ', styled('bold', principal), ` ${secrets} ${rights.join(',')}`])
  return done
}

/** `secret access rm`: takes a rule away. */
export const accessRm: Run = async (context, given) => {
  const [principal, secrets] = [position(given, 0), position(given, 1)]
  const failure = 'The rule was not taken away.'
  const answer = await ask(context, { method: 'POST', path: `${path}/remove`, body: { principal, secrets }, failure }, anything)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'taken away'), ' ', styled('bold', principal), ` ${secrets}`])
  return done
}
