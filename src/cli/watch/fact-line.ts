import { type Line, type Style, styled } from '../line.ts'
import { cut } from '../table.ts'
import { type Members, longText, shortText, textOf } from './fact-text.ts'

const colours: ReadonlyMap<string, Style> = new Map<string, Style>([
  ['telemetry', 'cyan'],
  ['connected', 'green'],
  ['disconnected', 'dim'],
  ['connection-settled', 'dim'],
  ['denied', 'red'],
  ['refused', 'red'],
  ['revoked', 'red'],
  ['certificates-revoked', 'red'],
  ['revocation-list-ageing', 'yellow'],
  ['revocation-lists-stuck', 'yellow'],
  ['reconnected', 'dim'],
  ['clone-suspected', 'red'],
  ['theft-suspected', 'red'],
  ['messages-dropped', 'yellow'],
  ['policy-changed', 'magenta'],
  ['subscribed', 'dim'],
  ['unsubscribed', 'dim'],
  ['overloaded', 'yellow'],
  ['recovered', 'green'],
  ['finding', 'yellow'],
  ['twin-changed', 'magenta'],
  ['twin-reported', 'cyan'],
  ['method-called', 'blue'],
  ['c2d-dead-lettered', 'yellow'],
  ['job-device-ended', 'dim'],
  ['configurations-evaluated', 'dim'],
  ['import-started', 'green'],
  ['egress-failed', 'red'],
  ['key-store-away', 'red'],
  ['key-store-back', 'green'],
  ['egress-lost', 'red'],
  ['egress-dead-lettered', 'yellow'],
  ['egress-recovered', 'green'],
  ['damaged', 'magenta'],
  ['journal-damage', 'magenta'],
  ['gap', 'magenta'],
])

/** One fact on one line: time of day (UTC), kind, device, and as much of the rest as `columns` leave room for. */
export function factLine(fact: Members, columns: number): Line {
  const kind = textOf(fact.get('kind'))
  const time = textOf(fact.get('time'))
    .replace(/^\d{4}-\d{2}-\d{2}T/, '')
    .replace(/Z$/, '')
    .padEnd(12)
  const [what, who] = [kind.padEnd(14), (textOf(fact.get('device')) || '-').padEnd(16)]
  const room = Math.max(20, columns - time.length - what.length - who.length - 4)
  return [styled('dim', time), ' ', styled(colours.get(kind) ?? 'blue', what), ' ', styled('bold', who), ' ', cut(shortText(fact), room)]
}

/** The same for a program: offset, time, kind, device, topic and all the rest, one cell each. */
export function factCells(fact: Members): readonly string[] {
  return [...['offset', 'time', 'kind', 'device', 'topic'].map((name) => textOf(fact.get(name)) || '-'), longText(fact)]
}
