import { type Line, type Piece, type Style, plainJson, styled } from '../line.ts'
import { cut } from '../table.ts'

const colours: ReadonlyMap<string, Style> = new Map<string, Style>([
  ['telemetry', 'cyan'],
  ['connected', 'green'],
  ['disconnected', 'dim'],
  ['denied', 'red'],
  ['refused', 'red'],
  ['finding', 'yellow'],
  ['damaged', 'magenta'],
  ['gap', 'magenta'],
])

const common = new Set(['offset', 'time', 'kind', 'device', 'topic', 'properties', 'system', 'body', 'bodyBase64'])

/** One fact on one line: time, kind, device, and as much of the rest as `columns` leave room for. */
export function factLine(fact: ReadonlyMap<string, unknown>, columns: number): Line {
  const kind = textOf(fact.get('kind'))
  const device = textOf(fact.get('device')) || '-'
  const time = textOf(fact.get('time'))
    .replace(/^\d{4}-\d{2}-\d{2}T/, '')
    .replace(/Z$/, '')
  const head = [time.padEnd(12), kind.padEnd(12), device.padEnd(16)]
  const room = Math.max(20, columns - head.join(' ').length - 2)
  const pieces: Piece[] = [
    styled('dim', head[0] ?? ''),
    ' ',
    styled(colours.get(kind) ?? 'blue', head[1] ?? ''),
    ' ',
    styled('bold', head[2] ?? ''),
    ' ',
  ]
  return [...pieces, cut(restOf(fact, kind), room)]
}

/** The same for a program: offset, time, kind, device, topic and the rest, one cell each. */
export function factCells(fact: ReadonlyMap<string, unknown>): readonly string[] {
  const kind = textOf(fact.get('kind'))
  return [...['offset', 'time', 'kind', 'device', 'topic'].map((name) => textOf(fact.get(name)) || '-'), restOf(fact, kind)]
}

function restOf(fact: ReadonlyMap<string, unknown>, kind: string): string {
  const body = fact.get('body')
  const base64 = fact.get('bodyBase64')
  const payload =
    typeof body === 'string'
      ? body
      : typeof base64 === 'string'
        ? `${Math.floor((base64.replace(/=+$/, '').length * 3) / 4)} bytes`
        : undefined
  const properties = fact.get('properties')
  const named =
    typeof properties === 'object' && properties !== null
      ? Object.entries(properties).map(([name, value]) => `${name}=${textOf(value)}`)
      : []
  if (kind === 'telemetry') return [payload ?? '', ...named].filter((part) => part !== '').join('  ')
  const topic = textOf(fact.get('topic'))
  const others = [...fact]
    .filter(([name, value]) => !common.has(name) && value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${textOf(value)}`)
  return [topic, ...others, payload ?? ''].filter((part) => part !== '').join('  ')
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return ''
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : plainJson(value)
}
