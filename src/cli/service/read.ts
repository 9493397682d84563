import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { done } from '../exit.ts'
import { isSet, position } from '../given.ts'
import { type Piece, styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { type Row, printMembers, printTable } from '../table.ts'
import { type ApiService, policies, service, services } from './shapes.ts'

/** The path of one back end. */
export function servicePath(name: string): string {
  return `/api/v1/services/${encodeURIComponent(name)}`
}

/** An end in green while it lies ahead, in red behind. */
function untilPiece(until: string, { clock }: Pick<Context, 'clock'>): Piece {
  return styled(Date.parse(until) > clock.now() ? 'green' : 'red', until)
}

/** `service ls`: every registered back end. */
export const serviceLs: Run = async (context, given) => {
  const answer = await ask(context, { method: 'GET', path: '/api/v1/services', failure: 'The services were not listed.' }, services)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const row = (one: ApiService): Row => [styled('bold', one.name), one.roles.join(', '), untilPiece(one.until, context), one.createdBy]
    await printTable(context.terminal, ['NAME', 'ROLES', 'UNTIL', 'BY'], answer.value.value.services.map(row))
  }
  if (answer.value.value.services.length === 0 && context.terminal.isPerson)
    context.terminal.say('No services. Register one with: thingwall service add backend --role data-reader --until 2027-01-31')
  return done
}

/** `service show`: one back end. */
export const serviceShow: Run = async (context, given) => {
  const name = position(given, 0)
  const answer = await ask(context, { method: 'GET', path: servicePath(name), failure: `Service ${name} was not found.` }, service)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) {
    await context.terminal.printJson(answer.value.raw, 2)
    return done
  }
  const one = answer.value.value
  await printMembers(context.terminal, [
    ['name', styled('bold', one.name)],
    ['roles', one.roles.join(', ')],
    ['until', untilPiece(one.until, context)],
    ['algorithm', one.algorithm],
    ['key thumbprint', one.keyThumbprint],
    ['registered', `${one.createdAt} by ${one.createdBy}`],
  ])
  return done
}

/** `service policy ls`: every shared access policy, without its keys. */
export const servicePolicyLs: Run = async (context, given) => {
  const request = { method: 'GET', path: '/api/v1/shared-access-policies', failure: 'The shared access policies were not listed.' } as const
  const answer = await ask(context, request, policies)
  if (!answer.ok) return answer
  const { policies: all, allowedUntil } = answer.value.value
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const rows = all.map((one): Row => [styled('bold', one.name), one.rights.join(', '), untilPiece(one.until, context), one.createdBy])
    await printTable(context.terminal, ['NAME', 'RIGHTS', 'UNTIL', 'BY'], rows)
  }
  if (context.terminal.isPerson)
    context.terminal.say(
      allowedUntil === undefined
        ? 'The settings allow no shared access policies: none of these opens anything.'
        : `The settings allow shared access policies until ${allowedUntil}.`,
    )
  return done
}
