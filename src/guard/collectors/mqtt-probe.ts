/*
 * The five MQTT 3.1.1 packets that a probe needs, written by hand: a probe that shared the codec of the hub would share its faults.
 */

/** CONNECT (section 3.1) with a clean session and no user name: the identity is the certificate. */
export function encodeConnect(clientId: string, keepAliveSeconds: number): Buffer {
  const id = Buffer.from(clientId)
  const rest = Buffer.concat([text('MQTT'), Buffer.from([4, 2]), word(keepAliveSeconds), word(id.length), id])
  return packet(0x10, rest)
}

/** PUBLISH at QoS 1 (section 3.3). */
export function encodePublish(topic: string, packetId: number, payload: Buffer): Buffer {
  return packet(0x32, Buffer.concat([text(topic), word(packetId), payload]))
}

/** PINGREQ (section 3.12). */
export const pingRequest: Buffer = Buffer.from([0xc0, 0])

/** DISCONNECT (section 3.14). */
export const disconnect: Buffer = Buffer.from([0xe0, 0])

/** What the hub answered, as far as a probe cares. */
export type ProbeReply =
  | { readonly kind: 'connack'; readonly accepted: boolean }
  | { readonly kind: 'puback'; readonly packetId: number }
  | { readonly kind: 'other' }

/** Cuts whole packets off the front of `input`. Lengths above 64 KiB end the reading: no probe asks for so much. */
export function decodeReplies(input: Buffer): {
  readonly replies: readonly ProbeReply[]
  readonly rest: Buffer
  readonly malformed: boolean
} {
  const replies: ProbeReply[] = []
  let at = 0
  for (;;) {
    let length = 0
    let header = 1
    for (; header <= 4; header++) {
      const byte = input[at + header]
      if (byte === undefined) return { replies, rest: input.subarray(at), malformed: false }
      length += (byte & 0x7f) * 128 ** (header - 1)
      if ((byte & 0x80) === 0) break
    }
    if (header > 4 || length > 65_536) return { replies, rest: Buffer.alloc(0), malformed: true }
    const end = at + 1 + header + length
    if (input.length < end) return { replies, rest: input.subarray(at), malformed: false }
    const body = input.subarray(at + 1 + header, end)
    const type = (input[at] ?? 0) >> 4
    if (type === 2) replies.push({ kind: 'connack', accepted: body[1] === 0 })
    else if (type === 4 && body.length >= 2) replies.push({ kind: 'puback', packetId: body.readUInt16BE(0) })
    else replies.push({ kind: 'other' })
    at = end
  }
}

function packet(first: number, rest: Buffer): Buffer {
  const length: number[] = []
  let left = rest.length
  do {
    length.push((left & 0x7f) | (left > 127 ? 0x80 : 0))
    left >>= 7
  } while (left > 0)
  return Buffer.concat([Buffer.from([first, ...length]), rest])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([word(bytes.length), bytes])
}

function word(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}
