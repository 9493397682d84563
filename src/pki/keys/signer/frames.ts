import { type Result, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'

/*
 * What the hub and its signer process say to each other, over one pipe: `length u32 LE | headerLength u16 LE | header, JSON | body`. The length
 * counts everything after itself. Questions carry what is to be signed as their body, answers the signature.
 */

/** Bounds of one frame. A list of revocations is the largest thing that is ever signed. */
export const frameLimits = { headerBytes: 16 * 1024, bodyBytes: 64 * 1024 * 1024 } as const

/** One frame, read or to be written. */
export type Frame = { readonly header: Json; readonly body: Buffer }

/** Writes one frame. Throws for what is beyond {@link frameLimits}: callers have bounded it. */
export function encodeFrame(header: Json, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const text = Buffer.from(JSON.stringify(header), 'utf8')
  if (text.length > frameLimits.headerBytes || body.length > frameLimits.bodyBytes) throw new Error('bug: a frame is too large')
  const out = Buffer.allocUnsafe(6 + text.length + body.length)
  out.writeUInt32LE(2 + text.length + body.length)
  out.writeUInt16LE(text.length, 4)
  text.copy(out, 6)
  out.set(body, 6 + text.length)
  return out
}

/** Cuts a stream of bytes into frames. After a refusal nothing more can be read from the stream. */
export class FrameReader {
  #chunks: Buffer[] = []
  #held = 0

  /** Takes what came; gives the frames that are complete. Refuses `pki/signer-malformed`. */
  push(chunk: Buffer): Result<readonly Frame[]> {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    const frames: Frame[] = []
    for (;;) {
      const length = this.#wanted()
      if (length !== undefined && (length < 2 || length > 2 + frameLimits.headerBytes + frameLimits.bodyBytes)) return malformed('length')
      if (length === undefined || this.#held < 4 + length) return ok(frames)
      const all = this.#chunks.length === 1 ? (this.#chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#chunks)
      const frame = readFrame(all.subarray(4, 4 + length))
      if (!frame.ok) return frame
      frames.push(frame.value)
      const rest = all.subarray(4 + length)
      this.#chunks = rest.length === 0 ? [] : [rest]
      this.#held = rest.length
    }
  }

  #wanted(): number | undefined {
    if (this.#held < 4) return undefined
    const first = this.#chunks[0]
    if (first === undefined || first.length < 4) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]?.readUInt32LE(0)
  }
}

function readFrame(bytes: Buffer): Result<Frame> {
  const headerLength = bytes.readUInt16LE(0)
  if (headerLength > frameLimits.headerBytes || 2 + headerLength > bytes.length) return malformed('header length')
  const header = parseJson(bytes.toString('utf8', 2, 2 + headerLength), frameLimits.headerBytes, 4)
  if (!header.ok) return malformed(header.error.message)
  return ok({ header: header.value, body: bytes.subarray(2 + headerLength) })
}

function malformed(detail: string): Result<never> {
  return refuse('pki/signer-malformed', 'The signer process and the hub do not understand each other.', detail)
}
