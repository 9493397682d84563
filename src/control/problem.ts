import { Fault, type Refusal } from '#base'

/** An RFC 9457 problem document. `code` is stable (docs/errors.md); `detail` is a sentence for people. */
export type Problem = {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly errors?: readonly ProblemError[]
}

/** One of several things that are wrong: on which line of a text, and at which place in it (`spec.rules[2].topics`). */
export type ProblemError = { readonly line?: number; readonly path?: string; readonly code: string; readonly message: string }

/** A refusal that names everything that is wrong. */
export type Refused = Refusal & { readonly errors?: readonly ProblemError[] }

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not signed in',
  403: 'Forbidden',
  404: 'Not found',
  406: 'Not acceptable',
  409: 'Conflict',
  412: 'Changed meanwhile',
  413: 'Too large',
  415: 'Unsupported media type',
  421: 'Misdirected request',
  422: 'Not as its tests demand',
  429: 'Too many requests',
  500: 'Internal error',
  502: 'The device answered badly',
  503: 'Unavailable',
  504: 'The device did not answer',
}

/** Refusals whose status is not 400. A code that is missing here still refuses, only with a less telling number. */
const statuses: ReadonlyMap<string, number> = new Map([
  ['access/not-signed-in', 401],
  ['access/credential-refused', 401],
  ['access/link-used', 401],
  ['access/link-expired', 401],
  ['access/link-unknown', 401],
  ['access/not-local', 403],
  ['access/denied', 403],
  ['access/too-many-attempts', 429],
  ['access/policy-not-found', 404],
  ['access/service-not-found', 404],
  ['pki/code-not-found', 404],
  ['pki/unknown-request', 404],
  ['pki/too-many-requests', 413],
  ['pki/root-offline', 409],
  ['provisioning/lot-not-found', 404],
  ['provisioning/lot-exists', 409],
  ['provisioning/lot-not-open', 409],
  ['provisioning/lot-not-exported', 409],
  ['provisioning/lot-conflict', 409],
  ['provisioning/lot-group', 409],
  ['provisioning/lots-full', 413],
  ['provisioning/ledger-too-large', 413],
  ['provisioning/attestation-policy-not-found', 404],
  ['provisioning/attestation-policy-exists', 409],
  ['provisioning/attestation-policy-used', 409],
  ['provisioning/attestation-not-expected', 404],
  ['provisioning/attestation-changed-meanwhile', 409],
  ['pki/too-many-codes', 413],
  ['pki/acme-account-not-found', 404],
  ['pki/acme-account-exists', 409],
  ['pki/acme-too-many-accounts', 413],
  ['access/service-exists', 409],
  ['access/services-too-many', 413],
  ['access/policy-fixed', 409],
  ['access/policy-conflict', 412],
  ['access/policies-too-many', 413],
  ['access/policy-test-failed', 422],
  ['control/csrf', 403],
  ['control/cross-site', 403],
  ['control/not-found', 404],
  ['control/body-too-large', 413],
  ['control/media-type', 415],
  ['control/unknown-host', 421],
  ['control/too-many-streams', 503],
  ['control/shrink-running', 503],
  ['control/unavailable', 503],
  ['control/internal', 500],
  ['json/too-large', 413],
  ['hub/device-not-found', 404],
  ['hub/device-exists', 409],
  ['hub/etag-differs', 412],
  ['hub/too-many-devices', 413],
  ['hub/module-not-found', 404],
  ['hub/module-exists', 409],
  ['hub/too-many-modules', 409],
  ['hub/system-module', 409],
  ['hub/twin-too-large', 413],
  ['hub/busy', 503],
  ['hub/device-offline', 504],
  ['hub/device-gone', 504],
  ['hub/method-timeout', 504],
  ['hub/method-answer-malformed', 502],
  ['hub/too-many-calls', 429],
  ['hub/queue-full', 409],
  ['hub/message-too-large', 413],
  ['hub/job-not-found', 404],
  ['hub/job-exists', 409],
  ['hub/job-ended', 409],
  ['hub/too-many-jobs', 409],
  ['hub/import-not-found', 404],
  ['hub/import-running', 409],
  ['hub/import-closed', 409],
  ['hub/import-full', 413],
  ['hub/configuration-not-found', 404],
  ['hub/configuration-exists', 409],
  ['hub/configuration-immutable', 409],
  ['hub/too-many-configurations', 409],
  ['hub/file-not-found', 404],
  ['egress/route-not-found', 404],
  ['egress/endpoint-not-found', 404],
  ['egress/enrichment-not-found', 404],
  ['egress/dead-letter-not-found', 404],
  ['egress/route-exists', 409],
  ['egress/endpoint-exists', 409],
  ['egress/endpoint-in-use', 409],
  ['egress/enrichment-exists', 409],
  ['egress/routes-conflict', 409],
  ['egress/routes-version', 412],
  ['egress/too-many-routes', 409],
  ['egress/too-many-endpoints', 409],
  ['egress/too-many-enrichments', 409],
  ['vault/access-denied', 403],
  ['vault/access-rule-not-found', 404],
  ['vault/secret-not-found', 404],
  ['vault/secret-disabled', 409],
  ['vault/secret-deleted', 409],
  ['vault/secret-exists', 409],
  ['vault/conflict', 409],
  ['vault/too-many-secrets', 409],
  ['vault/too-many-versions', 409],
  ['vault/too-many-rules', 409],
  ['pki/key-in-use', 409],
  ['pki/key-unavailable', 503],
  ['guard/busy', 503],
])

/** The status that goes with a refusal. */
export function statusOf(code: string): number {
  return statuses.get(code) ?? 400
}

/** A refusal as the peer may see it: its private detail stays here. */
export function problemOf(refusal: Pick<Refused, 'code' | 'message' | 'errors'>): Problem {
  const status = statusOf(refusal.code)
  return {
    type: `urn:thingwall:error:${refusal.code}`,
    title: titles[status] ?? 'Refused',
    status,
    code: refusal.code,
    detail: refusal.message,
    ...(refusal.errors === undefined || refusal.errors.length === 0 ? {} : { errors: refusal.errors }),
  }
}

/** What a peer is told when something was thrown: that it is not their fault and how to name it to us, and nothing of what it was. */
export function problemOfThrown(error: unknown, requestId: string): Problem {
  // A token that is away is nothing to look up in a log: its own words say what to do.
  if (error instanceof Fault && error.code === 'pki/key-unavailable')
    return problemOf({ code: 'pki/key-unavailable', message: error.message })
  if (error instanceof Fault)
    return problemOf({ code: 'control/unavailable', message: `The hub cannot do this now. Its log has more under ${requestId}.` })
  return problemOf({ code: 'control/internal', message: `This is a mistake of the hub. Its log has more under ${requestId}.` })
}
