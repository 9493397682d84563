import { type Instant, type Result, instant, ok, refuse } from '#base'
import type { AuthenticationSettings } from './settings-schema.ts'

/** What the settings say about authentication, with every path whole. */
export type AuthenticationConfig = {
  readonly documents: readonly string[]
  readonly serviceAccounts:
    | { readonly by: 'keys'; readonly issuer: string; readonly keys: URL | string; readonly caFile: string | undefined }
    | { readonly by: 'review'; readonly endpoint: URL; readonly tokenFile: string; readonly caFile: string | undefined }
    | undefined
  /** Shared access signatures are taken before this, and never without it. */
  readonly sasUntil: Instant | undefined
}

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)$/
const reviewPath = '/apis/authentication.k8s.io/v1/tokenreviews'

/** Reads the group `authentication` of the settings. Refuses `server/settings-invalid` for what belongs together and is not, and for a time that is none. */
export function authenticationConfig(
  settings: AuthenticationSettings,
  resolvePath: (path: string) => string,
): Result<AuthenticationConfig> {
  const no = (place: string, why: string) => refuse('server/settings-invalid', `authentication.${place} ${why}.`)
  const { documents = [], serviceAccounts: accounts = {}, sas = {} } = settings
  const ended = sas.allowedUntil
  if (ended !== undefined && !isTime(ended)) return no('sas.allowedUntil', 'must be a time such as 2027-01-31T00:00:00Z')
  const { issuer, keys, ca, review, reviewToken } = accounts
  const caFile = ca === undefined ? undefined : resolvePath(ca)
  const common = { documents: documents.map(resolvePath), sasUntil: ended === undefined ? undefined : instant(Date.parse(ended)) }
  if (review !== undefined || reviewToken !== undefined) {
    if (issuer !== undefined || keys !== undefined) return no('serviceAccounts', 'has either issuer and keys, or review and reviewToken')
    const endpoint = httpsUrl(review ?? '')
    if (endpoint === undefined || endpoint.pathname !== '/') return no('serviceAccounts.review', 'must be an https URL without a path')
    if (reviewToken === undefined) return no('serviceAccounts.reviewToken', 'is missing')
    return ok({
      ...common,
      serviceAccounts: { by: 'review', endpoint: new URL(reviewPath, endpoint), tokenFile: resolvePath(reviewToken), caFile },
    })
  }
  if (issuer === undefined && keys === undefined) return ok({ ...common, serviceAccounts: undefined })
  if (issuer === undefined) return no('serviceAccounts.issuer', 'is missing')
  if (keys === undefined) return no('serviceAccounts.keys', 'is missing')
  if (/^http:/i.test(keys)) return no('serviceAccounts.keys', 'must be a file or an https URL')
  const remote = /^https:/i.test(keys) ? httpsUrl(keys) : resolvePath(keys)
  if (remote === undefined) return no('serviceAccounts.keys', 'must be a file or an https URL without credentials')
  return ok({ ...common, serviceAccounts: { by: 'keys', issuer, keys: remote, caFile } })
}

/** Whether a text is a time of RFC 3339, with its zone. */
export function isTime(text: string): boolean {
  return time.test(text) && !Number.isNaN(Date.parse(text))
}

/** An https URL without credentials, query or fragment; undefined for everything else. */
export function httpsUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'https:' && url.username === '' && url.password === '' && url.search === '' && url.hash === '' ? url : undefined
}
