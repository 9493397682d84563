import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { Fault, type Random, type Secret } from '#base'

/*
 * A file at rest: 16 bytes of salt, then frames of 64 KiB, each encrypted with AES-256-GCM and followed by its tag. Each file has a key of its own, made of
 * the hub's and the salt, so a nonce is the number of the frame and whether it is the last: frames cannot be swapped, and an end cannot be cut, unnoticed.
 */

const saltBytes = 16
const tagBytes = 16
const frameBytes = 64 * 1024

/** Bytes of content in a sealed file of `sealed` bytes. */
export function contentBytes(sealed: number): number {
  const frames = Math.max(1, Math.ceil((sealed - saltBytes) / (frameBytes + tagBytes)))
  return Math.max(0, sealed - saltBytes - frames * tagBytes)
}

/** Seals bytes as they come. */
export async function* sealFrames(key: Secret, random: Random, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const salt = random.bytes(saltBytes)
  const fileKey = fileKeyOf(key, salt)
  yield salt
  let number = 0
  for await (const { frame, isLast } of framesOf(chunks, frameBytes)) {
    const cipher = createCipheriv('aes-256-gcm', fileKey, nonceOf(number++, isLast))
    yield Buffer.concat([cipher.update(frame), cipher.final(), cipher.getAuthTag()])
  }
}

/** Opens what {@link sealFrames} sealed. Throws the Fault `hub/file-damaged` when it is not that, whole. */
export async function* openFrames(key: Secret, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let fileKey: Buffer | undefined
  let number = 0
  for await (const { frame, isLast } of framesOf(chunks, frameBytes + tagBytes, saltBytes)) {
    if (fileKey === undefined) {
      if (frame.length !== saltBytes) throw damaged()
      fileKey = fileKeyOf(key, frame)
      continue
    }
    if (frame.length < tagBytes) throw damaged()
    const decipher = createDecipheriv('aes-256-gcm', fileKey, nonceOf(number++, isLast))
    decipher.setAuthTag(frame.subarray(frame.length - tagBytes))
    let opened: Buffer
    try {
      opened = Buffer.concat([decipher.update(frame.subarray(0, frame.length - tagBytes)), decipher.final()])
    } catch (error) {
      throw damaged(error)
    }
    if (opened.length > 0) yield opened
  }
  if (number === 0) throw damaged()
}

/** Cuts bytes into frames of `size` (the first of `firstSize`); the last is what remains, and there is always one. */
async function* framesOf(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
  firstSize = size,
): AsyncGenerator<{ readonly frame: Buffer; readonly isLast: boolean }> {
  let held: Uint8Array[] = []
  let bytes = 0
  let want = firstSize
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue
    held.push(chunk)
    bytes += chunk.length
    // A full frame is given out when it is known that something follows.
    while (bytes > want) {
      const whole = asOne(held)
      yield { frame: whole.subarray(0, want), isLast: false }
      held = [whole.subarray(want)]
      bytes -= want
      want = size
    }
  }
  yield { frame: asOne(held), isLast: true }
}

/** Without a copy where there is one already: a large chunk is cut into many frames. */
function asOne(held: readonly Uint8Array[]): Buffer {
  const [first] = held
  return held.length === 1 && first !== undefined ? Buffer.from(first.buffer, first.byteOffset, first.byteLength) : Buffer.concat(held)
}

function fileKeyOf(key: Secret, salt: Buffer): Buffer {
  return key.use((bytes) => createHmac('sha256', bytes).update('file\n').update(salt).digest())
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(number, 4)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

function damaged(cause?: unknown): Fault {
  return new Fault('hub/file-damaged', 'A stored file is damaged, or is not the one that was stored.', cause)
}
