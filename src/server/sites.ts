import { type KeyVaultPorts, keyVaultSite } from '#control'
import type { Pki } from '#pki'
import type { WebSite } from '#wire/web'

/** What the sites of the HTTPS listener are joined to. */
export type SiteRooms = KeyVaultPorts & { readonly pki: Pick<Pki, 'revocations'> } & { readonly est: WebSite }

/** Everything besides devices and back ends that is served on the HTTPS listener. */
export function sitesOf({ est, secrets, services, names, pki }: SiteRooms): readonly WebSite[] {
  return [est, pki.revocations.site, keyVaultSite({ secrets, services, names })]
}
