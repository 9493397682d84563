import type { Result } from '#base'
import { type HashName, bankName } from './algorithms.ts'
import { Cursor } from './cursor.ts'
import { limits } from './limits.ts'
import { Malformed, decoding } from './malformed.ts'

/** Clock of a TPM (TPMS_CLOCK_INFO). `clockMs` grows while it has power; `resetCount` with each start; `restartCount` with each resumption. */
export type TpmClock = { readonly clockMs: bigint; readonly resetCount: number; readonly restartCount: number; readonly safe: boolean }

/** Registers of one bank, by number, ascending. */
export type PcrSelection = { readonly bank: HashName | 'sha1'; readonly registers: readonly number[] }

/** What a TPM says and signs (TPMS_ATTEST, part 2, section 10.12): of a key that it holds, or of its registers. */
export type Attestation = {
  /** The bytes that are signed. */
  readonly bytes: Buffer
  /** The name of the signing key, with those of its parents (qualified name). */
  readonly signer: Buffer
  /** The nonce that whoever asked has given. */
  readonly nonce: Buffer
  readonly clock: TpmClock
  readonly firmware: bigint
  readonly says:
    | { readonly type: 'certify'; readonly name: Buffer; readonly qualifiedName: Buffer }
    | { readonly type: 'quote'; readonly selections: readonly PcrSelection[]; readonly digest: Buffer }
}

/** Reads a TPMS_ATTEST of a certification or a quote. Proves nothing: the signature is for {@link verifyTpmSignature}. */
export function parseAttestation(bytes: Buffer): Result<Attestation> {
  return decoding('attestation', () => {
    const cursor = new Cursor(bytes)
    // TPM_GENERATED_VALUE: a restricted key signs nothing with this beginning that does not come from inside the TPM.
    if (cursor.u32() !== 0xff54_4347) throw new Malformed('no TPM has made it')
    const type = cursor.u16()
    const signer = cursor.sized(66)
    const nonce = cursor.sized(limits.nonceBytes)
    const clock = { clockMs: cursor.u64(), resetCount: cursor.u32(), restartCount: cursor.u32(), safe: readFlag(cursor) }
    const firmware = cursor.u64()
    const says = readSaying(cursor, type)
    cursor.finish()
    return { bytes, signer, nonce, clock, firmware, says }
  })
}

function readFlag(cursor: Cursor): boolean {
  const value = cursor.u8()
  if (value > 1) throw new Malformed('a flag is neither yes nor no')
  return value === 1
}

function readSaying(cursor: Cursor, type: number): Attestation['says'] {
  if (type === 0x8017) return { type: 'certify', name: cursor.sized(66), qualifiedName: cursor.sized(66) }
  if (type === 0x8018) {
    const selections = readSelections(cursor)
    return { type: 'quote', selections, digest: cursor.sized(64) }
  }
  throw new Malformed('it is neither a certification nor a quote')
}

function readSelections(cursor: Cursor): readonly PcrSelection[] {
  const count = cursor.u32()
  if (count > limits.banks) throw new Malformed(`it selects more than ${limits.banks} banks`)
  const selections: PcrSelection[] = []
  for (let n = 0; n < count; n++) {
    const bank = bankName(cursor.u16())
    if (bank === undefined) throw new Malformed('it selects a bank that we do not know')
    if (selections.some((other) => other.bank === bank)) throw new Malformed('it selects a bank twice')
    const size = cursor.u8()
    if (size > limits.bankBytes) throw new Malformed('a bank has too many registers')
    const map = cursor.bytes(size)
    selections.push({ bank, registers: [...map].flatMap((byte, at) => bitsOf(byte).map((bit) => at * 8 + bit)) })
  }
  return selections
}

function bitsOf(byte: number): readonly number[] {
  return [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte & (1 << bit)) !== 0)
}
