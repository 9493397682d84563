import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Instant, type Secret, instant, isoTime } from '#base'

/** Version of the storage protocol that signatures speak (azure-wire 3.3). */
const storageVersion = '2020-10-02'
/** A device may create and write; it has no business reading. */
const devicePermissions = 'cw'

/** What one of our own signatures allows: to write one blob, for one upload, until then. */
export type BlobClaim = {
  readonly containerName: string
  readonly blobName: string
  readonly correlationId: string
  readonly expiresAt: Instant
}

/** Signs a claim: the query with its `?`. `expiresAt` counts in whole seconds. */
export function signBlob(key: Secret, claim: BlobClaim): string {
  const query = new URLSearchParams([
    ['sv', storageVersion],
    ['sr', 'b'],
    ['si', claim.correlationId],
    ['sig', signatureOf(key, claim).toString('base64')],
    ['se', secondsTime(claim.expiresAt)],
    ['sp', devicePermissions],
  ])
  return `?${query.toString()}`
}

/**
 * Reads the claim that a request to `path` (decoded) makes and verifies its signature. Undefined: none, twice, malformed, expired, or not ours. Whether the
 * upload is still open is for the caller to know.
 */
export function verifyBlob(key: Secret, path: string, query: URLSearchParams, now: Instant): BlobClaim | undefined {
  const one = (name: string): string | undefined => {
    const [value, second] = query.getAll(name)
    return second === undefined ? value : undefined
  }
  const [, containerName = '', ...segments] = path.split('/')
  const [correlationId, sig, se] = [one('si'), one('sig'), one('se')]
  if (correlationId === undefined || sig === undefined || se === undefined || segments.length === 0) return undefined
  if (one('sv') !== storageVersion || one('sr') !== 'b' || one('sp') !== devicePermissions) return undefined
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(se)) return undefined
  const time = Date.parse(se)
  if (Number.isNaN(time) || time <= now) return undefined
  const claim = { containerName, blobName: segments.join('/'), correlationId, expiresAt: instant(time) }
  const expected = signatureOf(key, claim)
  const given = Buffer.from(sig, 'base64')
  return given.length === expected.length && timingSafeEqual(given, expected) ? claim : undefined
}

function signatureOf(key: Secret, { containerName, blobName, correlationId, expiresAt }: BlobClaim): Buffer {
  // Neither names nor identifiers have line breaks, so no two claims share a text.
  const text = ['thingwall blob', storageVersion, devicePermissions, secondsTime(expiresAt), correlationId, containerName, blobName].join(
    '\n',
  )
  return key.use((bytes) => createHmac('sha256', bytes).update(text).digest())
}

/** A storage account of Azure, as far as signing needs it. `key` is the account's, decoded. */
export type BlobAccount = { readonly accountName: string; readonly key: Secret; readonly containerName: string }

/**
 * A service SAS for one blob of an account, with its `?`: the string to sign of versions from 2018-11-09 up to 2020-10-02, fields in their order.
 * https only.
 */
export function signAzureBlob(
  { accountName, key, containerName }: BlobAccount,
  blobName: string,
  permissions: 'cw' | 'r',
  expiresAt: Instant,
  protocol: 'https' | 'https,http' = 'https',
): string {
  const se = secondsTime(expiresAt)
  const text = [
    permissions,
    '', // start
    se,
    `/blob/${accountName}/${containerName}/${blobName}`,
    '', // stored policy
    '', // addresses
    protocol,
    storageVersion,
    'b',
    '', // snapshot
  ]
    .concat(Array<string>(5).fill('')) // headers of the answer
    .join('\n')
  const sig = key.use((bytes) => createHmac('sha256', bytes).update(text).digest('base64'))
  const query = new URLSearchParams([
    ['sv', storageVersion],
    ['spr', protocol],
    ['sr', 'b'],
    ['sig', sig],
    ['se', se],
    ['sp', permissions],
  ])
  return `?${query.toString()}`
}

/** RFC 3339 without milliseconds, as storage clients expect. */
function secondsTime(at: Instant): string {
  return `${isoTime(at).slice(0, 19)}Z`
}
