import { openHttpsClient, systemGrant } from '#access'
import type { Audit } from '#audit'
import { type Clock, type Random, type Result, ok, refuse } from '#base'
import type { Bus } from '#bus'
import { type Hub, checkTwinPart, checkTwinWeight } from '#hub'
import { type Journal, encodeFact } from '#journal'
import { type Pki, openForeignTrust, verifyEndorsement } from '#pki'
import {
  type ChainTrust,
  type JsonObject,
  type Provisioning,
  type ProvisioningPorts,
  openProvisioning,
  provisioningLimits,
} from '#provisioning'
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
  config: Pick<ServerConfig, 'names' | 'provisioning'>,
  { store, audit, journal, vault, pki, bus, hub, clock, random, log }: ProvisioningRooms,
  tpm: ProvisioningPorts['tpm'],
  signal: AbortSignal,
): Promise<Provisioning> {
  const { symmetricKeysUntil, webhookHosts, region } = config.provisioning
  const webhooks = openHttpsClient({
    caPem: undefined,
    client: undefined,
    timeoutMs: provisioningLimits.webhookMs,
    answerBytes: provisioningLimits.webhookBytes,
    sockets: 16,
  })
  signal.addEventListener('abort', () => webhooks[Symbol.dispose](), { once: true })
  const here = ownHub({
    hub,
    hostName: () => config.names[0] ?? 'localhost',
    region,
    trusts: (chain) => pki.verifyDeviceChain(chain, clock.now()).ok,
  })
  const issuing = systemGrant('certificate.issue', 'provisioning')
  return openProvisioning(
    { symmetricKeysUntil, webhookHosts, region },
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
      // The host was compared with the list of the operator, who may list a private one.
      webhook: (url, body) => webhooks.ask({ method: 'POST', url, headers: new Map(), body }),
      checkTwin,
      tpm,
      lots: lotPorts(pki, bus),
      tpmSecret: vault.dataKey('provisioning/tpm'),
      trouble: (what, error) => log.error(what, { error }),
    },
    signal,
  )
}

/** What a twin of the hub could not hold is refused when the enrollment is written, not when its first device comes. */
function checkTwin(tags: JsonObject, desired: JsonObject): Result<void> {
  for (const [part, value] of [
    ['tags', tags],
    ['desired', desired],
  ] as const) {
    const checked = checkTwinPart(part, value)
    const fits = checked.ok ? checkTwinWeight(part, checked.value) : checked
    if (!fits.ok) return fits
  }
  return ok(undefined)
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
