/** Unpredictable bytes, passed in so that tests can repeat a run by its seed. */
export interface Random {
  /** `count` bytes from a cryptographically strong source. */
  bytes(count: number): Buffer
}

/** A random (version 4) UUID, RFC 9562 section 5.4, in lower case. */
export function uuid(random: Random): string {
  const bytes = random.bytes(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
