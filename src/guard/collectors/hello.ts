import type { TlsVersion } from '../evidence.ts'

/*
 * ClientHello bytes of our own making, and the first words of the answer. A TLS library offers only what it was built with and
 * what its security level permits, so "refused" through a library may mean that nothing was asked. These bytes always ask.
 */

/** What a ClientHello offers. Versions up to TLS 1.2; TLS 1.3 is probed by a whole handshake. */
export type HelloOffer = {
  readonly version: Exclude<TlsVersion, 'TLSv1.3'>
  readonly suites: readonly number[]
  readonly groups: readonly number[]
  readonly schemes: readonly number[]
  /** DNS name for the server name extension; none for an address. */
  readonly serverName: string | null
}

/** The first answer of a server: it chose a version and suite, it sent an alert, or it said something that is not TLS. */
export type HelloAnswer =
  | { readonly kind: 'more' }
  | { readonly kind: 'server-hello'; readonly version: TlsVersion; readonly suite: number }
  | { readonly kind: 'alert'; readonly description: number }
  | { readonly kind: 'not-tls' }

const codes: readonly (readonly [number, TlsVersion])[] = [
  [0x0300, 'SSLv3'],
  [0x0301, 'TLSv1'],
  [0x0302, 'TLSv1.1'],
  [0x0303, 'TLSv1.2'],
  [0x0304, 'TLSv1.3'],
]

/** A ClientHello record (RFC 5246 section 7.4.1.2; RFC 6101 for SSLv3, which has no extensions). `random` is 32 bytes. */
export function encodeClientHello(offer: HelloOffer, random: Uint8Array): Buffer {
  const code = codes.find(([, name]) => name === offer.version)?.[0] ?? 0x0303
  // 0x00ff says that we know secure renegotiation (RFC 5746): strict servers refuse a hello without it for that alone.
  const suites = words([...offer.suites, 0x00ff])
  const extensions =
    offer.version === 'SSLv3'
      ? Buffer.alloc(0)
      : block(
          2,
          Buffer.concat([
            offer.serverName === null
              ? Buffer.alloc(0)
              : extension(0, block(2, Buffer.concat([Buffer.from([0]), block(2, Buffer.from(offer.serverName))]))),
            extension(10, block(2, words(offer.groups))),
            extension(11, block(1, Buffer.from([0]))),
            extension(13, block(2, words(offer.schemes))),
          ]),
        )
  const body = Buffer.concat([words([code]), random.subarray(0, 32), Buffer.from([0]), block(2, suites), Buffer.from([1, 0]), extensions])
  const handshake = Buffer.concat([Buffer.from([1]), block(3, body)])
  // The record layer speaks TLS 1.0 at most (RFC 5246 appendix E.1): some servers refuse a later number there.
  return Buffer.concat([Buffer.from([22]), words([Math.min(code, 0x0301)]), block(2, handshake)])
}

/** Reads the first record of a server. Never throws, whatever the bytes. */
export function decodeHelloAnswer(input: Buffer): HelloAnswer {
  if (input.length < 1) return { kind: 'more' }
  if (input[0] !== 21 && input[0] !== 22) return { kind: 'not-tls' }
  if (input.length < 3) return { kind: 'more' }
  if (input[1] !== 3) return { kind: 'not-tls' }
  if (input.length < 7) return { kind: 'more' }
  if (input[0] === 21) return { kind: 'alert', description: input[6] ?? 0 }
  if (input[5] !== 2) return { kind: 'not-tls' }
  // Record header 5, handshake header 4, version 2, random 32, session id length 1 and at most 32, suite 2.
  if (input.length < 44) return { kind: 'more' }
  const sessionBytes = input[43] ?? 0
  if (sessionBytes > 32) return { kind: 'not-tls' }
  if (input.length < 46 + sessionBytes) return { kind: 'more' }
  const code = input.readUInt16BE(9)
  const version = codes.find(([number]) => number === code)?.[1]
  if (version === undefined) return { kind: 'not-tls' }
  return { kind: 'server-hello', version, suite: input.readUInt16BE(44 + sessionBytes) }
}

/**
 * The curve in a TLS 1.2 ServerKeyExchange (RFC 8422 section 5.4), looked for in the first flight of a server: its code point, null when
 * the flight ended or broke off without one, or `more` while bytes are still to come.
 */
export function decodeServerCurve(input: Buffer): number | null | 'more' {
  const fragments: Buffer[] = []
  let at = 0
  while (input.length >= at + 5) {
    const length = input.readUInt16BE(at + 3)
    if (input[at] !== 22 || length === 0) return null
    if (input.length < at + 5 + length) break
    fragments.push(input.subarray(at + 5, at + 5 + length))
    at += 5 + length
  }
  const messages = Buffer.concat(fragments)
  for (let from = 0; messages.length >= from + 4;) {
    const [type, length] = [messages[from], messages.readUIntBE(from + 1, 3)]
    // 12 is ServerKeyExchange, 3 is named_curve; 14 is ServerHelloDone.
    if (type === 12 && messages.length >= from + 7) return messages[from + 4] === 3 ? messages.readUInt16BE(from + 5) : null
    if (type === 14) return null
    from += 4 + length
  }
  return 'more'
}

function words(values: readonly number[]): Buffer {
  const out = Buffer.alloc(values.length * 2)
  for (const [i, value] of values.entries()) out.writeUInt16BE(value, i * 2)
  return out
}

function block(lengthBytes: 1 | 2 | 3, content: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes)
  length.writeUIntBE(content.length, 0, lengthBytes)
  return Buffer.concat([length, content])
}

function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([words([type]), block(2, content)])
}
