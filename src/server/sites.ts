import { type AzureProvisioningPorts, type KeyVaultPorts, azureProvisioningSite, containerSite, keyVaultSite } from '#control'
import type { Hub } from '#hub'
import { type Pki, trustBundleSite } from '#pki'
import { type Provisioning, attestationSite } from '#provisioning'
import { type Sync, syncSite } from '#vault'
import type { WebSite } from '#wire/web'

/** What the sites of the HTTPS listener are joined to. */
export type SiteRooms = KeyVaultPorts &
  AzureProvisioningPorts & { readonly pki: Pick<Pki, 'revocations' | 'trustBundle'> } & {
    readonly est: WebSite
    readonly secrets: { readonly sync: Sync }
    readonly acme: WebSite
    readonly hub: Pick<Hub, 'containers'>
    readonly provisioning: Pick<Provisioning, 'attestation'>
  }

/** Everything besides devices and back ends that is served on the HTTPS listener. */
export function sitesOf({ est, acme, hub, secrets, services, names, pki, provisioning, clock, random }: SiteRooms): readonly WebSite[] {
  return [
    est,
    acme,
    pki.revocations.site,
    trustBundleSite(() => pki.trustBundle()),
    containerSite({ containers: hub.containers, clock, random }),
    keyVaultSite({ secrets, services, names }),
    syncSite(secrets.sync),
    attestationSite(provisioning.attestation.device),
    azureProvisioningSite({ provisioning, services, clock, random }),
  ]
}
