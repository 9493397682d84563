import { ask } from '../ask.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, position, text, texts, wholeNumber } from '../given.ts'
import { readInput } from '../input.io.ts'
import { styled } from '../line.ts'
import { anything, flag, list, maybe, number, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { printTable } from '../table.ts'

const path = '/api/v1/sync'
const edge = object({
  edge: textShape,
  secrets: list(textShape),
  everySeconds: number,
  version: number,
  heldVersion: maybe(number),
  heldAt: maybe(textShape),
  isStale: flag,
})
const edges = object({ edges: list(edge) })

/** `vault sync ls`: which edge holds which number, since when, and whether that is stale. */
export const syncLs: Run = async (context, given) => {
  const answer = await ask(context, { method: 'GET', path, failure: 'The edges were not listed.' }, edges)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) {
    await context.terminal.printJson(answer.value.raw, 2)
    return done
  }
  const rows = answer.value.value.edges.map((one) => [
    styled('bold', one.edge),
    one.heldVersion === undefined ? 'holds nothing' : `holds version ${one.heldVersion} of ${one.version} since ${one.heldAt ?? '-'}`,
    one.isStale ? styled('red', 'stale') : styled('green', 'current'),
    one.secrets.join(','),
  ])
  await printTable(context.terminal, ['EDGE', 'HOLDS', 'STATE', 'SECRETS'], rows)
  return done
}

/** `vault sync add`: says which secrets an edge is to hold. */
export const syncAdd: Run = async (context, given) => {
  const name = position(given, 0)
  const key = text(given, '--certificate')
  const secrets = texts(given, '--holds')
  if (key === undefined || secrets.length === 0)
    return stop(exit.usage, 'Something is missing.', undefined, 'give --certificate FILE and --holds NAME.')
  const everySeconds = wholeNumber(given, '--every', 60, 604_800)
  if (!everySeconds.ok) return everySeconds
  const pem = readInput(key, 'certificate')
  if (!pem.ok) return pem
  const body = {
    publicKeyPem: pem.value.toString('latin1'),
    secrets,
    everySeconds: everySeconds.value,
    partial: !isSet(given, '--all-or-nothing'),
  }
  const request = { method: 'PUT', path: `${path}/${encodeURIComponent(name)}`, body, failure: `Edge ${name} gets no secrets.` } as const
  const answer = await ask(context, request, edge)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'in force'), ' ', styled('bold', name), ` ${secrets.join(',')}`])
  context.terminal.say(`A rule must give it each: thingwall secret access add edge:${name} NAME get`)
  return done
}

/** `vault sync rm`: an edge gets no more secrets. */
export const syncRm: Run = async (context, given) => {
  const name = position(given, 0)
  const request = { method: 'DELETE', path: `${path}/${encodeURIComponent(name)}`, failure: `Edge ${name} was not taken away.` } as const
  const answer = await ask(context, request, anything)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'taken away'), ' ', styled('bold', name)])
  return done
}
