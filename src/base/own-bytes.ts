/*
 * Small buffers of Node are slices of a shared pool of 64 KiB, and the smallest slice keeps all of its pool alive: 14,000 retained messages
 * of 200 bytes were found to hold 240 MB. What is kept for long is copied into slabs of our own, which are small and hold nothing else.
 */

const slabBytes = 4096
// More than a quarter of a slab gets memory of its own.
const smallBytes = slabBytes / 4
let slab = Buffer.alloc(0)

/** A copy of `bytes` that may be kept for long without keeping anything alive but some of its kind. */
export function ownBytes(bytes: Uint8Array): Buffer {
  const { length } = bytes
  if (length > smallBytes) {
    const whole = Buffer.allocUnsafeSlow(length)
    whole.set(bytes)
    return whole
  }
  if (slab.length < length) slab = Buffer.allocUnsafeSlow(slabBytes)
  const copy = slab.subarray(0, length)
  slab = slab.subarray(length)
  copy.set(bytes)
  return copy
}

/** The UTF-8 bytes of a text, to be kept as {@link ownBytes}. */
export function ownText(text: string): Buffer {
  return ownBytes(Buffer.from(text, 'utf8'))
}
