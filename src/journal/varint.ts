/*
 * Whole numbers in as few bytes as they need: seven bits in a byte, low ones first, the high bit set on all but the last (LEB128).
 * For lists of offsets, whose differences are small.
 */

/** Encodes whole numbers from 0 to 2^53 - 1. */
export function writeList(numbers: readonly number[]): Buffer {
  const bytes: number[] = []
  for (const number of numbers) {
    let rest = number
    while (rest >= 0x80) {
      bytes.push((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    bytes.push(rest)
  }
  return Buffer.from(bytes)
}

/** Reads all numbers of `bytes`; undefined when the last one is cut or one is 2^53 or more. */
export function readList(bytes: Uint8Array): readonly number[] | undefined {
  const numbers: number[] = []
  let value = 0
  let scale = 1
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale
    if (!Number.isSafeInteger(value)) return undefined
    if (byte < 0x80) {
      numbers.push(value)
      value = 0
      scale = 1
    } else scale *= 0x80
  }
  return scale === 1 ? numbers : undefined
}
