import { type AzureProvisioningPorts, type KeyVaultPorts, azureProvisioningSite, keyVaultSite } from '#control'
import { type Pki, trustBundleSite } from '#pki'
import type { WebSite } from '#wire/web'

/** What the sites of the HTTPS listener are joined to. */
export type SiteRooms = KeyVaultPorts & AzureProvisioningPorts & { readonly pki: Pick<Pki, 'revocations' | 'trustBundle'> } & { readonly est: WebSite }

/** Everything besides devices and back ends that is served on the HTTPS listener. */
export function sitesOf({ est, secrets, services, names, pki, provisioning, clock, random }: SiteRooms): readonly WebSite[] {
  return [
    est,
    pki.revocations.site,
    trustBundleSite(() => pki.trustBundle()),
    keyVaultSite({ secrets, services, names }),
    azureProvisioningSite({ provisioning, services, clock, random }),
  ]
}
