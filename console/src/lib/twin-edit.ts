import type { Twin } from '../api/types.ts'
import { isObject, jsonText, readObject, type JsonText } from './json-text.ts'
import { type Change, changesBetween, clashes, withChanges } from './twin-diff.ts'
import type { TwinText } from './twin-past.ts'

/*
 * Theory of operation: editing a twin that others change as well. `base` is the twin that the text began with; what the text changes is its difference from
 * that, and what others did meanwhile is the difference of the newest twin from it. Both can be merged as long as they speak of different places.
 */

/** What an operator may write of a twin, and the etag it was read under. */
export type TwinBase = TwinText & { readonly etag: string }

/** The part of a twin that can be edited. */
export const baseOf = ({ tags, desired, etag }: Twin): TwinBase => ({ tags, desired: desired.properties, etag })

/** It as text. */
export const textOf = ({ tags, desired }: TwinText): string => jsonText({ tags, desired })

const asObject = ({ tags, desired }: TwinText) => ({ tags, desired })

/** Reads the text. What is left out is as empty as what is written so. */
export function readTwinText(text: string): JsonText<TwinText> {
  const read = readObject(text)
  if (read.kind === 'wrong') return read
  const { tags = {}, desired = {}, ...others } = read.value
  const [stranger] = Object.keys(others)
  if (stranger !== undefined) return wrong(`A twin has tags and desired, and no ${stranger} that could be written.`)
  if (!isObject(tags)) return wrong('tags is an object.')
  if (!isObject(desired)) return wrong('desired is an object.')
  return { kind: 'value', value: { tags, desired } }
}

const wrong = (message: string): JsonText<never> => ({ kind: 'wrong', message, line: undefined })

/** What the text, what others, and what both would change. */
export type TwinEdit = { readonly mine: readonly Change[]; readonly theirs: readonly Change[]; readonly clashing: readonly Change[] }

/** Compares a text and the newest twin with what the text began with. */
export function editOf(base: TwinBase, written: TwinText, newest: TwinText): TwinEdit {
  const mine = changesBetween(asObject(base), asObject(written))
  const theirs = changesBetween(asObject(base), asObject(newest))
  return { mine, theirs, clashing: clashes(mine, theirs) }
}

/** The newest twin with what the text changes; of the places that both changed, `mine` or `theirs` is kept. */
export function mergedText(newest: TwinText, { mine, clashing }: TwinEdit, keep: 'mine' | 'theirs'): TwinText {
  const kept = keep === 'mine' ? mine : mine.filter((change) => !clashing.includes(change))
  const { tags, desired } = withChanges(asObject(newest), kept)
  return { tags: isObject(tags) ? tags : {}, desired: isObject(desired) ? desired : {} }
}
