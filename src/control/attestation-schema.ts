import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { type Instant, isoTime } from '#base'
import { type AttestationPolicy, type AttestedDevice, attestationLimits, attestationState } from '#provisioning'
import { time } from './schema.ts'

/* The shapes of attestation by TPM; see schema.ts for the rules. */

const closed = { additionalProperties: false } as const
const text = Type.String()
const policyName = Type.String({ minLength: 1, maxLength: 64 })

const register = Type.Object(
  {
    register: Type.Integer({ minimum: 0, maximum: attestationLimits.registers - 1 }),
    sha256: Type.String({ pattern: '^[0-9a-fA-F]{64}$' }),
  },
  { ...closed, title: 'TpmRegister' },
)

/** What is demanded of the TPMs of some devices. */
export const attestationPolicyInput = Type.Object(
  {
    name: policyName,
    registers: Type.Optional(Type.Array(register, { maxItems: attestationLimits.registers })),
    rootsPem: Type.Optional(Type.String({ maxLength: 256 * 1024 })),
  },
  { ...closed, title: 'AttestationPolicyInput' },
)

/** A policy; its roots by the SHA-256 of their DER. */
export const attestationPolicy = Type.Object(
  { name: text, registers: Type.Array(register), roots: Type.Array(text), createdAt: time },
  { ...closed, title: 'AttestationPolicy' },
)

/** The endorsement key of a device, TPM2B_PUBLIC in base64, and the policy that it is held to. */
export const expectationInput = Type.Object(
  { endorsementKey: Type.String({ minLength: 1, maxLength: 4_096 }), policy: Type.Optional(policyName) },
  { ...closed, title: 'TpmExpectationInput' },
)

const evidence = Type.Object(
  {
    attestationKey: text,
    key: text,
    clock: Type.Object({ clockMs: text, resetCount: Type.Integer(), restartCount: Type.Integer(), safe: Type.Boolean() }, closed),
    firmware: text,
    provenAt: time,
    quotedAt: time,
  },
  { ...closed, title: 'TpmEvidence' },
)

/** What a TPM has proven of a device. Names of keys are those of TPM objects, hexadecimal. */
export const attestedDevice = Type.Object(
  {
    device: text,
    state: Type.Union([Type.Literal('expected'), Type.Literal('attested'), Type.Literal('overdue'), Type.Literal('clone-suspected')]),
    endorsementKey: text,
    policy: Type.Optional(text),
    evidence: Type.Optional(evidence),
    cloneSuspectedAt: Type.Optional(time),
  },
  { ...closed, title: 'AttestedDevice' },
)

/** A policy as the API shows it. */
export function attestationPolicyView({ name, registers, roots, createdAt }: AttestationPolicy): Static<typeof attestationPolicy> {
  return {
    name,
    registers: [...registers].map(([number, value]) => ({ register: number, sha256: value.toString('hex') })),
    roots: roots.map((root) => createHash('sha256').update(root).digest('hex')),
    createdAt: isoTime(createdAt),
  }
}

/** A device with its TPM as the API shows it at `now`. */
export function attestedDeviceView(one: AttestedDevice, now: Instant): Static<typeof attestedDevice> {
  const { device, endorsementKey, policy, evidence: kept, cloneSuspectedAt } = one
  return {
    device,
    state: attestationState(one, now),
    endorsementKey,
    ...(policy === undefined ? {} : { policy }),
    ...(cloneSuspectedAt === undefined ? {} : { cloneSuspectedAt: isoTime(cloneSuspectedAt) }),
    ...(kept === undefined
      ? {}
      : {
          evidence: {
            attestationKey: kept.attestationKey,
            key: kept.key,
            clock: { ...kept.clock, clockMs: String(kept.clock.clockMs) },
            firmware: kept.firmware,
            provenAt: isoTime(kept.provenAt),
            quotedAt: isoTime(kept.quotedAt),
          },
        }),
  }
}
