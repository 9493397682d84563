import { createHash, timingSafeEqual } from 'node:crypto'
import { type Random, type Result, Secret, ok, refuse } from '#base'
import { type Attestation, type Credential, type PublicArea, type TpmClock, has, isBornInside } from '#wire/tpm'
import { makeCredential, parseAttestation, parsePublicArea, parseTpmSignature, verifyTpmSignature } from '#wire/tpm'
import { parseSigningRequest } from '#wire/x509'
import { rootKey } from './challenge.ts'

/*
 * Theory of operation. A chain of four statements binds a key for certificates to one piece of hardware. The endorsement key is known to the operator. What is sealed
 * to it and to the name of an attestation key comes back only from the TPM that holds both. The attestation key is restricted, so its word on another key of the same TPM
 * is true: that key was made inside and can never leave. The signing request is signed by that key. A quote says besides how the machine was started, and when.
 */

/** A device whose TPM was asked, and what its answer must fit. For one answer: whoever keeps it forgets it when it is used. */
export type Asked = {
  readonly endorsementKey: PublicArea
  readonly attestationKey: PublicArea
  readonly secret: Secret
  readonly nonce: Buffer
}

/** Registers as they must be: SHA-256 bank, values of 32 bytes by number. */
export type Reference = ReadonlyMap<number, Buffer>

/** What a device brings: structures as a TPM made them, and a signing request (DER). */
export type Proof = {
  readonly secret: Buffer
  /** TPM2B_PUBLIC of the key that the certificate is for. */
  readonly key: Buffer
  readonly certification: Buffer
  readonly certificationSignature: Buffer
  readonly csr: Buffer
  readonly quote?: Quote | undefined
}

/** TPMS_ATTEST and TPMT_SIGNATURE of a quote. */
export type Quote = { readonly message: Buffer; readonly signature: Buffer }

/** What was proven, for the record of the device. Names are hexadecimal. */
export type Evidence = {
  readonly endorsementKey: string
  readonly attestationKey: string
  readonly key: string
  readonly clock: TpmClock | undefined
  readonly firmware: string | undefined
}

/**
 * Asks a TPM: a secret that comes back only if it holds both keys (TPM2B_PUBLIC), and a nonce for its quote. Whether the endorsement key is one that the
 * operator expects is the caller's to say. Refuses `tpm/malformed`, `tpm/not-a-storage-key`, `provisioning/tpm-key-loose`.
 */
export function askTpm(
  endorsementKey: Buffer,
  attestationKey: Buffer,
  random: Random,
): Result<Asked & { readonly credential: Credential }> {
  const endorsement = rootKey(endorsementKey)
  if (!endorsement.ok) return endorsement
  const attestation = parsePublicArea(attestationKey)
  if (!attestation.ok) return attestation
  // Not restricted, it would sign a forged attestation for whoever holds the device for a moment.
  if (!isBornInside(attestation.value) || !has(attestation.value, 'restricted', 'sign') || has(attestation.value, 'decrypt'))
    return refuse('provisioning/tpm-key-loose', 'The attestation key must be a restricted signing key that was made in the TPM.')
  const secret = random.bytes(32)
  const credential = makeCredential(endorsement.value, attestation.value.name, secret, random)
  if (!credential.ok) return credential
  const nonce = random.bytes(32)
  return ok({
    endorsementKey: endorsement.value,
    attestationKey: attestation.value,
    secret: new Secret(secret),
    nonce,
    credential: credential.value,
  })
}

/**
 * Verifies what a device brought against what it was asked, the registers that are expected (undefined: no quote is demanded), and the clock of its last
 * quote. Refuses `provisioning/tpm-evidence` with what did not hold in the detail, and `provisioning/tpm-clone-suspected`.
 */
