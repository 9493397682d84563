import { Fault, ok } from '#base'
import { type Outcome, done, exit, stop } from '../exit.ts'
import type { Context } from '../context.ts'
import { type Given, isSet, position, text } from '../given.ts'
import { styled } from '../line.ts'
import { anything, entries } from '../shape.ts'
import type { Run } from '../spec.ts'
import { factCells, factLine } from './fact-line.ts'
import { type Told, follow } from './follow.ts'
import { pauseBetween } from './pause.io.ts'

/** `watch`: facts as they come, from now, from the start or from an offset; with --until end, up to what is there. */
export const watch: Run = (context, given) => watchDevice(context, given, text(given, '--device'))

/** `device watch NAME`. */
export const deviceWatch: Run = (context, given) => watchDevice(context, given, position(given, 0))

async function watchDevice(context: Context, given: Given, device: string | undefined): Promise<Outcome> {
  const until = text(given, '--until')
  const from = text(given, '--from') ?? (until === 'end' ? 'start' : 'now')
  if (!/^(now|start|[0-9]{1,15})$/.test(from))
    return stop(
      exit.usage,
      `--from does not take "${from}".`,
      'it is now, start, or the offset of a fact.',
      'give for example --from start.',
    )
  const query = { from, until: until === 'end' ? ('end' as const) : undefined, device, kind: text(given, '--kind') }
  const json = isSet(given, '--json')
  const { terminal } = context
  const told: Told = {
    async fact(_offset, data) {
      const fact = parse(data)
      if (json) return terminal.printJson(fact)
      const members = entries(anything)(fact, 'a fact')
      return terminal.isPerson ? terminal.print(factLine(members, terminal.columns)) : terminal.printCells(factCells(members))
    },
    async notice(name, data) {
      const members = new Map([['kind', name], ...entries(anything)(parse(data), name)])
      if (json) await terminal.printJson(Object.fromEntries(members))
      else await (terminal.isPerson ? terminal.print(factLine(members, terminal.columns)) : terminal.printCells(factCells(members)))
    },
    broke: (at) =>
      terminal.say(
        styled(
          'yellow',
          at === undefined
            ? 'The hub is away. Facts until it is back may be missing here; --from start reads them.'
            : `The hub is away. Going on after offset ${at} when it is back.`,
        ),
      ),
    back: () => terminal.say(styled('green', 'The hub is back.')),
  }
  if (terminal.isPerson && query.until === undefined) terminal.say(styled('dim', 'Watching. Ctrl-C ends.'))
  const followed = await follow(
    () => context.hub(),
    query,
    told,
    (attempt) => pauseBetween(attempt, context.signal),
  ).catch((error: unknown) => {
    // Ctrl-C is how watching ends; it is no failure.
    if (context.signal.aborted) return ok(undefined)
    throw error
  })
  return followed.ok ? done : followed
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch (error) {
    throw new Fault('cli/unexpected-answer', 'a fact of the event stream is not JSON', error)
  }
}
