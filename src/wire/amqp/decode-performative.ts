import { Cursor } from './cursor.ts'
import { readValue } from './decode-value.ts'
import { Fields } from './fields.ts'
import type { Frame } from './frame.ts'
import { type Malformed, malformed } from './malformed.ts'
import { errorOf, outcomeOf } from './outcome.ts'
import type { Performative, Terminus } from './performative.ts'
import { type Value, entriesOf, textOf } from './value.ts'

const longest = 0xffff_ffff

/** Descriptors of AMQP 1.0, by number and by name; clients use either. */
const descriptors: ReadonlyMap<bigint | string, Performative['type']> = new Map<bigint | string, Performative['type']>([
  [0x10n, 'open'],
  [0x11n, 'begin'],
  [0x12n, 'attach'],
  [0x13n, 'flow'],
  [0x14n, 'transfer'],
  [0x15n, 'disposition'],
  [0x16n, 'detach'],
  [0x17n, 'end'],
  [0x18n, 'close'],
  [0x41n, 'sasl-init'],
  [0x43n, 'sasl-response'],
  ['amqp:open:list', 'open'],
  ['amqp:begin:list', 'begin'],
  ['amqp:attach:list', 'attach'],
  ['amqp:flow:list', 'flow'],
  ['amqp:transfer:list', 'transfer'],
  ['amqp:disposition:list', 'disposition'],
  ['amqp:detach:list', 'detach'],
  ['amqp:end:list', 'end'],
  ['amqp:close:list', 'close'],
  ['amqp:sasl-init:list', 'sasl-init'],
  ['amqp:sasl-response:list', 'sasl-response'],
])

/** What a frame says, and what follows it: the bytes of a transfer. */
export type Said = { readonly kind: 'said'; readonly performative: Performative; readonly payload: Buffer }

/** Decodes the body of a frame, which must not be empty. Fields that are missing have the standard's defaults. */
export function decodePerformative(frame: Extract<Frame, { kind: 'frame' }>): Said | Malformed {
  const cursor = new Cursor(frame.body)
  const value = readValue(cursor)
  if (cursor.failure !== undefined) return cursor.failure
  if (value.type !== 'described' || value.value.type !== 'list') return malformed('2.7', 'A frame holds something that is no performative.')
  const type = typeOf(value.descriptor)
  if (type === undefined || (type === 'sasl-init' || type === 'sasl-response') !== (frame.protocol === 'sasl'))
    return malformed('2.7', 'A frame holds a performative that has no place there.')
  const fields = new Fields(value.value.value, type)
  const performative = read(type, fields)
  return fields.failure ?? { kind: 'said', performative, payload: cursor.rest() }
}

function typeOf(descriptor: Value): Performative['type'] | undefined {
  return descriptor.type === 'ulong' || descriptor.type === 'symbol' ? descriptors.get(descriptor.value) : undefined
}

function read(type: Performative['type'], fields: Fields): Performative {
  switch (type) {
    case 'open':
      return {
        type,
        containerId: fields.mandatory(fields.text(0), ''),
        hostname: fields.text(1),
        maxFrameBytes: fields.whole(2) ?? longest,
        channelMax: fields.whole(3) ?? 0xffff,
        idleTimeoutMs: fields.whole(4),
        properties: entriesOf(fields.at(9)),
      }
    case 'begin':
      return {
        type,
        remoteChannel: fields.whole(0),
        nextOutgoingId: fields.mandatory(fields.whole(1), 0),
        incomingWindow: fields.mandatory(fields.whole(2), 0),
        outgoingWindow: fields.mandatory(fields.whole(3), 0),
        handleMax: fields.whole(4) ?? longest,
      }
    case 'attach':
      return {
        type,
        name: fields.mandatory(fields.text(0), ''),
        handle: fields.mandatory(fields.whole(1), 0),
        role: fields.mandatory(fields.flag(2), false) ? 'receiver' : 'sender',
        sndSettleMode: fields.whole(3) ?? 2,
        rcvSettleMode: fields.whole(4) ?? 0,
        source: terminusOf(fields.at(5), 7),
        target: terminusOf(fields.at(6), undefined),
        initialDeliveryCount: fields.whole(9),
        maxMessageBytes: fields.whole(10),
        desiredCapabilities: symbolsOf(fields.at(12)),
        properties: entriesOf(fields.at(13)),
      }
    case 'flow':
      return {
        type,
        nextIncomingId: fields.whole(0),
        incomingWindow: fields.mandatory(fields.whole(1), 0),
        nextOutgoingId: fields.mandatory(fields.whole(2), 0),
        outgoingWindow: fields.mandatory(fields.whole(3), 0),
        handle: fields.whole(4),
        deliveryCount: fields.whole(5),
        linkCredit: fields.whole(6),
        drain: fields.flag(8) ?? false,
        echo: fields.flag(9) ?? false,
      }
    case 'transfer':
      return {
        type,
        handle: fields.mandatory(fields.whole(0), 0),
        deliveryId: fields.whole(1),
        deliveryTag: fields.binary(2),
        messageFormat: fields.whole(3),
        settled: fields.flag(4) ?? false,
        more: fields.flag(5) ?? false,
        aborted: fields.flag(9) ?? false,
      }
    case 'disposition': {
      const first = fields.mandatory(fields.whole(1), 0)
      return {
        type,
        role: fields.mandatory(fields.flag(0), false) ? 'receiver' : 'sender',
        first,
        last: fields.whole(2) ?? first,
        settled: fields.flag(3) ?? false,
        state: outcomeOf(fields.at(4)),
      }
    }
    case 'detach':
      return { type, handle: fields.mandatory(fields.whole(0), 0), closed: fields.flag(1) ?? false, error: errorOf(fields.at(2)) }
    case 'end':
    case 'close':
      return { type, error: errorOf(fields.at(0)) }
    case 'sasl-response':
      return { type, response: fields.mandatory(fields.binary(0), Buffer.alloc(0)) }
    case 'sasl-init':
    default:
      return {
        type: 'sasl-init',
        mechanism: fields.mandatory(fields.text(0), ''),
        initialResponse: fields.binary(1),
        hostname: fields.text(2),
      }
  }
}

/** A source or target, or a coordinator, which is none of ours and has no address. */
function terminusOf(value: Value | undefined, filterAt: number | undefined): Terminus | undefined {
  if (value?.type !== 'described' || value.value.type !== 'list') return undefined
  const fields = value.value.value
  return { address: textOf(fields[0]), filter: entriesOf(filterAt === undefined ? undefined : fields[filterAt]), whole: value }
}

function symbolsOf(value: Value | undefined): readonly string[] {
  const list = value?.type === 'array' || value?.type === 'list' ? value.value : value === undefined ? [] : [value]
  return list.map((one) => textOf(one)).filter((text) => text !== undefined)
}
