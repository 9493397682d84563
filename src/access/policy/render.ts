import type { BrokerResource, PolicyRule, Principals, StateStoreResource } from './model.ts'

/*
 * Rules as YAML that is read back as the same rules. Every text is quoted as JSON quotes it, which YAML 1.2 reads the same way.
 */

/** A rule as an element of `rules`, its lines indented by `indent` spaces. */
export function renderRule(rule: Pick<PolicyRule, 'name' | 'principals' | 'brokerResources' | 'stateStoreResources'>, indent = 0): string {
  const pad = ' '.repeat(indent)
  const lines = [
    ...(rule.name === undefined ? [] : [`name: ${rule.name}`]),
    `principals: ${renderPrincipals(rule.principals)}`,
    ...(rule.brokerResources.length === 0
      ? ['brokerResources: []']
      : ['brokerResources:', ...rule.brokerResources.map((resource) => `  - ${renderResource(resource)}`)]),
    ...(rule.stateStoreResources.length === 0
      ? []
      : ['stateStoreResources:', ...rule.stateStoreResources.map((resource) => `  - ${renderStateStore(resource)}`)]),
  ]
  return lines.map((line, index) => `${pad}${index === 0 ? '- ' : '  '}${line}`).join('\n')
}

/** A whole BrokerAuthorization document of these rules. */
export function renderDocument(
  document: { readonly apiVersion: string; readonly name: string; readonly namespace: string | undefined; readonly cache: string },
  rules: readonly PolicyRule[],
): string {
  const { apiVersion, name, namespace, cache } = document
  const metadata = namespace === undefined ? `{name: ${name}}` : `{name: ${name}, namespace: ${quoted(namespace)}}`
  const head = `apiVersion: ${apiVersion}\nkind: BrokerAuthorization\nmetadata: ${metadata}\nspec:\n  authorizationPolicies:\n    cache: ${cache}\n`
  return rules.length === 0 ? `${head}    rules: []\n` : `${head}    rules:\n${rules.map((rule) => renderRule(rule, 6)).join('\n')}\n`
}

/** One resource in the form of one line. */
export function renderResource(resource: BrokerResource): string {
  if (resource.method !== 'Connect') return `{method: ${resource.method}, topics: ${list(resource.topics)}}`
  return resource.clientIds.length === 0 ? '{method: Connect}' : `{method: Connect, clientIds: ${list(resource.clientIds)}}`
}

function renderStateStore({ method, keyType, keys }: StateStoreResource): string {
  return `{method: ${method}, keyType: ${keyType}, keys: ${list(keys)}}`
}

/** Whom a rule is for, in one line. */
export function renderPrincipals({ usernames, clientIds, attributes }: Principals): string {
  const maps = attributes.map((pairs) => `{${[...pairs].map(([name, value]) => `${quoted(name)}: ${quoted(value)}`).join(', ')}}`)
  const parts = [
    ...(usernames.length === 0 ? [] : [`usernames: ${list(usernames)}`]),
    ...(clientIds.length === 0 ? [] : [`clientIds: ${list(clientIds)}`]),
    ...(maps.length === 0 ? [] : [`attributes: [${maps.join(', ')}]`]),
  ]
  return `{${parts.join(', ')}}`
}

function list(texts: readonly string[]): string {
  return `[${texts.map(quoted).join(', ')}]`
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
