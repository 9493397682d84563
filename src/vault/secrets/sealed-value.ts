import { type Random, type Result, Secret, ok, refuse } from '#base'
import { decrypt, encrypt } from '../envelope.ts'
import type { KeyWrapper } from './key-wrapper.ts'

/*
 * Theory of operation. A value is under a data key of its own (AES-256-GCM), and the data key is kept wrapped beside it:
 *   magic "TWS" and version 1 (4) | length of the wrapped key u16, big-endian | wrapped key | nonce (12) | ciphertext | tag (16)
 * The context (which secret, which version) is authenticated, so a sealed value put into another row does not open there.
 */

const magic = Buffer.from('TWS\u0001', 'latin1')
const headBytes = magic.length + 2

/** Seals `value` under a fresh data key. `context` says what it is and is needed to open it. */
export async function sealValue(value: Uint8Array, context: string, wrapper: KeyWrapper, random: Random): Promise<Buffer> {
  using key = new Secret(random.bytes(32))
  const wrapped = await wrapper.wrap(key)
  const head = Buffer.alloc(headBytes)
  magic.copy(head)
  head.writeUInt16BE(wrapped.length, magic.length)
  return key.use((bytes) => Buffer.concat([head, wrapped, encrypt(bytes, contextOf(head, context), value, random)]))
}

/** Opens what {@link sealValue} made for the same context. Refuses `vault/not-sealed`, `vault/damaged`, and what the wrapper refuses. */
export async function openValue(sealed: Buffer, context: string, wrapper: KeyWrapper): Promise<Result<Secret>> {
  const head = sealed.subarray(0, headBytes)
  if (head.length < headBytes || !head.subarray(0, magic.length).equals(magic))
    return refuse('vault/not-sealed', 'This is not a value that this version of the vault sealed.')
  const end = headBytes + head.readUInt16BE(magic.length)
  const opened = await wrapper.unwrap(sealed.subarray(headBytes, end))
  if (!opened.ok) return opened
  using key = opened.value
  const value = key.use((bytes) => decrypt(bytes, contextOf(head, context), sealed.subarray(end)))
  return value === undefined
    ? refuse('vault/damaged', 'This sealed value was changed, or was sealed for another purpose.', context)
    : ok(new Secret(value))
}

/** The same sealed value with its data key wrapped anew; the value itself is not touched. Undefined where `rewrap` has nothing to do, or it is no sealed value. */
export function rewrapValue(sealed: Buffer, rewrap: (wrapped: Buffer) => Buffer | undefined): Buffer | undefined {
  const head = sealed.subarray(0, headBytes)
  if (head.length < headBytes || !head.subarray(0, magic.length).equals(magic)) return undefined
  const end = headBytes + head.readUInt16BE(magic.length)
  const wrapped = rewrap(sealed.subarray(headBytes, end))
  // The head is authenticated with the value, so its length must stay.
  return wrapped?.length === end - headBytes ? Buffer.concat([head, wrapped, sealed.subarray(end)]) : undefined
}

function contextOf(head: Buffer, context: string): Buffer {
  return Buffer.concat([head, Buffer.from(context, 'utf8')])
}
