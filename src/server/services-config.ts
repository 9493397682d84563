import { type Instant, type Result, instant, ok, refuse } from '#base'
import type { AzureThrottles } from '#control'
import { httpsUrl, isTime } from './authentication-config.ts'
import { azureThrottles } from './service-throttles.ts'
import type { ServicesSettings } from './settings-schema.ts'

/** Somebody outside who issues tokens for back ends, as the settings say, with every path whole. */
export type IssuerConfig = {
  readonly issuer: string
  readonly keys: URL | string
  readonly caFile: string | undefined
  readonly audience: string | undefined
  readonly rolesClaim: string | undefined
}

/** What the settings say about back ends. */
export type ServicesConfig = {
  readonly issuers: readonly IssuerConfig[]
  /** Shared access policies are in force before this, and never without it. */
  readonly policiesUntil: Instant | undefined
  /** How often a back end may ask by HTTPS. */
  readonly throttles: AzureThrottles
}

/** Reads the group `services` of the settings. Refuses `server/settings-invalid` for what belongs together and is not, and for a time that is none. */
export function servicesConfig(settings: ServicesSettings, resolvePath: (path: string) => string): Result<ServicesConfig> {
  const no = (place: string, why: string) => refuse('server/settings-invalid', `services.${place} ${why}.`)
  const ended = settings.sharedAccessPolicies?.allowedUntil
  if (ended !== undefined && !isTime(ended)) return no('sharedAccessPolicies.allowedUntil', 'must be a time such as 2027-01-31T00:00:00Z')
  const issuers: IssuerConfig[] = []
  for (const [index, { issuer, jwksUri, jwksFile, ca, audience, rolesClaim }] of (settings.issuers ?? []).entries()) {
    const at = `issuers.${index}`
    // Those who are registered here sign for themselves.
    if (issuer.startsWith('urn:thingwall:')) return no(`${at}.issuer`, 'begins as those of this hub do')
    if (issuers.some((one) => one.issuer === issuer)) return no(`${at}.issuer`, 'stands there twice')
    if ((jwksUri === undefined) === (jwksFile === undefined)) return no(at, 'has either jwksUri or jwksFile')
    const keys = jwksUri === undefined ? resolvePath(jwksFile ?? '') : httpsUrl(jwksUri)
    if (keys === undefined) return no(`${at}.jwksUri`, 'must be an https URL without credentials, query or fragment')
    issuers.push({ issuer, keys, caFile: ca === undefined ? undefined : resolvePath(ca), audience, rolesClaim })
  }
  const policiesUntil = ended === undefined ? undefined : instant(Date.parse(ended))
  return ok({ issuers, policiesUntil, throttles: azureThrottles(settings.throttles) })
}