export function verifyProof(asked: Asked, proof: Proof, reference: Reference | undefined, last: TpmClock | undefined): Result<Evidence> {
  if (!asked.secret.equals(proof.secret)) return no('the secret is not the one that was sealed to the TPM')
  const key = parsePublicArea(proof.key)
  if (!key.ok) return key
  if (!isBornInside(key.value) || !has(key.value, 'sign') || has(key.value, 'restricted'))
    return no('the key could leave the TPM, or signs nothing')
  const certification = signed(asked.attestationKey, { message: proof.certification, signature: proof.certificationSignature })
  if (!certification.ok) return certification
  const { says } = certification.value
  if (says.type !== 'certify' || !says.name.equals(key.value.name)) return no('the certification is of another key')
  const request = parseSigningRequest(proof.csr)
  if (!request.ok) return request
  const { kind } = key.value
  if (kind.type === 'keyed-hash' || !kind.key.export({ type: 'spki', format: 'der' }).equals(request.value.publicKey.der))
    return no('the signing request is for another key')
  const quoted = reference === undefined && proof.quote === undefined ? ok(undefined) : verifyQuote(asked, proof.quote, reference, last)
  if (!quoted.ok) return quoted
  return ok({
    endorsementKey: asked.endorsementKey.name.toString('hex'),
    attestationKey: asked.attestationKey.name.toString('hex'),
    key: key.value.name.toString('hex'),
    clock: quoted.value?.clock,
    firmware: quoted.value?.firmware.toString(16),
  })
}

/** Verifies a quote alone, as a device brings one again from time to time. Refuses as {@link verifyProof}. */
export function verifyQuote(
  { attestationKey, nonce }: Pick<Asked, 'attestationKey' | 'nonce'>,
  quote: Quote | undefined,
  reference: Reference | undefined,
  last: TpmClock | undefined,
): Result<Attestation> {
  if (quote === undefined) return no('a quote is demanded')
  const read = signed(attestationKey, quote)
  if (!read.ok) return read
  const { says, clock } = read.value
  if (says.type !== 'quote') return no('it is no quote')
  if (read.value.nonce.length !== nonce.length || !timingSafeEqual(read.value.nonce, nonce))
    return no('the quote was made for another nonce')
  if (reference !== undefined) {
    const [bank, ...more] = says.selections
    const wanted = [...reference.keys()].toSorted((a, b) => a - b)
    if (bank?.bank !== 'sha256' || more.length > 0 || bank.registers.join() !== wanted.join()) return no('other registers were quoted')
    const hash = createHash('sha256')
    for (const register of wanted) hash.update(reference.get(register) ?? Buffer.alloc(0))
    if (!hash.digest().equals(says.digest)) return no('the registers are not as expected')
  }
  // Sent again, as after an answer that was lost: no sign of a copy, and of nothing new either.
  if (last !== undefined && text(clock) === text(last)) return no('this quote was taken before')
  if (last !== undefined && !isLater(clock, last))
    return refuse('provisioning/tpm-clone-suspected', 'The clock of the TPM went backwards.', `${text(last)}, then ${text(clock)}`)
  return read
}

/** Whether one reading of a TPM's clock can follow another: a copy of its state counts on from the same place, and one of the two falls behind. */
function isLater(now: TpmClock, last: TpmClock): boolean {
  if (now.resetCount !== last.resetCount) return now.resetCount > last.resetCount
  if (now.restartCount !== last.restartCount) return now.restartCount > last.restartCount
  return now.clockMs > last.clockMs
}

function signed(key: PublicArea, { message, signature }: Quote): Result<Attestation> {
  const read = parseAttestation(message)
  if (!read.ok) return read
  const made = parseTpmSignature(signature)
  if (!made.ok) return made
  return verifyTpmSignature(key, message, made.value) ? read : no('the attestation key has not signed it')
}

function text({ clockMs, resetCount, restartCount }: TpmClock): string {
  return `start ${resetCount}.${restartCount} at ${clockMs} ms`
}

function no(detail: string): Result<never> {
  return refuse('provisioning/tpm-evidence', 'What the TPM said does not prove the key.', detail)
}
