import { type DeviceId, type Instant, type Result, ok, plus, refuse } from '#base'
import { type Credential, type TpmClock, parsePublicArea } from '#wire/tpm'
import { parseCertificate } from '#wire/x509'
import { type Proof, type Quote, type Reference, askTpm, verifyProof, verifyQuote } from '../tpm/evidence.ts'
import { type AttestedDevice, type KeptEvidence, evidenceText } from './device.ts'
import type { Expected } from './expected.ts'
import { attestationLimits } from './limits.ts'
import type { AttestationPorts } from './ports.ts'
import { QuoteNonces, Waiting } from './waiting.ts'

/** What a device shows first: TPM2B_PUBLIC of two keys, and the certificate of the endorsement key with its issuers (DER, leaf first) if it has one. */
export type TpmShown = {
  readonly device: DeviceId
  readonly endorsementKey: Buffer
  readonly attestationKey: Buffer
  readonly endorsementCertificates: readonly Buffer[]
}

/** What it must answer. `registers` are those of the SHA-256 bank that must be quoted; undefined: any. */
export type TpmQuestion = {
  readonly id: string
  readonly credential: Credential
  readonly nonce: Buffer
  readonly registers: readonly number[] | undefined
  readonly expiresAt: Instant
}

/** A proof whole: of a key and of the state of the machine. */
export type WholeProof = Proof & { readonly quote: Quote }

/** The device side of attestation (design 6: attested hardware identity). Whoever is not expected is refused `provisioning/unauthorized`, whatever the reason. */
export interface Attesting {
  ask(shown: TpmShown, address: string): Promise<Result<TpmQuestion>>
  /** Verifies, records, issues: the chain, DER, leaf first. Refuses `provisioning/tpm-evidence`, `provisioning/tpm-clone-suspected`, and what an issuer refuses. */
  prove(id: string, proof: WholeProof, address: string): Promise<Result<readonly Buffer[]>>
  /** Anybody may ask for a nonce; what it is worth shows when it comes back. */
  askQuote(device: DeviceId): Promise<Pick<TpmQuestion, 'nonce' | 'registers' | 'expiresAt'>>
  /** Takes a quote for a nonce that was good until `expiresAt`. Resolves with when the next one is due. */
  takeQuote(device: DeviceId, expiresAt: Instant, quote: Quote, address: string): Promise<Result<Instant>>
}

