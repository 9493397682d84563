import { systemGrant } from '#access'
import type { Audit } from '#audit'
import { type Clock, type Random, type Result, ok, refuse } from '#base'
import type { Bus } from '#bus'
import type { Hub } from '#hub'
import { type Journal, encodeFact } from '#journal'
import { type Pki, openForeignTrust, verifyEndorsement } from '#pki'
import { type ChainTrust, type Provisioning, type ProvisioningPorts, openProvisioning } from '#provisioning'
import type { Store } from '#store'
import type { Vault } from '#vault'
import { decodePem } from '#wire/x509'
import type { ServerConfig } from './config.io.ts'
import { lotPorts } from './factory.ts'
import type { Log } from './log.io.ts'
import { ownHub } from './own-hub.ts'

type ProvisioningRooms = {
  readonly store: Store
  readonly audit: Audit
  readonly journal: Journal
  readonly vault: Vault
  readonly pki: Pki
  readonly bus: Bus
  readonly hub: Hub
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Joins provisioning to the rooms. `tpm` seals the keys of TPMs; without it none of them registers. */
export function openProvisioningRoom(
  config: Pick<ServerConfig, 'names' | 'authentication'>,
  { store, audit, journal, vault, pki, bus, hub, clock, random, log }: ProvisioningRooms,
  tpm: ProvisioningPorts['tpm'],
  signal: AbortSignal,
): Promise<Provisioning> {
  const region = undefined
  const here = ownHub({
    hub,
    hostName: () => config.names[0] ?? 'localhost',
    region,
    trusts: (chain) => pki.verifyDeviceChain(chain, clock.now()).ok,
  })
  const issuing = systemGrant('certificate.issue', 'provisioning')
  return openProvisioning(
    { symmetricKeysUntil: config.authentication.sasUntil, webhookHosts: [], region },
    {
      store,
      clock,
      random,
      commit: (grant, what, statements) => audit.commit(grant, what, statements),
      seal: (purpose, plaintext) => vault.seal(purpose, plaintext),
      unseal: (purpose, sealed) => vault.unseal(purpose, sealed),
      tell: (fact) => void journal.append(encodeFact(fact)),
      system: systemGrant('registration.write', 'provisioning'),
      openTrust: (anchors) => openTrust(pki, anchors),
      hubs: () => [here],
      async issue(deviceId, csr, { lifetimeMs }) {
        const issued = await pki.issueDevice(issuing, { deviceId, csr, ...(lifetimeMs === undefined ? {} : { lifetimeMs }) })
        return issued.ok ? decodePem('CERTIFICATE', issued.value.certificatePem) : issued
      },
      verifyEndorsement,
      mayBeCertified(device) {
        const found = hub.devices.find(device)
        return found?.status === 'enabled' && found.authentication.type === 'certificateAuthority'
      },
      tpm,
      lots: lotPorts(pki, bus),
      tpmSecret: vault.dataKey('provisioning/tpm'),
      trouble: (what, error) => log.error(what, { error }),
    },
    signal,
  )
}

/** Trust in the authorities of enrollments. What this hub itself issued and revoked is refused, whoever vouches for it. */
function openTrust(pki: Pki, anchors: readonly Buffer[]): Result<ChainTrust> {
  const trust = openForeignTrust(anchors, [])
  if (!trust.ok) return trust
  return ok((presented, now) => {
    const chain = trust.value.verify(presented, now)
    if (!chain.ok) return chain
    const { serials, anchorSha256, chainNotAfter: notAfter } = chain.value
    const revoked = serials.find((serial) => pki.isRevoked(serial))
    return revoked === undefined ? ok({ anchorSha256, notAfter }) : refuse('pki/revoked', 'The certificate was revoked.', revoked)
  })
}
