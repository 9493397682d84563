import { type DeviceId, type Instant, instant, parseDeviceId } from '#base'
import type { Row } from '#store'
import type { TpmClock } from '#wire/tpm'
import { type Json, parseJson } from '#wire/json'
import { optionalTextOf, textOf } from '../enrollment-rows.ts'
import { attestationLimits } from './limits.ts'

/** What a TPM has proven of a device. Names are those of TPM objects, hexadecimal. */
export type KeptEvidence = {
  readonly attestationKey: string
  /** TPM2B_PUBLIC of it: later quotes are verified with it. */
  readonly attestationPublic: Buffer
  /** The key that the certificate is for. */
  readonly key: string
  readonly clock: TpmClock
  /** Hexadecimal, as the TPM says it. */
  readonly firmware: string
  readonly provenAt: Instant
  readonly quotedAt: Instant
}

/** A device that is expected with a TPM. */
export type AttestedDevice = {
  readonly device: DeviceId
  /** The name of the endorsement key that the operator entered. */
  readonly endorsementKey: string
  readonly policy: string | undefined
  readonly evidence: KeptEvidence | undefined
  readonly cloneSuspectedAt: Instant | undefined
  readonly revision: number
}

/** In one word: not seen yet, proven, its quote older than a day, or used twice. */
export type AttestationState = 'expected' | 'attested' | 'overdue' | 'clone-suspected'

/** How a device stands at `now`. */
export function attestationState({ evidence, cloneSuspectedAt }: AttestedDevice, now: Instant): AttestationState {
  if (cloneSuspectedAt !== undefined) return 'clone-suspected'
  if (evidence === undefined) return 'expected'
  return now - evidence.quotedAt > attestationLimits.quoteMs ? 'overdue' : 'attested'
}

/** Reads a device back. Throws on a row that this room cannot have written. */
export function attestedDeviceOf(row: Row): AttestedDevice {
  const device = parseDeviceId(textOf(row, 'device'))
  if (!device.ok) throw new Error('bug: an attested device without a name')
  const evidence = optionalTextOf(row, 'evidence')
  const suspected = row['clone_suspected_at']
  return {
    device: device.value,
    endorsementKey: textOf(row, 'endorsement_key'),
    policy: optionalTextOf(row, 'policy'),
    evidence: evidence === undefined ? undefined : readEvidence(evidence),
    cloneSuspectedAt: typeof suspected === 'number' ? instant(suspected) : undefined,
    revision: Number(row['revision']),
  }
}

/** The text of kept evidence. */
export function evidenceText({ attestationPublic, clock, ...rest }: KeptEvidence): string {
  const { clockMs, resetCount, restartCount, safe } = clock
  return JSON.stringify({
    ...rest,
    attestationPublic: attestationPublic.toString('base64'),
    clock: { clockMs: String(clockMs), resetCount, restartCount, safe },
  })
}

function readEvidence(text: string): KeptEvidence {
  const read = parseJson(text)
  if (!read.ok) throw new Error('bug: kept evidence is no JSON')
  const clock = member(read.value, 'clock')
  return {
    attestationKey: textMember(read.value, 'attestationKey'),
    attestationPublic: Buffer.from(textMember(read.value, 'attestationPublic'), 'base64'),
    key: textMember(read.value, 'key'),
    clock: {
      clockMs: BigInt(textMember(clock, 'clockMs')),
      resetCount: Number(member(clock, 'resetCount')),
      restartCount: Number(member(clock, 'restartCount')),
      safe: member(clock, 'safe') === true,
    },
    firmware: textMember(read.value, 'firmware'),
    provenAt: instant(Number(member(read.value, 'provenAt'))),
    quotedAt: instant(Number(member(read.value, 'quotedAt'))),
  }
}

function member(value: Json, name: string): Json {
  const found =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value).find(([own]) => own === name) : undefined
  if (found === undefined) throw new Error(`bug: kept evidence without ${name}`)
  return found[1]
}

function textMember(value: Json, name: string): string {
  const found = member(value, name)
  if (typeof found !== 'string') throw new Error(`bug: ${name} of kept evidence is no text`)
  return found
}
