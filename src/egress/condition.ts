import { type Result, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import {
  type Expression,
  type Path,
  type QueryValue,
  type Truth,
  compileCondition,
  parseCondition,
  routeDialect,
  valueAt,
} from '#wire/query'
import type { RoutedEvent } from './event.ts'
import { egressLimits } from './limits.ts'

/** A twin as conditions and enrichments look at it. */
export type TwinView = { readonly tags: Json; readonly properties: { readonly desired: Json; readonly reported: Json } }

/** A condition, ready. `asksTwin`: it looks at the sender's twin, so {@link Judged} must have it. */
export type Compiled = { readonly matches: (subject: Judged) => Truth; readonly asksTwin: boolean }

/** Why a condition is none, and where; line and column count from 1. */
export type ConditionProblem = { readonly message: string; readonly at: number; readonly line: number; readonly column: number }

/** What conditions call a system property, and where events have it (azure-wire 9.2; the last is ours). */
const systemNames: ReadonlyMap<string, string> = new Map([
  ['$contentType', 'content-type'],
  ['$contentEncoding', 'content-encoding'],
  ['$connectionDeviceId', 'iothub-connection-device-id'],
  ['$connectionModuleId', 'iothub-connection-module-id'],
  ['$enqueuedTime', 'iothub-enqueuedtime'],
  ['$messageId', 'message-id'],
  ['$userId', 'user-id'],
  ['$correlationId', 'correlation-id'],
  ['$connectionAuthMethod', 'iothub-connection-auth-method'],
  ['$connectionDeviceGenerationId', 'iothub-connection-auth-generation-id'],
  ['$dt-dataschema', 'message-schema'],
  ['$dt-subject', 'dt-subject'],
  ['$mqtt-topic', 'mqtt-topic'],
])

/** An event as conditions see it: what they ask for is made once, at the first asking. */
export class Judged {
  readonly event: Omit<RoutedEvent, 'offset'>
  readonly twin: TwinView | undefined
  #names: Map<string, string | null> | undefined
  #body: { readonly value: QueryValue } | undefined

  constructor(event: Omit<RoutedEvent, 'offset'>, twin: TwinView | undefined) {
    this.event = event
    this.twin = twin
  }

  /** An application property; names do not mind case. */
  property(lowerName: string): QueryValue {
    if (this.#names === undefined) {
      this.#names = new Map()
      for (const name in this.event.properties) this.#names.set(name.toLowerCase(), this.event.properties[name] ?? null)
    }
    return this.#names.get(lowerName)
  }

  /** The body as JSON, where it says that it is; else undefined. */
  get body(): QueryValue {
    return (this.#body ??= { value: bodyOf(this.event) }).value
  }
}

/** Reads and compiles a condition; empty is true of everything. Never throws. */
export function compile(text: string): Result<Compiled, ConditionProblem> {
  const parsed = parseCondition(text, routeDialect)
  if (!parsed.ok) {
    const { message, hint, at, line, column } = parsed.error
    return { ok: false, error: { message: hint === undefined ? message : `${message} ${hint}`, at, line, column } }
  }
  let asksTwin = false
  let unknown: Path | undefined
  const bind = (path: Path) => {
    const [first] = path.steps
    if (first === '$twin' && !path.isProperty) asksTwin = true
    const read = readerOf(path)
    if (read === undefined) unknown ??= path
    return read ?? (() => undefined)
  }
  const where: Expression | undefined = parsed.value.where
  const matches = compileCondition<Judged>(where, routeDialect, bind)
  if (unknown === undefined) return ok({ matches, asksTwin })
  return { ok: false, error: { ...placeOf(text, unknown.at), message: `There is no ${unknown.steps.join('.')}: ${knownNames}` } }
}

/** As {@link compile}, refusing `egress/condition-malformed` with the place. */
export function compileOrRefuse(text: string): Result<Compiled> {
  const compiled = compile(text)
  if (compiled.ok) return compiled
  const { message, line, column } = compiled.error
  return refuse('egress/condition-malformed', `The condition, line ${line}, column ${column}: ${message}`.slice(0, 500))
}

const knownNames = `names with $ are ${[...systemNames.keys()].join(', ')}, $body and $twin; write {$name} for a property of that name.`

function readerOf({ steps, isProperty }: Path): ((subject: Judged) => QueryValue) | undefined {
  const [first, ...rest] = steps
  if (typeof first !== 'string') return undefined
  if (!isProperty && first.startsWith('$')) {
    if (first === '$body') return (subject) => valueAt(subject.body, rest)
    if (first === '$twin') return twinReader(rest)
    const system = rest.length === 0 ? systemNames.get(first) : undefined
    return system === undefined ? undefined : (subject) => subject.event.system[system] ?? undefined
  }
  // Names of properties may have dots.
  const name = steps.join('.').toLowerCase()
  return (subject) => subject.property(name)
}

function twinReader(steps: readonly (string | number)[]): ((subject: Judged) => QueryValue) | undefined {
  const [first, second] = steps
  const isKnown = first === 'tags' || (first === 'properties' && (second === 'desired' || second === 'reported'))
  return isKnown ? ({ twin }) => (twin === undefined ? undefined : valueAt(twin, steps)) : undefined
}

function bodyOf({ system, body }: Omit<RoutedEvent, 'offset'>): QueryValue {
  if (body.length > egressLimits.queriedBodyBytes || !isJson(system['content-type'])) return undefined
  const text = decode(body, (system['content-encoding'] ?? '').toLowerCase())
  if (text === undefined) return undefined
  const parsed = parseJson(text, 4 * egressLimits.queriedBodyBytes, egressLimits.queriedBodyDepth)
  return parsed.ok ? parsed.value : undefined
}

function isJson(contentType: string | null | undefined): boolean {
  return contentType !== null && contentType !== undefined && /^application\/json(?:$|[;\s])/i.test(contentType)
}

/** The text of a body in one of the encodings that IoT Hub looks into; undefined for others, and for what is none. */
function decode(body: Buffer, encoding: string): string | undefined {
  try {
    if (encoding === 'utf-8' || encoding === 'utf8') return new TextDecoder('utf-8', { fatal: true }).decode(body)
    if (encoding === 'utf-16') {
      const isBig = body[0] === 0xfe && body[1] === 0xff
      return new TextDecoder(isBig ? 'utf-16be' : 'utf-16le', { fatal: true }).decode(body)
    }
    return encoding === 'utf-32' ? decodeUtf32(body) : undefined
  } catch {
    return undefined
  }
}

function decodeUtf32(body: Buffer): string {
  const isBig = body.length >= 4 && body.readUInt32BE(0) === 0xfeff
  let text = ''
  for (let at = 0; at < body.length; at += 4) {
    const point = isBig ? body.readUInt32BE(at) : body.readUInt32LE(at)
    if (at > 0 || point !== 0xfeff) text += String.fromCodePoint(point)
  }
  return text
}

function placeOf(text: string, at: number): { readonly at: number; readonly line: number; readonly column: number } {
  const before = text.slice(0, at).split('\n')
  return { at, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}
