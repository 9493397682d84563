import { type Value, entriesOf, map, nothing, string, symbol, textOf } from './value.ts'

/** Why something did not work, in AMQP's words (part 2, section 2.8.14). `info` is for programs. */
export type AmqpError = {
  readonly condition: string
  readonly description?: string | undefined
  readonly info?: ReadonlyMap<string, Value> | undefined
}

/** What became of a delivery (part 3, section 3.4). `received` says nothing yet; `other` is a state that AMQP 1.0 does not have. */
export type Outcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'rejected'; readonly error?: AmqpError | undefined }
  | { readonly kind: 'released' }
  | { readonly kind: 'modified'; readonly deliveryFailed: boolean; readonly undeliverableHere: boolean }
  | { readonly kind: 'received' | 'other' }

const codes = { received: 0x23n, accepted: 0x24n, rejected: 0x25n, released: 0x26n, modified: 0x27n } as const
const names: ReadonlyMap<string, keyof typeof codes> = new Map([
  ['amqp:received:list', 'received'],
  ['amqp:accepted:list', 'accepted'],
  ['amqp:rejected:list', 'rejected'],
  ['amqp:released:list', 'released'],
  ['amqp:modified:list', 'modified'],
])

/** Reads a delivery state; undefined where there is none. */
export function outcomeOf(value: Value | undefined): Outcome | undefined {
  if (value === undefined || value.type === 'null') return undefined
  if (value.type !== 'described') return { kind: 'other' }
  const fields = value.value.type === 'list' ? value.value.value : []
  switch (kindOf(value.descriptor)) {
    case 'accepted':
      return { kind: 'accepted' }
    case 'rejected':
      return { kind: 'rejected', error: errorOf(fields[0]) }
    case 'released':
      return { kind: 'released' }
    case 'modified':
      return { kind: 'modified', deliveryFailed: isTrue(fields[0]), undeliverableHere: isTrue(fields[1]) }
    case 'received':
      return { kind: 'received' }
    case undefined:
    default:
      return { kind: 'other' }
  }
}

/** A delivery state as a value. */
export function outcomeValue(outcome: Outcome): Value {
  switch (outcome.kind) {
    case 'rejected':
      return described(codes.rejected, outcome.error === undefined ? [] : [errorValue(outcome.error)])
    case 'modified':
      return described(codes.modified, [
        { type: 'boolean', value: outcome.deliveryFailed },
        { type: 'boolean', value: outcome.undeliverableHere },
      ])
    case 'accepted':
    case 'released':
      return described(codes[outcome.kind], [])
    case 'received':
    case 'other':
    default:
      throw new Error('bug: this outcome is only ever heard')
  }
}

/** Reads an error; undefined where there is none. */
export function errorOf(value: Value | undefined): AmqpError | undefined {
  if (value?.type !== 'described' || value.value.type !== 'list') return undefined
  const [condition, description, info] = value.value.value
  return { condition: textOf(condition) ?? '', description: textOf(description), info: entriesOf(info) }
}

/** An error as a value. */
export function errorValue({ condition, description, info }: AmqpError): Value {
  return described(0x1dn, [
    symbol(condition),
    description === undefined ? nothing : string(description),
    info === undefined || info.size === 0 ? nothing : map('symbol', info),
  ])
}

/** A composite type: its numeric descriptor and its fields, without the empty ones at the end. */
export function described(code: bigint, fields: readonly Value[]): Value {
  const last = fields.findLastIndex((field) => field.type !== 'null')
  return { type: 'described', descriptor: { type: 'ulong', value: code }, value: { type: 'list', value: fields.slice(0, last + 1) } }
}

function kindOf(descriptor: Value): keyof typeof codes | undefined {
  if (descriptor.type === 'symbol') return names.get(descriptor.value)
  for (const kind of names.values()) if (descriptor.type === 'ulong' && descriptor.value === codes[kind]) return kind
  return undefined
}

function isTrue(value: Value | undefined): boolean {
  return value?.type === 'boolean' && value.value
}
