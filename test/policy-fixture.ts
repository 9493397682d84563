import assert from 'node:assert/strict'
import { type IdentityMethod, type PolicyDocument, parsePolicies } from '#access'
import { type Subject, parseDeviceId } from '#base'

/** A document of the modelled product's group around `rules`, given as YAML lines or a flow list. For tests. */
export function authorization(name: string, rules: string): string {
  const indented = rules.replaceAll('\n', '\n      ')
  return `apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerAuthorization\nmetadata: {name: ${name}}\nspec:\n  authorizationPolicies:\n    rules:\n      ${indented}\n`
}

/** The documents of a text that must be good. */
export function parsed(text: string): readonly PolicyDocument[] {
  const documents = parsePolicies(text)
  assert.ok(documents.ok, documents.ok ? '' : JSON.stringify(documents.error.problems))
  return documents.value
}

/** Somebody of another method than the registry, or a registered device. */
export function someone(
  username: string,
  clientId: string = username,
  attributes: Readonly<Record<string, string>> = {},
  method: IdentityMethod = 'x509',
): Subject {
  const identity = parseDeviceId(method === 'device' ? username : `${method}:${username.replaceAll(/[^a-z0-9-]/g, '.')}`)
  assert.ok(identity.ok)
  return { identity: identity.value, username, clientId, attributes }
}
