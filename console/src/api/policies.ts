import { lines } from '../lib/lines.ts'
import { client, given, take } from './client.ts'
import type {
  AppliedPolicy,
  Decision,
  Denials,
  ExplainedDenial,
  PolicyChange,
  PolicyDetail,
  PolicyList,
  PolicyPlan,
  PolicyTestResults,
  PolicyVersions,
  ShrinkProposal,
} from './types.ts'
import { isProposal } from './wire.ts'

/** Who asks, and for what: a registered device, or somebody of another method with a JSON object of attributes. */
export type ExplainQuery = {
  readonly device?: string | undefined
  readonly method?: 'x509' | 'sat' | 'custom' | undefined
  readonly username?: string | undefined
  readonly clientId?: string | undefined
  readonly attributes?: string | undefined
  readonly action: Decision['action']
  readonly topic?: string | undefined
}

/** Asks the decision engine. */
export const explain = (query: ExplainQuery): Promise<Decision> =>
  take(client.GET('/api/v1/explain', { params: { query: given<{ action: Decision['action'] }>(query) } }))

/** Explains a denial of the journal. With the offset that it stands at it is found at once. */
export const explainDecision = (id: string, offset: number | undefined): Promise<ExplainedDenial> =>
  take(
    client.GET('/api/v1/decisions/{id}', {
      params: { path: { id }, query: given({ before: offset === undefined ? undefined : offset + 1 }) },
    }),
  )

/** What a device was denied, the latest first, before an offset. */
export const fetchDenials = (id: string, before: number | undefined): Promise<Denials> =>
  take(client.GET('/api/v1/devices/{id}/denials', { params: { path: { id }, query: given({ before }) } }))

/** Every document in force. */
export const fetchPolicies = (): Promise<PolicyList> => take(client.GET('/api/v1/policies'))

/** One document with its text. */
export const fetchPolicy = (name: string): Promise<PolicyDetail> =>
  take(client.GET('/api/v1/policies/{name}', { params: { path: { name } } }))

/** The newest changes, newest first. */
export const fetchPolicyVersions = (limit: number): Promise<PolicyVersions> =>
  take(client.GET('/api/v1/policy-versions', { params: { query: { limit } } }))

/** Runs all tests, with `text` applied when given. Changes nothing. */
export const testPolicies = (text: string | undefined, signal?: AbortSignal): Promise<PolicyTestResults> =>
  take(client.POST('/api/v1/policies/test', { body: given({ text }), ...(signal === undefined ? {} : { signal }) }))

/** What a change would do. */
export const planPolicies = (change: PolicyChange): Promise<PolicyPlan> => take(client.POST('/api/v1/policies/plan', { body: change }))

/** Applies documents, if `from` is still the version in force. */
export const applyPolicies = (text: string, from: number): Promise<AppliedPolicy> =>
  take(client.POST('/api/v1/policies', { body: { text }, headers: { 'if-match': `"${from}"` } }))

/** Takes a document out, if `from` is still the version in force. */
export const removePolicy = (name: string, from: number): Promise<AppliedPolicy> =>
  take(client.DELETE('/api/v1/policies/{name}', { params: { path: { name } }, headers: { 'if-match': `"${from}"` } }))

/** Searches the journal for rights that nobody used; undefined when the hub gave up. `told` hears the share that is done; to abort is to cancel. */
export async function searchUnused(days: number, told: (share: number) => void, signal: AbortSignal): Promise<ShrinkProposal | undefined> {
  const stream: ReadableStream<Uint8Array> | null = await take(
    client.GET('/api/v1/policy-shrink', { params: { query: { days } }, signal, parseAs: 'stream' }),
  )
  if (stream === null) return undefined
  for await (const line of lines(stream)) {
    if (!line.startsWith('data: ')) continue
    const data: unknown = JSON.parse(line.slice('data: '.length))
    if (isProposal(data)) return data
    const share: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, 'share') : undefined
    if (typeof share === 'number') told(share)
  }
  return undefined
}
