import { writeSync } from 'node:fs'

/** Writes a value to stdout, byte for byte, and zeroes it. Escaping would change it: who asked for it knows what it is. */
export function writeValue(value: Buffer): void {
  let written = 0
  while (written < value.length) written += writeSync(1, value, written)
  value.fill(0)
}
