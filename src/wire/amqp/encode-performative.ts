import { type AmqpError, type Outcome, described, errorValue, outcomeValue } from './outcome.ts'
import { Writer, writeValue } from './writer.ts'
import { type Value, map, nothing, number, string, symbol } from './value.ts'

/** What we say. Fields that are left out have the standard's defaults. */
export type Saying =
  | {
      readonly type: 'open'
      readonly containerId: string
      readonly maxFrameBytes: number
      readonly channelMax: number
      readonly idleTimeoutMs: number
    }
  | {
      readonly type: 'begin'
      readonly remoteChannel: number
      readonly nextOutgoingId: number
      readonly incomingWindow: number
      readonly outgoingWindow: number
      readonly handleMax: number
    }
  | {
      readonly type: 'attach'
      readonly name: string
      readonly handle: number
      readonly role: 'sender' | 'receiver'
      readonly sndSettleMode: number
      readonly rcvSettleMode: number
      readonly source: Value
      readonly target: Value
      readonly initialDeliveryCount?: number | undefined
      readonly maxMessageBytes?: number | undefined
      readonly offeredCapabilities?: readonly string[] | undefined
      readonly properties?: ReadonlyMap<string, Value> | undefined
    }
  | {
      readonly type: 'flow'
      readonly nextIncomingId: number
      readonly incomingWindow: number
      readonly nextOutgoingId: number
      readonly outgoingWindow: number
      readonly link?:
        | { readonly handle: number; readonly deliveryCount: number; readonly credit: number; readonly drain: boolean }
        | undefined
    }
  | {
      readonly type: 'transfer'
      readonly handle: number
      readonly deliveryId: number
      readonly deliveryTag: Buffer
      readonly settled: boolean
      readonly more: boolean
    }
  | { readonly type: 'disposition'; readonly role: 'sender' | 'receiver'; readonly first: number; readonly state: Outcome | undefined }
  | { readonly type: 'detach'; readonly handle: number; readonly closed: boolean; readonly error?: AmqpError | undefined }
  | { readonly type: 'end' | 'close'; readonly error?: AmqpError | undefined }
  | { readonly type: 'sasl-mechanisms'; readonly mechanisms: readonly string[] }
  | { readonly type: 'sasl-challenge'; readonly challenge: Buffer }
  | { readonly type: 'sasl-outcome'; readonly code: number }

/** A frame of AMQP or SASL: the performative, then a piece of a message. */
export function encodeFrame(channel: number, saying: Saying, payload?: Buffer): Buffer {
  const writer = new Writer()
  writer.u32(0)
  writer.u8(2)
  writer.u8(saying.type.startsWith('sasl-') ? 1 : 0)
  writer.u16(channel)
  writeValue(writer, valueOf(saying))
  if (payload !== undefined) writer.bytes(payload)
  writer.patchSize(0, true)
  return writer.toBuffer()
}

/** A frame with nothing in it: a sign of life. */
export function heartbeat(): Buffer {
  return Buffer.from([0, 0, 0, 8, 2, 0, 0, 0])
}

const uint = (value: number) => number('uint', value)
const flag = (value: boolean): Value => ({ type: 'boolean', value })
const role = (value: 'sender' | 'receiver') => flag(value === 'receiver')
const orNothing = <T>(value: T | undefined, as: (value: T) => Value): Value => (value === undefined ? nothing : as(value))
const symbols = (names: readonly string[]): Value => ({ type: 'array', value: names.map(symbol) })

function valueOf(saying: Saying): Value {
  switch (saying.type) {
    case 'open':
      return described(0x10n, [
        string(saying.containerId),
        nothing,
        uint(saying.maxFrameBytes),
        number('ushort', saying.channelMax),
        uint(saying.idleTimeoutMs),
      ])
    case 'begin':
      return described(0x11n, [
        number('ushort', saying.remoteChannel),
        uint(saying.nextOutgoingId),
        uint(saying.incomingWindow),
        uint(saying.outgoingWindow),
        uint(saying.handleMax),
      ])
    case 'attach':
      return described(0x12n, [
        string(saying.name),
        uint(saying.handle),
        role(saying.role),
        number('ubyte', saying.sndSettleMode),
        number('ubyte', saying.rcvSettleMode),
        saying.source,
        saying.target,
        nothing,
        nothing,
        orNothing(saying.initialDeliveryCount, uint),
        orNothing(saying.maxMessageBytes, (bytes): Value => ({ type: 'ulong', value: BigInt(bytes) })),
        orNothing(saying.offeredCapabilities, symbols),
        nothing,
        orNothing(saying.properties, (properties) => map('symbol', properties)),
      ])
    case 'flow':
      return described(0x13n, [
        uint(saying.nextIncomingId),
        uint(saying.incomingWindow),
        uint(saying.nextOutgoingId),
        uint(saying.outgoingWindow),
        ...(saying.link === undefined
          ? []
          : [uint(saying.link.handle), uint(saying.link.deliveryCount), uint(saying.link.credit), nothing, flag(saying.link.drain)]),
      ])
    case 'transfer':
      return described(0x14n, [
        uint(saying.handle),
        uint(saying.deliveryId),
        { type: 'binary', value: saying.deliveryTag },
        uint(0),
        flag(saying.settled),
        flag(saying.more),
      ])
    case 'disposition':
      return described(0x15n, [role(saying.role), uint(saying.first), nothing, flag(true), orNothing(saying.state, outcomeValue)])
    case 'detach':
      return described(0x16n, [uint(saying.handle), flag(saying.closed), orNothing(saying.error, errorValue)])
    case 'end':
    case 'close':
      return described(saying.type === 'end' ? 0x17n : 0x18n, [orNothing(saying.error, errorValue)])
    case 'sasl-mechanisms':
      return described(0x40n, [symbols(saying.mechanisms)])
    case 'sasl-challenge':
      return described(0x42n, [{ type: 'binary', value: saying.challenge }])
    case 'sasl-outcome':
    default:
      return described(0x44n, [number('ubyte', saying.code)])
  }
}
