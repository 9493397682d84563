import { type AzureProvisioningPorts, type KeyVaultPorts, azureProvisioningSite, containerSite, keyVaultSite } from '#control'
import type { Hub } from '#hub'
import { type Pki, trustBundleSite } from '#pki'
import type { WebSite } from '#wire/web'

/** What the sites of the HTTPS listener are joined to. */
export type SiteRooms = KeyVaultPorts &
  AzureProvisioningPorts & { readonly pki: Pick<Pki, 'revocations' | 'trustBundle'> } & {
    readonly est: WebSite
    readonly hub: Pick<Hub, 'containers'>
  }

/** Everything besides devices and back ends that is served on the HTTPS listener. */
export function sitesOf({ est, hub, secrets, services, names, pki, provisioning, clock, random }: SiteRooms): readonly WebSite[] {
  return [
    est,
    pki.revocations.site,
    trustBundleSite(() => pki.trustBundle()),
    containerSite({ containers: hub.containers, clock, random }),
    keyVaultSite({ secrets, services, names }),
    azureProvisioningSite({ provisioning, services, clock, random }),
  ]
}
