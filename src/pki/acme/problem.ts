import type { Refusal } from '#base'

/** What a client sees instead of a code of ours: the last word of `urn:ietf:params:acme:error:...` (RFC 8555 section 6.7), and the status. */
export type ProblemKind = { readonly type: string; readonly status: number }

const malformed: ProblemKind = { type: 'malformed', status: 400 }

const kinds: ReadonlyMap<string, ProblemKind> = new Map([
  ['pki/acme-not-found', { type: 'malformed', status: 404 }],
  ['pki/acme-method', { type: 'malformed', status: 405 }],
  ['pki/acme-media-type', { type: 'malformed', status: 415 }],
  ['pki/acme-bad-nonce', { type: 'badNonce', status: 400 }],
  ['pki/acme-algorithm', { type: 'badSignatureAlgorithm', status: 400 }],
  ['pki/acme-weak-key', { type: 'badPublicKey', status: 400 }],
  ['pki/acme-signature', { type: 'unauthorized', status: 403 }],
  ['pki/acme-url', { type: 'unauthorized', status: 403 }],
  ['pki/acme-not-signed', { type: 'unauthorized', status: 401 }],
  ['pki/acme-account-ended', { type: 'unauthorized', status: 403 }],
  ['pki/acme-not-yours', { type: 'unauthorized', status: 403 }],
  ['pki/acme-no-account', { type: 'accountDoesNotExist', status: 400 }],
  ['pki/acme-binding-needed', { type: 'externalAccountRequired', status: 403 }],
  ['pki/acme-binding', { type: 'unauthorized', status: 403 }],
  ['pki/acme-contact', { type: 'invalidContact', status: 400 }],
  ['pki/acme-key-conflict', { type: 'malformed', status: 409 }],
  ['pki/acme-identifier', { type: 'rejectedIdentifier', status: 403 }],
  ['pki/acme-identifier-type', { type: 'unsupportedIdentifier', status: 400 }],
  ['pki/acme-too-often', { type: 'rateLimited', status: 429 }],
  ['pki/acme-not-ready', { type: 'orderNotReady', status: 403 }],
  ['pki/acme-csr', { type: 'badCSR', status: 400 }],
  ['pki/acme-reason', { type: 'badRevocationReason', status: 400 }],
  ['pki/acme-already-revoked', { type: 'alreadyRevoked', status: 400 }],
  // What a look at a name found.
  ['pki/acme-unproven', { type: 'incorrectResponse', status: 403 }],
  ['pki/acme-unreachable', { type: 'connection', status: 400 }],
  ['pki/acme-unresolved', { type: 'dns', status: 400 }],
  ['pki/acme-tls', { type: 'tls', status: 400 }],
  ['pki/acme-address', { type: 'connection', status: 400 }],
  ['pki/acme-trouble', { type: 'serverInternal', status: 500 }],
])

/** How a refusal looks to an ACME client. Refusals of other parts are about what was sent: `malformed`. */
export function problemKindOf(code: string): ProblemKind {
  return kinds.get(code) ?? malformed
}

/** A problem document (RFC 7807), as it stands alone or within an order or a challenge. Its code is ours, for operators. */
export function problemOf({ code, message }: Pick<Refusal, 'code' | 'message'>): Readonly<Record<string, string | number>> {
  const { type, status } = problemKindOf(code)
  return { type: `urn:ietf:params:acme:error:${type}`, status, detail: `${message} (${code})` }
}
