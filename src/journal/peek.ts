/*
 * A look at a few bytes of a telemetry record, for who reads a whole journal and wants little of it. The grammar is in record.ts.
 */

/** Version of the record grammar. */
export const recordVersion = 1

/** Bytes before what a kind says for itself. */
export const recordPrefixBytes = 11

/** Kind of a telemetry record. */
export const telemetryNumber = 1

/** Kind of a telemetry record with the packet identifier that its message had: read as telemetry everywhere. */
export const receivedNumber = 17

/** Whether a record is telemetry. */
export function isTelemetry(bytes: Uint8Array): boolean {
  return bytes[0] === recordVersion && (bytes[1] === telemetryNumber || bytes[1] === receivedNumber)
}

/** Whether a record is a telemetry record with the RETAIN flag, by a look at three bytes. */
export function isRetainedTelemetry(bytes: Uint8Array): boolean {
  return isTelemetry(bytes) && ((bytes[2] ?? 0) & 4) !== 0
}

/** Whether a record is telemetry that a queue may hold, QoS 1 or 2, by the same look. */
export function isQueuedTelemetry(bytes: Uint8Array): boolean {
  return isTelemetry(bytes) && ((bytes[2] ?? 0) & 3) !== 0
}

/** Whether a record is telemetry that a stored session has received at QoS 2, by the same look. */
export function isReceivedTelemetry(bytes: Uint8Array): boolean {
  return bytes[0] === recordVersion && bytes[1] === receivedNumber
}

/** What a queue has to know of a message. `packetId` is 0 but for QoS 2 to a stored session. */
export type PeekedTelemetry = {
  readonly topic: string
  readonly qos: 1 | 2
  readonly retain: boolean
  readonly connection: string
  readonly packetId: number
}

/** The addresses of a telemetry record of QoS 1 or 2, without the rest; undefined when it is another record or is damaged. */
export function peekTelemetry(bytes: Buffer): PeekedTelemetry | undefined {
  const flags = bytes[2] ?? 0
  const qos = flags & 3
  if (!isTelemetry(bytes) || qos === 0 || qos === 3) return undefined
  const isReceived = bytes[1] === receivedNumber
  const start = recordPrefixBytes + (isReceived ? 2 : 0)
  const stamp = textAt(bytes, start)
  const topic = textAt(bytes, stamp.end)
  // Of the stamp's parts (device, auth, generation, connection, transport) the fourth.
  let part = textAt(bytes, start + 2)
  for (let skip = 0; skip < 3; skip++) part = textAt(bytes, part.end)
  if (topic.end > bytes.length || part.end > stamp.end) return undefined
  return {
    topic: bytes.toString('utf8', topic.start, topic.end),
    qos: qos === 1 ? 1 : 2,
    retain: (flags & 4) !== 0,
    connection: bytes.toString('utf8', part.start, part.end),
    packetId: isReceived ? bytes.readUInt16LE(recordPrefixBytes) : 0,
  }
}

/** Where a text with a length of two bytes before it lies; its end is beyond the record when it is cut. */
function textAt(bytes: Buffer, at: number): { readonly start: number; readonly end: number } {
  const length = (bytes[at] ?? 0xff) | ((bytes[at + 1] ?? 0xff) << 8)
  return { start: at + 2, end: at + 2 + length }
}
