import { createHash, createHmac } from 'node:crypto'
import { type HashName, hashBytes } from './algorithms.ts'
import { u32 } from './cursor.ts'

/** KDFa (part 1, section 11.4.10.2; SP 800-108 in counter mode): `bits`, a multiple of 8, from a key. The label is without its final zero. */
export function kdfa(hash: HashName, key: Buffer, label: string, u: Buffer, v: Buffer, bits: number): Buffer {
  return expand(hash, bits, (counter) =>
    createHmac(hash, key)
      .update(Buffer.concat([u32(counter), Buffer.from(`${label}\0`), u, v, u32(bits)]))
      .digest(),
  )
}

/** KDFe (part 1, section 11.4.10.3; SP 800-56A): `bits`, a multiple of 8, from the coordinate that two EC keys agree on. */
export function kdfe(hash: HashName, z: Buffer, label: string, u: Buffer, v: Buffer, bits: number): Buffer {
  return expand(hash, bits, (counter) =>
    createHash(hash)
      .update(Buffer.concat([u32(counter), z, Buffer.from(`${label}\0`), u, v]))
      .digest(),
  )
}

function expand(hash: HashName, bits: number, block: (counter: number) => Buffer): Buffer {
  const blocks: Buffer[] = []
  for (let counter = 1; (counter - 1) * hashBytes(hash) * 8 < bits; counter++) blocks.push(block(counter))
  return Buffer.concat(blocks).subarray(0, bits / 8)
}
