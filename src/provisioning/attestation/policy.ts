import { type Instant, type Result, ok, refuse } from '#base'
import type { Migration, Row } from '#store'
import { parseJson } from '#wire/json'
import { textOf, timeOf } from '../enrollment-rows.ts'
import type { Reference } from '../tpm/evidence.ts'
import { attestationLimits } from './limits.ts'

/** What an operator demands of the TPMs of some devices, by name. */
export type AttestationPolicySpec = {
  readonly name: string
  /** Registers of the SHA-256 bank as they must be, 32 bytes by number; empty: any. */
  readonly registers: Reference
  /** Manufacturers' roots, DER: the certificate of an endorsement key must lead to one of them. Empty: none is demanded. */
  readonly roots: readonly Buffer[]
}

/** A policy as it is kept. */
export type AttestationPolicy = AttestationPolicySpec & { readonly createdAt: Instant }

/**
 * Policies, and the devices that are expected with a TPM. `endorsement_key` is the name of that key, hexadecimal; `evidence` is JSON of what was proven;
 * `revision` counts changes, so that of two proofs at once one is refused.
 */
export const attestationMigrations: readonly Migration[] = [
  {
    name: 'provisioning/020-attestation',
    sql: `
      CREATE TABLE attestation_policies (name TEXT PRIMARY KEY, body TEXT NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE attested_devices (
        device TEXT PRIMARY KEY,
        endorsement_key TEXT NOT NULL,
        policy TEXT REFERENCES attestation_policies (name),
        evidence TEXT,
        clone_suspected_at INTEGER,
        revision INTEGER NOT NULL
      ) WITHOUT ROWID;
    `,
  },
]

const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** Checks a policy. Refuses `provisioning/attestation-policy-malformed`; whether its roots are authorities is for the caller. */
export function checkPolicy(spec: AttestationPolicySpec): Result<AttestationPolicySpec> {
  const { name, registers, roots } = spec
  if (!namePattern.test(name)) return malformed('a name has 1 to 64 of a-z, 0-9, -, . and _')
  for (const [number, value] of registers) {
    if (!Number.isInteger(number) || number < 0 || number >= attestationLimits.registers)
      return malformed(`registers have numbers from 0 to ${attestationLimits.registers - 1}`)
    if (value.length !== 32) return malformed(`register ${number} has not 32 bytes`)
  }
  if (roots.length > attestationLimits.rootsPerPolicy) return malformed(`there may be ${attestationLimits.rootsPerPolicy} roots`)
  return ok(spec)
}

/** The text of a policy's row. */
export function policyBody({ registers, roots }: AttestationPolicySpec): string {
  const hex = Object.fromEntries([...registers].map(([number, value]) => [number, value.toString('hex')]))
  return JSON.stringify({ registers: hex, roots: roots.map((root) => root.toString('base64')) })
}

/** Reads a policy back. Throws on a row that this room cannot have written. */
export function policyOf(row: Row): AttestationPolicy {
  const body = parseJson(textOf(row, 'body'), 1024 * 1024)
  if (!body.ok || typeof body.value !== 'object' || body.value === null) throw new Error('bug: a kept policy of attestation is no JSON')
  const registers = 'registers' in body.value ? body.value['registers'] : undefined
  const roots = 'roots' in body.value ? body.value['roots'] : undefined
  if (typeof registers !== 'object' || registers === null || !Array.isArray(roots)) throw new Error('bug: a kept policy of attestation')
  return {
    name: textOf(row, 'name'),
    registers: new Map(Object.entries(registers).map(([number, hex]) => [Number(number), bytesOf(hex, 'hex')])),
    roots: roots.map((root) => bytesOf(root, 'base64')),
    createdAt: timeOf(row, 'created_at'),
  }
}

function bytesOf(value: unknown, encoding: 'hex' | 'base64'): Buffer {
  if (typeof value !== 'string') throw new Error('bug: a kept policy of attestation holds something else than bytes')
  return Buffer.from(value, encoding)
}

function malformed(why: string): Result<never> {
  return refuse('provisioning/attestation-policy-malformed', `The policy cannot be used: ${why}.`)
}
