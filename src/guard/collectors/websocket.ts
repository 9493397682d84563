/*
 * As much of RFC 6455 as a probe needs to speak MQTT over WebSocket: one upgrade, binary frames out (masked, as clients must), whole
 * frames in. Fragments and pings of the server end the probe; the hub sends neither to a client that says so little.
 */

/** The upgrade request for MQTT (MQTT 3.1.1 section 6). `key` is 16 random bytes. */
export function encodeUpgrade(host: string, path: string, key: Buffer): Buffer {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key.toString('base64')}`,
    'Sec-WebSocket-Protocol: mqtt',
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
}

/** Reads the answer to the upgrade: still coming, refused, or open with the bytes that follow it. */
export function decodeUpgrade(
  input: Buffer,
): { readonly kind: 'more' } | { readonly kind: 'refused' } | { readonly kind: 'open'; readonly rest: Buffer } {
  const end = input.indexOf('\r\n\r\n')
  if (end < 0) return { kind: input.length > 16_384 ? 'refused' : 'more' }
  return input.subarray(0, 12).toString('latin1') === 'HTTP/1.1 101' ? { kind: 'open', rest: input.subarray(end + 4) } : { kind: 'refused' }
}

/** One whole binary frame of at most 65,535 bytes, masked with `mask` (4 bytes). */
export function encodeFrame(payload: Buffer, mask: Buffer): Buffer {
  const length =
    payload.length < 126 ? Buffer.from([0x80 | payload.length]) : Buffer.from([0x80 | 126, payload.length >> 8, payload.length & 0xff])
  const masked = Buffer.from(payload)
  for (let i = 0; i < masked.length; i++) masked[i] = (masked[i] ?? 0) ^ (mask[i % 4] ?? 0)
  return Buffer.concat([Buffer.from([0x82]), length, mask.subarray(0, 4), masked])
}

/** Takes the binary payloads off the front of `input`. `ended`: a close frame, or one that a probe does not read. */
export function decodeFrames(input: Buffer): { readonly payloads: readonly Buffer[]; readonly rest: Buffer; readonly ended: boolean } {
  const payloads: Buffer[] = []
  let at = 0
  for (;;) {
    const [first, second] = [input[at], input[at + 1]]
    if (first === undefined || second === undefined) break
    // A final, unmasked, binary frame; anything longer than 64 KiB is not for us.
    if (first !== 0x82 || second >= 127) return { payloads, rest: Buffer.alloc(0), ended: true }
    const header = second === 126 ? 4 : 2
    if (input.length < at + header) break
    const length = second === 126 ? input.readUInt16BE(at + 2) : second
    if (input.length < at + header + length) break
    payloads.push(input.subarray(at + header, at + header + length))
    at += header + length
  }
  return { payloads, rest: input.subarray(at), ended: false }
}
