import { type Refusal, type Result, fail, never, ok, refuse } from '#base'

/** Everything that a client can ask for. */
export const operations = [
  'directory',
  'new-nonce',
  'new-account',
  'new-order',
  'revoke-cert',
  'key-change',
  'account',
  'orders',
  'order',
  'finalize',
  'authorization',
  'challenge',
  'certificate',
] as const

/** One of the {@link operations}. */
export type Operation = (typeof operations)[number]

/** What a path asks for; `id` and `method` where the path has them. */
export type Asked = { readonly operation: Operation; readonly id: string; readonly method: string }

/** The prefix of every path. */
export const acmePrefix = '/acme/'

const alone: ReadonlySet<string> = new Set(['directory', 'new-nonce', 'new-account', 'new-order', 'revoke-cert', 'key-change'])
const withId: ReadonlySet<string> = new Set(['account', 'order', 'authorization', 'certificate'])

/** Reads a path. Undefined for any that is none of ours. */
export function readPath(path: string): Asked | undefined {
  if (!path.startsWith(acmePrefix)) return undefined
  const [first = '', id = '', last = '', ...more] = path.slice(acmePrefix.length).split('/')
  const found = operations.find((operation) => operation === first)
  if (found === undefined || more.length > 0) return undefined
  if (id === '') return last === '' && alone.has(first) && !path.endsWith('/') ? { operation: found, id, method: '' } : undefined
  if (!/^[A-Za-z0-9_-]{16,64}$/.test(id)) return undefined
  if (first === 'challenge') return /^[a-z0-9-]{1,16}$/.test(last) ? { operation: found, id, method: last } : undefined
  if (first === 'order' && last === 'finalize') return { operation: 'finalize', id, method: '' }
  if (first === 'account' && last === 'orders') return { operation: 'orders', id, method: '' }
  return last === '' && !path.endsWith('/') && withId.has(first) ? { operation: found, id, method: '' } : undefined
}

/** What a request has shown of its sender. Exactly one of these is true of it. */
export type Proof =
  /** It is not signed. */
  | { readonly kind: 'none' }
  | { readonly kind: 'bad'; readonly error: Refusal }
  /** Signed by a key that it brought itself. */
  | { readonly kind: 'key' }
  /** Signed by the key of an account that stands. */
  | { readonly kind: 'account' }
  /** Signed by the key of an account that was deactivated. */
  | { readonly kind: 'ended' }

/**
 * The whole of who may do what. Every operation meets every proof here; what is not written is denied, and a new operation or proof does not
 * compile until it is written (CVE-2026-30836: message types that were parsed but not in the authorization switch).
 */
export function admit(operation: Operation, proof: Proof): Result<void> {
  switch (operation) {
    case 'directory':
    case 'new-nonce':
      return ok(undefined)
    case 'new-account':
      return only(proof, 'key')
    case 'revoke-cert':
      // The key of the account, or that of the certificate: which one it is, and whether it fits, is looked at there (section 7.6).
      return proof.kind === 'key' ? ok(undefined) : only(proof, 'account')
    case 'new-order':
    case 'key-change':
    case 'account':
    case 'orders':
    case 'order':
    case 'finalize':
    case 'authorization':
    case 'challenge':
    case 'certificate':
      return only(proof, 'account')
    default:
      return never(operation)
  }
}

function only(proof: Proof, wanted: 'key' | 'account'): Result<void> {
  switch (proof.kind) {
    case 'none':
      return refuse('pki/acme-not-signed', 'Send a POST that is signed (RFC 8555 section 6.2).')
    case 'bad':
      return fail(proof.error)
    case 'ended':
      return refuse('pki/acme-account-ended', 'This account was deactivated.')
    case 'key':
    case 'account':
      if (proof.kind === wanted) return ok(undefined)
      return refuse('pki/acme-key-form', `This is signed by ${wanted === 'key' ? 'a key that stands in "jwk"' : 'the account in "kid"'}.`)
    default:
      return never(proof)
  }
}
