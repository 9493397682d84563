import { type Grant, type Result, ok, parseDeviceId } from '#base'
import type { Bus } from '#bus'
import type { Pki } from '#pki'
import type { LotPorts } from '#provisioning'

/** Joins the lots of factories to the PKI. Revoking one ends the sessions of its devices, and keeps them from coming back. */
export function lotPorts(pki: Pki, bus: Pick<Bus, 'closeSessions'>): LotPorts {
  async function revoke(grant: Grant<'certificate.issue'>, which: Parameters<Pki['revoke']>[1]): Promise<Result<void>> {
    const revoked = await pki.revoke(grant, which, 'privilegeWithdrawn')
    // Of a device that has no certificate of ours there is nothing to revoke.
    if (!revoked.ok) return revoked
    await bus.closeSessions({ revoked: revoked.value.proofs, devices: revoked.value.devices, reason: 'revoked' })
    return ok(undefined)
  }
  return {
    issue: (grant, wish) => pki.issueLotIssuer(grant, wish),
    adopt: (grant, issuer, made) => pki.adoptCertificates(grant, issuer, made),
    async revoke(grant, issuer, fingerprints, names) {
      const byIssuer = issuer === undefined ? ok(undefined) : await revoke(grant, { serial: issuer.serial })
      if (!byIssuer.ok) return byIssuer
      for (const fingerprint of fingerprints) {
        const done = await revoke(grant, { fingerprint })
        if (!done.ok) return done
      }
      const devices = names.map(parseDeviceId).flatMap((id) => (id.ok ? [id.value] : []))
      return devices.length === 0 ? ok(undefined) : await revoke(grant, { devices })
    },
  }
}
