import assert from 'node:assert/strict'
import { type IdentityMethod, type PolicyDocument, parsePolicies } from '#access'
import { type DeviceId, type Subject, identityOf, parseDeviceId, parseModuleId } from '#base'

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

/** Somebody of another method than the registry, a registered device, or as `{device}/{module}` a module of one. */
export function someone(
  username: string,
  clientId: string = username,
  attributes: Readonly<Record<string, string>> = {},
  method: IdentityMethod = 'x509',
): Subject {
  if (method === 'module') return { identity: moduleIdentity(username), username, clientId, attributes }
  const identity = parseDeviceId(method === 'device' ? username : `${method}:${username.replaceAll(/[^a-z0-9-]/g, '.')}`)
  assert.ok(identity.ok)
  return { identity: identity.value, username, clientId, attributes }
}

function moduleIdentity(name: string): DeviceId {
  const [device = '', module = ''] = name.split('/')
  const id = parseDeviceId(device)
  const part = parseModuleId(module)
  assert.ok(id.ok && part.ok)
  return identityOf(id.value, part.value)
}
