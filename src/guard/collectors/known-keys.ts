/*
 * Shared keys that everybody knows: the ones that samples, tutorials and uninitialised memory produce. Their digests are compared with
 * those of the devices' keys; a device that uses one has no secret at all.
 */
const repeated = [0x00, 0x01, 0xff].flatMap((byte) => [16, 32, 64].map((length) => Buffer.alloc(length, byte)))
const counted = [16, 32, 64].map((length) => Buffer.from(Array.from({ length }, (_, i) => i)))
const words = [
  'password',
  'secret',
  'changeme',
  'default',
  'admin',
  'public',
  'test',
  'key',
  'devicekey',
  '0123456789abcdef',
  '0123456789ABCDEF',
].flatMap((word) => [
  Buffer.from(word),
  // Keys travel as base64: a sample's author often writes a word that happens to be decodable.
  Buffer.from(word, 'base64'),
])

/** Keys that are no secret. */
export const knownKeys: readonly Uint8Array[] = [...repeated, ...counted, ...words]
