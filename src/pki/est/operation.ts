import { type DeviceId, type Refusal, type Result, fail, never, ok, refuse } from '#base'
import type { VerifiedLeaf } from '../device-chain.ts'
import type { CodeProof } from './codes.ts'

/** Everything that RFC 7030 section 3.2.2 lets a client ask for. `fullcmc` is known, and never done. */
export const operations = ['cacerts', 'csrattrs', 'simpleenroll', 'simplereenroll', 'serverkeygen', 'fullcmc'] as const

/** One of the {@link operations}. */
export type Operation = (typeof operations)[number]

/** What a client has shown of itself. Exactly one of these is true of a request. */
export type Proof =
  | { readonly kind: 'none' }
  /** Something was shown, and it was not good. */
  | { readonly kind: 'bad'; readonly error: Refusal }
  | { readonly kind: 'certificate'; readonly device: DeviceId; readonly leaf: VerifiedLeaf }
  | { readonly kind: 'code'; readonly device: DeviceId; readonly code: CodeProof }

/** What may be done: hand out what everybody may have, or make a certificate for one device, perhaps at the price of a code. */
export type Admitted =
  | { readonly kind: 'public' }
  | { readonly kind: 'device'; readonly device: DeviceId; readonly leaf?: VerifiedLeaf; readonly code?: CodeProof }

/** The prefix of every path (RFC 7030 section 3.2.2). */
export const estPrefix = '/.well-known/est/'
/** The one label there is, for clients that insist on one: it means what no label means. */
const label = 'devices'

/** Reads a path: `/.well-known/est/{operation}`, or with the label `devices` before it. Undefined for any other. */
export function readOperation(path: string): Operation | undefined {
  if (!path.startsWith(estPrefix)) return undefined
  const words = path.slice(estPrefix.length).split('/')
  if (words.length === 2 && words[0] === label) words.shift()
  return words.length === 1 ? operations.find((operation) => operation === words[0]) : undefined
}

/**
 * The whole of who may do what. Every operation meets every proof here; what is not written is denied, and a new operation or proof does not
 * compile until it is written (CVE-2026-30836: message types that were parsed but not in the authorization switch).
 */
export function admit(operation: Operation, proof: Proof): Result<Admitted> {
  switch (operation) {
    // Anybody may have these (RFC 7030 sections 4.1.1 and 4.5.1): a client that knows nothing yet has to begin somewhere.
    case 'cacerts':
    case 'csrattrs':
      return ok({ kind: 'public' })
    case 'simpleenroll':
    case 'serverkeygen':
      switch (proof.kind) {
        case 'none':
          return refuse('pki/est-no-proof', 'Show a client certificate of this hub, or a device id and a one-time code.')
        case 'bad':
          return fail(proof.error)
        case 'certificate':
          return ok({ kind: 'device', device: proof.device, leaf: proof.leaf })
        case 'code':
          return ok({ kind: 'device', device: proof.device, code: proof.code })
        default:
          return never(proof)
      }
    case 'simplereenroll':
      switch (proof.kind) {
        case 'none':
        case 'code':
          return refuse('pki/est-certificate-needed', 'Show the certificate that is to be renewed (RFC 7030 section 4.2.2).')
        case 'bad':
          return fail(proof.error)
        case 'certificate':
          return ok({ kind: 'device', device: proof.device, leaf: proof.leaf })
        default:
          return never(proof)
      }
    case 'fullcmc':
      return refuse('pki/est-not-offered', 'Full CMC is not offered here.')
    default:
      return never(operation)
  }
}
