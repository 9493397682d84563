import { createHash } from 'node:crypto'
import { type WebSite, textAnswer } from '#wire/web'
import { type Certificate, encodePem } from '#wire/x509'

/** What clients of this hub must trust: every root in force. */
export type TrustBundle = {
  /** The first 16 hex digits of `sha256`: another version says that there is something to fetch. */
  readonly version: string
  /** SHA-256 of `pem`, lower-case hex. */
  readonly sha256: string
  readonly pem: string
  readonly roots: readonly Certificate[]
}

/** Puts roots together, in an order of their own, so that the same roots are the same bundle. */
export function trustBundleOf(roots: readonly Certificate[]): TrustBundle {
  const sorted = roots.toSorted((a, b) => Buffer.compare(a.der, b.der))
  const pem = sorted.map(({ der }) => encodePem('CERTIFICATE', der)).join('')
  const sha256 = createHash('sha256').update(pem).digest('hex')
  return { version: sha256.slice(0, 16), sha256, pem, roots: sorted }
}

const path = '/pki/trust-bundle'

/** Serves the bundle to anyone: it is public, and whoever fetches it must compare its digest with one from a source that they trust. */
export function trustBundleSite(bundle: () => TrustBundle): WebSite {
  return {
    name: 'trust bundle',
    serves: (asked) => asked === path,
    maxBodyBytes: () => 0,
    async answer({ method, headers }) {
      if (method !== 'GET' && method !== 'HEAD') return textAnswer(405, 'Use GET.\n', { allow: 'GET, HEAD' })
      const { pem, sha256, version } = bundle()
      const tag = { etag: `"${sha256}"`, 'x-trust-bundle-version': version, 'cache-control': 'no-cache' }
      if (headers['if-none-match'] === tag.etag) return { status: 304, headers: tag }
      return { status: 200, headers: { ...tag, 'content-type': 'application/pem-certificate-chain' }, body: method === 'HEAD' ? '' : pem }
    },
  }
}
