/*
 * BrokerAuthorization as data (edge.md 1.10). Allow-only: what no rule allows is denied, and the order of rules means nothing.
 */

/** What a policy speaks about. `receive` is no word of a document: it is what Subscribe grants, asked for one message. */
export type PolicyAction = 'connect' | 'publish' | 'subscribe' | 'receive'

/** Whom a rule is for: anyone who is in one of the lists. All three empty: nobody. */
export type Principals = {
  readonly usernames: readonly string[]
  readonly clientIds: readonly string[]
  /** One map matches when all of its pairs are among the principal's attributes. */
  readonly attributes: readonly ReadonlyMap<string, string>[]
}

/** A grant of one rule. Connect: any client identifier when `clientIds` is empty. */
export type BrokerResource =
  | { readonly method: 'Connect'; readonly clientIds: readonly string[] }
  | { readonly method: 'Publish' | 'Subscribe'; readonly topics: readonly string[] }

/** Keys of the state store; parsed and checked, and of use at the edge only. */
export type StateStoreResource = {
  readonly method: 'Read' | 'Write' | 'ReadWrite'
  readonly keyType: 'Pattern' | 'String' | 'Binary'
  readonly keys: readonly string[]
}

/** One rule; `id` is `document/name` or `document/index`. */
export type PolicyRule = {
  readonly id: string
  /** Our extension: a name to find the rule by. */
  readonly name: string | undefined
  readonly principals: Principals
  readonly brokerResources: readonly BrokerResource[]
  readonly stateStoreResources: readonly StateStoreResource[]
}

/** How an identity of a test or a question came to be: a registered device, a module of one (`{device}/{module}`), or another method of authentication. */
export type IdentityMethod = 'device' | 'module' | 'x509' | 'sat' | 'custom'

/** Who a test speaks of. `clientId` is what it connects with; the username when it is left out. */
export type TestIdentity = {
  readonly method: IdentityMethod
  readonly username: string
  readonly clientId: string
  readonly attributes: ReadonlyMap<string, string>
}

/** An expectation that must hold before a policy may be applied. `topic` is a filter for subscribe, and '' for connect. */
export type PolicyTest = {
  readonly id: string
  readonly name: string
  readonly as: TestIdentity
  readonly expect: 'allow' | 'deny'
  readonly action: PolicyAction
  readonly topic: string
}

/** One applied or applicable document: rules, tests, or both. */
export type PolicyDocument = {
  readonly name: string
  readonly kind: 'BrokerAuthorization' | 'PolicyTests'
  readonly apiVersion: string
  readonly namespace: string | undefined
  /** Accepted and kept. Decisions are remembered here either way, and forgotten at every change. */
  readonly cache: 'Enabled' | 'Disabled'
  readonly rules: readonly PolicyRule[]
  readonly tests: readonly PolicyTest[]
  /** The document as it was written. */
  readonly text: string
}
