import type { Authenticate, AuthenticateDevice, Principal, ServiceDirectory } from '#access'
import type { DeviceId } from '#base'
import type { Bus } from '#bus'

/** Proof of devices, watched for whom a shared access policy has signed. */
export type WatchedProof = { readonly authenticate: Authenticate; readonly authenticateDevice: AuthenticateDevice }

/**
 * Remembers which devices came in by the signature of a shared access policy (azure-wire 1.3), and ends their sessions when the policy is removed: what was
 * revoked does not stay connected. A device that can prove itself in another way is back at once.
 */
export function watchPolicySessions(
  proof: WatchedProof,
  directory: Pick<ServiceDirectory, 'onRemoved'>,
  bus: Pick<Bus, 'closeSessions'>,
  trouble: (what: string, error: unknown) => void,
): WatchedProof {
  // As many identities as are registered, at most.
  const signed = new Map<string, Set<DeviceId>>()
  const note = ({ device, authentication: { policy } }: Principal): void => {
    if (policy === undefined) return
    const devices = signed.get(policy) ?? new Set()
    signed.set(policy, devices.add(device))
  }
  directory.onRemoved((what, name) => {
    const devices = what === 'shared-access-policy' ? signed.get(name) : undefined
    signed.delete(name)
    for (const device of devices ?? [])
      bus
        .closeSessions({ device, reason: 'credential' })
        .catch((error: unknown) => trouble(`sessions of ${device} after ${name} was removed`, error))
  })
  return {
    authenticate(credentials) {
      const said = proof.authenticate(credentials)
      // Policies are judged without asking anybody, so who had to be asked about was not proven by one.
      if (!(said instanceof Promise) && said.ok) note(said.value)
      return said
    },
    authenticateDevice(claim) {
      const said = proof.authenticateDevice(claim)
      if (said.ok) note(said.value)
      return said
    },
  }
}
