import type { TpmClaim } from '#provisioning'
import type { RegistrationName } from './names.ts'

/*
 * The SASL mechanism TPM (azure-wire 6.8). The client begins with its id scope, its registration id and its endorsement key; we ask with one byte 0,
 * and it shows its storage root key; then goes out, in segments, a blob that only this TPM opens, and what it answers to the last is its token.
 */

/** What a client begins with. */
export type TpmInit = RegistrationName & Pick<TpmClaim, 'endorsementKey'>

/** Asks for the storage root key. */
export const askForRootKey = Buffer.from([0])

/** Bytes of a blob that one frame of SASL carries: such a frame has at most 512 (part 5, section 5.3.1), and clients were written for 470. */
const segmentBytes = 470
// The first byte of a segment: that it is one, that it is the last, and which, modulo 4, as clients other than Node's check.
const control = { segment: 0x80, last: 0x40, number: 0x03 } as const

/** Reads `\0{idScope}\0{registrationId}\0{endorsement key}`. Undefined for everything else. */
export function readTpmInit(bytes: Buffer | undefined): TpmInit | undefined {
  if (bytes?.[0] !== 0) return undefined
  const afterScope = bytes.indexOf(0, 1)
  const afterId = afterScope < 0 ? -1 : bytes.indexOf(0, afterScope + 1)
  if (afterId < 0) return undefined
  const idScope = bytes.toString('utf8', 1, afterScope)
  const registrationId = bytes.toString('utf8', afterScope + 1, afterId)
  // What the reader lends is overwritten by the next bytes.
  const endorsementKey = Buffer.from(bytes.subarray(afterId + 1))
  return idScope === '' || registrationId === '' || endorsementKey.length === 0 ? undefined : { idScope, registrationId, endorsementKey }
}

/** A copy of what follows the byte 0 of an answer; undefined where nothing does. */
export function readTpmAnswer(bytes: Buffer): Buffer | undefined {
  return bytes[0] === 0 && bytes.length > 1 ? Buffer.from(bytes.subarray(1)) : undefined
}

/** The segments of a blob, in order, none of which is too long for a frame of SASL. At most four: clients that number them count no further. */
export function tpmSegments(blob: Buffer): readonly Buffer[] {
  const count = Math.max(1, Math.ceil(blob.length / segmentBytes))
  if (count > control.number + 1) throw new Error('bug: a blob for a TPM is too long for its clients')
  return Array.from({ length: count }, (_, at) => {
    const first = control.segment | (at === count - 1 ? control.last : 0) | at
    return Buffer.concat([Buffer.from([first]), blob.subarray(at * segmentBytes, (at + 1) * segmentBytes)])
  })
}
