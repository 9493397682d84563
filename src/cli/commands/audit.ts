import { auditPage } from '../api.ts'
import { ask } from '../ask.ts'
import { type Outcome, done, exit } from '../exit.ts'
import { isSet, wholeNumber } from '../given.ts'
import { withQuery } from '../hub.ts'
import { plainJson, styled } from '../line.ts'
import { list, maybe, object, text } from '../shape.ts'
import type { Run } from '../spec.ts'
import { printTable } from '../table.ts'

const pageSize = 500
const raw = object({ records: list((value) => value) })
type Records = ReturnType<typeof auditPage>['records']

/** `audit`: the audit log from its beginning (or --after). With --verify also whether the chain holds; exit 1 if it does not. */
export const audit: Run = async (context, given) => {
  const limit = wholeNumber(given, '--limit', 1, 10_000_000)
  if (!limit.ok) return limit
  const after = wholeNumber(given, '--after', 0, Number.MAX_SAFE_INTEGER)
  if (!after.ok) return after
  const wanted = limit.value ?? Number.POSITIVE_INFINITY
  const records: Records[number][] = []
  const all: unknown[] = []
  let from = after.value
  let verified = true
  for (;;) {
    const path = withQuery('/api/v1/audit', { after: from, limit: Math.min(pageSize, wanted - records.length) })
    const page = await ask(context, { method: 'GET', path, failure: 'The audit log was not read.' }, auditPage)
    if (!page.ok) return page
    verified &&= page.value.value.verified
    records.push(...page.value.value.records)
    all.push(...raw(page.value.raw, 'the answer').records)
    const last = page.value.value.records.at(-1)
    if (last === undefined || page.value.value.records.length < pageSize || records.length >= wanted) break
    from = last.sequence
  }
  const broken = brokenAt(records)
  const holds = verified && broken === undefined
  if (isSet(given, '--json')) await context.terminal.printJson(isSet(given, '--verify') ? { verified: holds, records: all } : all, 2)
  else await printTable(context.terminal, ['SEQUENCE', 'TIME', 'ACTOR', 'ACTION', 'RESOURCE', 'OUTCOME'], records.map(rowOf))
  return isSet(given, '--verify')
    ? verdict(holds, broken, records.length, (line, good) => context.terminal.say(styled(good ? 'green' : 'red', line)))
    : done
}

const actorShape = object({ id: maybe(text), kind: maybe(text) })

function rowOf(record: Records[number]) {
  const actor = typeof record.actor === 'object' && record.actor !== null ? actorShape(record.actor, 'actor') : undefined
  const who = actor?.id ?? actor?.kind ?? (typeof record.actor === 'string' ? record.actor : plainJson(record.actor))
  return [String(record.sequence), record.time, who, record.action, record.resource, record.outcome ?? '-']
}

/** The first record that does not name its predecessor's hash; the hub recomputes the hashes, we see that none was left out of what it sent. */
export function brokenAt(
  records: readonly { readonly sequence: number; readonly previousHash?: string | undefined; readonly hash: string }[],
): number | undefined {
  for (const [i, record] of records.entries()) {
    const before = records[i - 1]
    if (before !== undefined && record.previousHash !== undefined && record.previousHash !== before.hash) return record.sequence
  }
  return undefined
}

function verdict(holds: boolean, broken: number | undefined, count: number, say: (line: string, good: boolean) => void): Outcome {
  if (holds) {
    say(`The chain holds: ${count} records read, none changed, removed or reordered.`, true)
    return done
  }
  say(broken === undefined ? 'The hub found its audit chain broken.' : `The chain is broken at record ${broken}.`, false)
  return { ok: true, value: exit.failed }
}
