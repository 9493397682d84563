export { decodePerformative } from './decode-performative.ts'
export { type Saying, encodeFrame, heartbeat } from './encode-performative.ts'
export { type Frame, FrameReader, minMaxFrameBytes, protocolHeader } from './frame.ts'
export type { Malformed } from './malformed.ts'
export { type AmqpMessage, type MessageProperties, decodeMessage, emptyMessage, encodeMessage } from './message.ts'
export type { AmqpError, Outcome } from './outcome.ts'
export type {
  Attach,
  Begin,
  Detach,
  Disposition,
  End,
  Flow,
  Open,
  Performative,
  SaslInit,
  SaslResponse,
  Terminus,
  Transfer,
} from './performative.ts'
export { type Value, entriesOf, long, map, nothing, number, string, symbol, textOf, wholeOf } from './value.ts'
