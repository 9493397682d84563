import { Fault } from '#base'
import { type Outcome, done, exit, stop } from '../exit.ts'
import type { Context } from '../context.ts'
import { type Given, isSet, position, text, wholeNumber } from '../given.ts'
import { withQuery } from '../hub.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { writeNew } from './files.io.ts'
import { counted } from './lines.ts'
import { shrinkProgress, shrinkProposal } from './shapes.ts'

/**
 * `policy shrink`: looks through the journal for rights that nobody used, and writes a smaller document that can be applied. What would be cut is
 * told on stderr. Ctrl-C cancels the search.
 */
export const policyShrink: Run = async (context, given) => {
  const days = wholeNumber(given, '--days', 1, 3_650)
  if (!days.ok) return days
  const hub = context.hub()
  if (!hub.ok) return hub
  const name = position(given, 0)
  const path = withQuery('/api/v1/policy-shrink', { days: days.value, name: name === '' ? undefined : name })
  const stream = await hub.value.events(path, 'There is no proposal.')
  if (!stream.ok) return stream
  const progress = context.terminal.progress('Looking for rights that nobody used, percent')
  let proposal: unknown
  try {
    for await (const { event, data } of stream.value) {
      const told = parse(data)
      if (event === 'progress') progress.at(Math.round(shrinkProgress(told, 'progress').share * 100), 100)
      if (event === 'proposal') proposal = told
    }
  } finally {
    progress.end()
  }
  if (proposal === undefined)
    return stop(exit.failed, 'There is no proposal.', 'the hub ended the search before it was done.', 'run the command again.')
  return tell(context, given, proposal)
}

async function tell({ terminal }: Context, given: Given, raw: unknown): Promise<Outcome> {
  const { days, since, records, uses, unexplained, documents } = shrinkProposal(raw, 'the proposal')
  const talk = [`${counted(records, 'record')} of ${counted(days, 'day')} read, ${counted(uses, 'use')} seen`]
  if (since !== undefined) talk.push(`since ${since}`)
  if (unexplained > 0) talk.push(`${unexplained} of them by rights that are gone`)
  terminal.say(styled('dim', talk.join(', ')))
  for (const { name, cuts, text: body } of documents) {
    terminal.say(styled('bold', name))
    for (const { rule, from, to } of cuts) {
      terminal.say([styled('red', `  - ${rule}  ${from}`)])
      for (const one of to) terminal.say([styled('green', `  + ${rule}  ${one}`)])
    }
    if (body === undefined) terminal.say(`  Nothing of it was used. To take it out: thingwall policy rm ${name}`)
  }
  if (documents.length === 0) terminal.say('Every right was used; there is nothing to cut.')
  if (isSet(given, '--json')) {
    await terminal.printJson(raw, 2)
    return done
  }
  const texts = documents.flatMap((one) => (one.text === undefined ? [] : [one.text.replace(/\n*$/, '\n')]))
  const out = text(given, '--out')
  if (texts.length === 0) return done
  if (out !== undefined) {
    const written = writeNew(out, texts.join('---\n'))
    if (!written.ok) return written
    terminal.say([styled('green', 'written'), `: ${out}. Look at it, then: thingwall policy plan ${out}`])
    return done
  }
  for (const line of texts.join('---\n').replace(/\n$/, '').split('\n')) await terminal.print(line)
  return done
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch (error) {
    throw new Fault('cli/unexpected-answer', 'an event of the search is not JSON', error)
  }
}