/** Opens {@link Attesting}. */
export function openAttesting(ports: AttestationPorts, expected: Expected): Attesting {
  const { clock, random, tell } = ports
  const waiting = new Waiting(random)
  const nonces = new QuoteNonces(random)

  /** The refusal, told. A clone is remembered too. */
  async function refused(device: DeviceId, address: string, error: { readonly code: string; readonly detail?: string }): Promise<void> {
    const reason = (error.detail ?? error.code).slice(0, 256)
    const time = clock.now()
    if (error.code !== 'provisioning/tpm-clone-suspected')
      return tell({ kind: 'attestation-refused', time, device, address, code: error.code, reason })
    const mark = 'UPDATE attested_devices SET clone_suspected_at = ?, revision = revision + 1 WHERE device = ?'
    const what = { action: 'attestation.clone-suspected', resource: `device:${device}`, detail: { reason } }
    await ports.commit(ports.system, what, [{ sql: mark, args: [time, device] }])
    tell({ kind: 'tpm-clone-suspected', time, device, address, reason })
  }

  async function standing(device: DeviceId): Promise<Result<AttestedDevice>> {
    const found = await expected.find(device)
    if (found === undefined) return unknown('no TPM is expected of this device')
    if (found.cloneSuspectedAt !== undefined) return unknown('its TPM was suspected to be copied, and nobody has cleared that')
    if (ports.mayBeCertified?.(device) === false) return unknown('the device is not there, disabled, or known by something else')
    return ok(found)
  }

  async function demandsOf({
    policy,
  }: AttestedDevice): Promise<{ readonly reference: Reference | undefined; readonly roots: readonly Buffer[] }> {
    const found = policy === undefined ? undefined : await expected.policy(policy)
    return { reference: found === undefined || found.registers.size === 0 ? undefined : found.registers, roots: found?.roots ?? [] }
  }

  async function keep(found: AttestedDevice, evidence: KeptEvidence, action: string): Promise<boolean> {
    const { device, revision, endorsementKey, policy } = found
    const sql = 'UPDATE attested_devices SET evidence = ?, revision = revision + 1 WHERE device = ? AND revision = ?'
    const detail = { endorsementKey, key: evidence.key, policy: policy ?? null }
    const row = { sql, args: [evidenceText(evidence), device, revision], expect: 1 }
    const written = await ports.commit(ports.system, { action, resource: `device:${device}`, detail }, [row])
    if (written.ok)
      tell({
        kind: 'device-attested',
        time: clock.now(),
        device,
        endorsementKey,
        key: evidence.key,
        clock: clockText(evidence.clock),
        policy: policy ?? '',
      })
    return written.ok
  }

  async function asked({ device, endorsementKey, attestationKey, endorsementCertificates }: TpmShown): Promise<Result<TpmQuestion>> {
    const found = await standing(device)
    if (!found.ok) return found
    const question = askTpm(endorsementKey, attestationKey, random)
    if (!question.ok) return question
    if (question.value.endorsementKey.name.toString('hex') !== found.value.endorsementKey)
      return unknown('the endorsement key is another one')
    const { reference, roots } = await demandsOf(found.value)
    const made = roots.length === 0 ? ok(undefined) : isMadeBy(ports, roots, question.value.endorsementKey, endorsementCertificates)
    if (!made.ok) return made
    const expiresAt = plus(clock.now(), attestationLimits.waitingMs)
    const { credential, nonce } = question.value
    const id = waiting.add({ device, expiresAt, asked: question.value, attestationPublic: attestationKey })
    return ok({ id, credential, nonce, registers: reference && [...reference.keys()], expiresAt })
  }

  return {
    async ask(shown, address) {
      const answer = await asked(shown)
      if (!answer.ok) await refused(shown.device, address, answer.error)
      return answer
    },
    async prove(id, proof, address) {
      const asking = waiting.take(id, clock.now())
      if (asking === undefined) return unknown('nothing was asked under this id, or too long ago, or it was answered already')
      const { device, attestationPublic } = asking
      using _secret = asking.asked.secret
      const found = await standing(device)
      const { reference } = found.ok ? await demandsOf(found.value) : { reference: undefined }
      const verified = found.ok ? verifyProof(asking.asked, proof, reference, found.value.evidence?.clock) : found
      if (!verified.ok || !found.ok) {
        if (!verified.ok) await refused(device, address, verified.error)
        return verified.ok ? unknown('') : verified
      }
      const { attestationKey, key, clock: at, firmware } = verified.value
      if (at === undefined) throw new Error('bug: a proof without a quote')
      const now = clock.now()
      const evidence = { attestationKey, attestationPublic, key, clock: at, firmware: firmware ?? '', provenAt: now, quotedAt: now }
      if (!(await keep(found.value, evidence, 'attestation.prove'))) return meanwhile
      const issued = await ports.issue?.(device, proof.csr, { name: 'attestation', lifetimeMs: undefined })
      return issued ?? unknown('this hub issues no certificates')
    },
    async askQuote(device) {
      const expiresAt = plus(clock.now(), attestationLimits.waitingMs)
      const found = await expected.find(device)
      const reference = found === undefined ? undefined : (await demandsOf(found)).reference
      return { nonce: nonces.of(device, expiresAt), registers: reference && [...reference.keys()], expiresAt }
    },
    async takeQuote(device, expiresAt, quote, address) {
      const now = clock.now()
      const found = await standing(device)
      const kept = found.ok ? found.value.evidence : undefined
      const late = expiresAt < now || expiresAt > now + attestationLimits.waitingMs
      const verified =
        !found.ok || kept === undefined || late
          ? unknown(found.ok ? (late ? 'the nonce is too old' : 'no key was proven yet') : (found.error.detail ?? ''))
          : await quoted(found.value, kept, nonces.of(device, expiresAt), quote)
      if (!verified.ok) {
        await refused(device, address, verified.error)
        return verified
      }
      const { device: before, evidence, at, firmware } = verified.value
      const after = { ...evidence, clock: at, firmware: firmware.toString(16), quotedAt: now }
      return (await keep(before, after, 'attestation.quote')) ? ok(plus(now, attestationLimits.quoteMs)) : meanwhile
    },
  }

  async function quoted(device: AttestedDevice, evidence: KeptEvidence, nonce: Buffer, quote: Quote) {
    const attestationKey = parsePublicArea(evidence.attestationPublic)
    if (!attestationKey.ok) throw new Error('bug: a kept attestation key cannot be read')
    const { reference } = await demandsOf(device)
    const read = verifyQuote({ attestationKey: attestationKey.value, nonce }, quote, reference, evidence.clock)
    return read.ok ? ok({ device, evidence, at: read.value.clock, firmware: read.value.firmware }) : read
  }
}

/** Whether a certificate for this endorsement key leads to a manufacturer that the operator named. */
function isMadeBy(
  { verifyEndorsement, clock }: AttestationPorts,
  roots: readonly Buffer[],
  { kind }: { readonly kind: { readonly type: string; readonly key?: { export(as: { type: 'spki'; format: 'der' }): Buffer } } },
  certificates: readonly Buffer[],
): Result<void> {
  const [leaf] = certificates
  if (leaf === undefined) return unknown('the policy demands a certificate of the endorsement key')
  const read = parseCertificate(leaf)
  if (!read.ok) return read
  if (kind.key?.export({ type: 'spki', format: 'der' }).equals(read.value.publicKey.der) !== true)
    return unknown('the certificate is of another endorsement key')
  const path = verifyEndorsement?.(roots, certificates, clock.now()) ?? unknown('nobody verifies such certificates here')
  return path.ok ? ok(undefined) : unknown(`the certificate of the endorsement key: ${path.error.message} (${path.error.code})`)
}

const meanwhile = refuse('provisioning/attestation-changed-meanwhile', 'The device was changed meanwhile; try again.')

function clockText({ clockMs, resetCount, restartCount }: TpmClock): string {
  return `${resetCount}.${restartCount} at ${clockMs} ms`
}

function unknown(detail: string): Result<never> {
  return refuse('provisioning/unauthorized', 'Not authorized.', detail)
}
