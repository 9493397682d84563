import { type DeviceId, type Grant, type Result, ok, refuse } from '#base'
import { actorOf } from '../enrollments.ts'
import { rootKey } from '../tpm/challenge.ts'
import { type AttestedDevice, attestedDeviceOf } from './device.ts'
import { attestationLimits } from './limits.ts'
import { type AttestationPolicy, type AttestationPolicySpec, checkPolicy, policyBody, policyOf } from './policy.ts'
import type { AttestationPorts } from './ports.ts'

/** What operators say of TPMs: what is demanded of them, and which device has which. */
export interface Expected {
  policies(grant: Grant<'enrollment.read'>): Promise<readonly AttestationPolicy[]>
  /** Refuses `provisioning/attestation-policy-malformed`, `provisioning/attestation-policy-exists`, and roots that are no authorities. */
  addPolicy(grant: Grant<'enrollment.write'>, spec: AttestationPolicySpec): Promise<Result<void>>
  /** Refuses `provisioning/attestation-policy-not-found`, `provisioning/attestation-policy-used`. */
  removePolicy(grant: Grant<'enrollment.write'>, name: string): Promise<Result<void>>
  devices(grant: Grant<'enrollment.read'>): Promise<readonly AttestedDevice[]>
  /**
   * Expects a device with this endorsement key (TPM2B_PUBLIC). What was proven before, or suspected, is forgotten. Refuses `tpm/malformed`,
   * `provisioning/tpm-key-loose`, `provisioning/attestation-policy-not-found`, `provisioning/attestation-changed-meanwhile`.
   */
  expect(grant: Grant<'enrollment.write'>, device: DeviceId, endorsementKey: Buffer, policy: string | undefined): Promise<Result<void>>
  /** Refuses `provisioning/attestation-not-expected`. */
  forget(grant: Grant<'enrollment.write'>, device: DeviceId): Promise<Result<void>>
  /** The device as it stands, for those who may see it. */
  find(device: DeviceId): Promise<AttestedDevice | undefined>
  /** For this room: the policy of that name. */
  policy(name: string): Promise<AttestationPolicy | undefined>
}

/** Opens {@link Expected} on its rows. */
export function openExpected({ store, commit, clock, tell, openTrust }: AttestationPorts): Expected {
  const policy = async (name: string): Promise<AttestationPolicy | undefined> => {
    const [row] = await store.query('SELECT * FROM attestation_policies WHERE name = ?', name)
    return row === undefined ? undefined : policyOf(row)
  }
  const find = async (device: DeviceId): Promise<AttestedDevice | undefined> => {
    const [row] = await store.query('SELECT * FROM attested_devices WHERE device = ?', device)
    return row === undefined ? undefined : attestedDeviceOf(row)
  }
  const told = (grant: Grant, change: 'policy-added' | 'policy-removed' | 'device-expected' | 'device-forgotten', subject: string) =>
    tell({ kind: 'attestation-changed', time: clock.now(), actor: actorOf(grant), change, subject })
  const policies = async () => (await store.query('SELECT * FROM attestation_policies ORDER BY name')).map(policyOf)
  return {
    policy,
    find,
    policies: () => policies(),
    devices: async () => (await store.query('SELECT * FROM attested_devices ORDER BY device LIMIT 10000')).map(attestedDeviceOf),
    async addPolicy(grant, spec) {
      const checked = checkPolicy(spec)
      if (!checked.ok) return checked
      if (spec.roots.length > 0) {
        const trust = openTrust(spec.roots)
        if (!trust.ok) return trust
      }
      const before = await policies()
      if (before.length >= attestationLimits.policies)
        return refuse('provisioning/attestation-policy-malformed', `There are ${attestationLimits.policies} policies already.`)
      const row = { sql: 'INSERT INTO attestation_policies (name, body, created_at) VALUES (?, ?, ?)', expect: 1 }
      const written = before.some(({ name }) => name === spec.name)
        ? undefined
        : await commit(grant, { action: 'attestation.policy-add', resource: `attestation-policy:${spec.name}` }, [
            { ...row, args: [spec.name, policyBody(spec), clock.now()] },
          ])
      if (written?.ok !== true) return refuse('provisioning/attestation-policy-exists', `There is a policy ${spec.name} already.`)
      told(grant, 'policy-added', spec.name)
      return ok(undefined)
    },
    async removePolicy(grant, name) {
      if ((await policy(name)) === undefined) return noPolicy(name)
      const [user] = await store.query('SELECT device FROM attested_devices WHERE policy = ? LIMIT 1', name)
      const used = refuse('provisioning/attestation-policy-used', `Devices are held to the policy ${name}.`)
      if (user !== undefined) return used
      const deletion = { sql: 'DELETE FROM attestation_policies WHERE name = ?', args: [name], expect: 1 }
      const gone = await commit(grant, { action: 'attestation.policy-remove', resource: `attestation-policy:${name}` }, [deletion])
      if (!gone.ok) return used
      told(grant, 'policy-removed', name)
      return ok(undefined)
    },
    async expect(grant, device, endorsementKey, name) {
      const key = rootKey(endorsementKey)
      if (!key.ok) return key
      if (name !== undefined && (await policy(name)) === undefined) return noPolicy(name)
      const before = await find(device)
      const hex = key.value.name.toString('hex')
      const row = {
        sql: `INSERT INTO attested_devices (device, endorsement_key, policy, revision) VALUES (?, ?, ?, ?)
          ON CONFLICT (device) DO UPDATE SET endorsement_key = excluded.endorsement_key, policy = excluded.policy, evidence = NULL,
          clone_suspected_at = NULL, revision = excluded.revision WHERE revision = ?`,
        args: [device, hex, name ?? null, (before?.revision ?? 0) + 1, before?.revision ?? 0],
        expect: 1,
      }
      const detail = { endorsementKey: hex, policy: name ?? null }
      const written = await commit(grant, { action: 'attestation.expect', resource: `device:${device}`, detail }, [row])
      if (!written.ok) return refuse('provisioning/attestation-changed-meanwhile', 'The device was changed meanwhile; try again.')
      told(grant, 'device-expected', device)
      return ok(undefined)
    },
    async forget(grant, device) {
      const deletion = { sql: 'DELETE FROM attested_devices WHERE device = ?', args: [device], expect: 1 }
      const found = await find(device)
      const gone =
        found === undefined ? undefined : await commit(grant, { action: 'attestation.forget', resource: `device:${device}` }, [deletion])
      if (gone?.ok !== true) return refuse('provisioning/attestation-not-expected', `No TPM is expected of ${device}.`)
      told(grant, 'device-forgotten', device)
      return ok(undefined)
    },
  }
}

function noPolicy(name: string): Result<never> {
  return refuse('provisioning/attestation-policy-not-found', `There is no attestation policy ${name}.`)
}
