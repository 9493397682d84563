import { type Result, ok } from '#base'
import { ask } from '../ask.ts'
import { assignmentsOf } from '../assignments.ts'
import type { Context } from '../context.ts'
import { type Outcome, type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, positions, text } from '../given.ts'
import { identityPath } from '../hub.ts'
import { readJsonInput } from '../input.io.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { type Members, differenceLines, differences, membersOf, mergePatch } from './difference.ts'
import { editText } from './edit.io.ts'
import { readTwin } from './read.ts'
import { type ApiTwin, twin } from './shapes.ts'

/** What is to change: tags, desired properties or both. */
export type TwinBody = { readonly tags?: unknown; readonly desired?: unknown }

/** Reads a part of a twin: `tags` and `desired`, or as Azure writes it `properties.desired`. Refuses what has neither. */
export function twinBodyOf(value: unknown): Result<TwinBody, Problem> {
  const members = membersOf(value)
  const tags = members?.get('tags')
  const desired = members?.get('desired') ?? membersOf(members?.get('properties'))?.get('desired')
  if (tags === undefined && desired === undefined)
    return stop(
      exit.usage,
      'Nothing to set was given.',
      'it is an object with tags, desired or both.',
      'give for example {"desired": {"interval": 5}}.',
    )
  return ok({ ...(tags === undefined ? {} : { tags }), ...(desired === undefined ? {} : { desired: withoutMarks(desired) }) })
}

/** What the hub itself writes into a section, as `twin show --json` of Azure's tools has it. */
function withoutMarks(desired: unknown): unknown {
  const members = membersOf(desired)
  return members === undefined ? desired : Object.fromEntries([...members].filter(([name]) => name !== '$metadata' && name !== '$version'))
}

/** What was given as words or as a file. Refuses both, and neither. */
export function twinBodyGiven(given: Given, words: readonly string[]): Result<TwinBody, Problem> {
  const file = text(given, '--file')
  if (file !== undefined && words.length > 0)
    return stop(exit.usage, 'KEY=VALUE and --file do not go together.', undefined, 'give one of them.')
  const value = file === undefined ? assignmentsOf(words, ['tags', 'desired']) : readJsonInput(file, 'twin')
  return value.ok ? twinBodyOf(value.value) : value
}

/** `twin set`: merges, or with --replace puts whole sections in place. */
export const twinSet: Run = async (context, given) => {
  const name = position(given, 0)
  const body = twinBodyGiven(given, positions(given, 1))
  if (!body.ok) return body
  const method = isSet(given, '--replace') ? 'PUT' : 'PATCH'
  const ifMatch = text(given, '--if-match')
  const request = {
    method,
    path: identityPath(name, '/twin'),
    body: body.value,
    ifMatch,
    failure: `The twin of ${name} was not changed.`,
  } as const
  const answer = await ask(context, request, twin)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await tellChanged(context, name, answer.value.value)
  return done
}

function tellChanged({ terminal }: Context, name: string, { version, desired, etag }: ApiTwin): Promise<void> {
  return terminal.print([
    styled('green', 'changed'),
    ' ',
    styled('bold', name),
    `, version ${version}, desired version ${desired.version}, etag ${etag}`,
  ])
}

/** `twin edit`: opens tags and desired properties in an editor and sends what was changed, if nobody else changed the twin meanwhile. */
export const twinEdit: Run = async (context, given) => {
  const name = position(given, 0)
  const answer = await readTwin(context, name)
  if (!answer.ok) return answer
  const before = answer.value.value
  const shown = { tags: Object.fromEntries(before.tags), desired: Object.fromEntries(before.desired.properties) }
  using edited = editText(`${JSON.stringify(shown, undefined, 2)}\n`, 'twin.json')
  if (!edited.outcome.ok) return edited.outcome
  const parsed = jsonOf(edited.outcome.value)
  const after = parsed === undefined ? undefined : sectionsOf(parsed)
  if (after === undefined)
    return kept(edited.keep(), stop(exit.usage, 'This is no twin.', 'it must be a JSON object with the objects tags and desired.').error)
  const sections = new Map<string, unknown>(Object.entries(shown))
  const patch = mergePatch(sections, after)
  const { terminal } = context
  if (patch === undefined) {
    terminal.say('Nothing was changed.')
    return done
  }
  for (const line of differenceLines(differences(sections, after))) terminal.say(line)
  const request = {
    method: 'PATCH',
    path: identityPath(name, '/twin'),
    body: patch,
    ifMatch: before.etag,
    failure: `The twin of ${name} was not changed.`,
  } as const
  const changed = await ask(context, request, twin)
  if (!changed.ok) return kept(edited.keep(), changed.error)
  await tellChanged(context, name, changed.value.value)
  return done
}

/** Somebody's typing is not thrown away because it did not fit. */
function kept(path: string, problem: Problem): Outcome {
  return { ok: false, error: { ...problem, fix: `what you wrote is in ${path}; correct it and send it with --file of "twin set".` } }
}

function jsonOf(said: string): unknown {
  try {
    return JSON.parse(said)
  } catch {
    return undefined
  }
}

/** What a file of `twin edit` holds now; a section that was taken out is empty. */
function sectionsOf(value: unknown): Members | undefined {
  const members = membersOf(value)
  if (members === undefined) return undefined
  const tags = membersOf(members.get('tags') ?? {})
  const desired = membersOf(members.get('desired') ?? {})
  if (tags === undefined || desired === undefined) return undefined
  return new Map([
    ['tags', Object.fromEntries(tags)],
    ['desired', Object.fromEntries(desired)],
  ])
}
