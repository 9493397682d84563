import { ask } from '../ask.ts'
import { done } from '../exit.ts'
import { isSet, position, wholeNumber } from '../given.ts'
import { styled } from '../line.ts'
import { anything, list, maybe, object, text } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printTable } from '../table.ts'
import { membersOf } from '../twin/difference.ts'
import { textOf } from '../watch/fact-text.ts'

const page = object({ items: list(anything), itemType: text, continuation: maybe(text) })

/** Items that one page has at most. */
const pageSize = 1_000

/** `query`: every item, page by page, or the first so many. */
export const query: Run = async (context, given) => {
  const limit = wholeNumber(given, '--limit', 1, 10_000_000)
  if (!limit.ok) return limit
  const wanted = limit.value ?? Number.POSITIVE_INFINITY
  const items: unknown[] = []
  let itemType = 'Raw'
  let continuation: string | undefined
  const progress = context.terminal.progress('read')
  try {
    do {
      const body = { query: position(given, 0), maxItems: Math.min(pageSize, wanted - items.length), continuation }
      const answer = await ask(context, { method: 'POST', path: '/api/v1/query', body, failure: 'The query was not answered.' }, page)
      if (!answer.ok) return answer
      items.push(...answer.value.value.items)
      itemType = answer.value.value.itemType
      continuation = answer.value.value.continuation
      if (continuation !== undefined) progress.at(items.length, limit.value)
    } while (continuation !== undefined && items.length < wanted)
  } finally {
    progress.end()
  }
  if (isSet(given, '--json')) await context.terminal.printJson(items, 2)
  else {
    const { columns, rows } = tableOf(items, itemType)
    const names = columns.map((name) => name.toUpperCase())
    if (names.length > 0) await printTable(context.terminal, names, rows)
  }
  if (context.terminal.isPerson) context.terminal.say(styled('dim', `${items.length} row${items.length === 1 ? '' : 's'}`))
  return done
}

/** What is shown of a whole twin; the rest is in --json. */
const twinColumns = ['deviceId', 'moduleId', 'status', 'connectionState', 'version', 'tags', 'desired', 'reported'] as const

/** Items as a table: of twins what tells most, of anything else every member that some item has. */
export function tableOf(
  items: readonly unknown[],
  itemType: string,
): { readonly columns: readonly string[]; readonly rows: readonly Row[] } {
  const all = items.map((item) => {
    const members = membersOf(item) ?? new Map<string, unknown>([['value', item]])
    return itemType === 'Twin' ? withSections(members) : members
  })
  const named = new Set(all.flatMap((members) => [...members.keys()]))
  const columns = itemType === 'Twin' ? twinColumns.filter((name) => named.has(name)) : [...named]
  return { columns, rows: all.map((members) => columns.map((name) => textOf(members.get(name)) || '-')) }
}

function withSections(twin: ReadonlyMap<string, unknown>): ReadonlyMap<string, unknown> {
  const properties = membersOf(twin.get('properties'))
  const section = (name: string) => {
    const members = membersOf(properties?.get(name))
    return members === undefined ? undefined : Object.fromEntries([...members].filter(([key]) => !key.startsWith('$')))
  }
  return new Map([...twin, ['desired', section('desired')], ['reported', section('reported')]])
}
