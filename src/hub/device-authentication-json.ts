import { type Result, type Secret, ok, refuse } from '#base'
import type { Json } from '#wire/json'
import { parseAuthentication } from './device.ts'
import type { ModuleAuthentication } from './module.ts'
import { type GivenKeys, type SharedKeys, parseSharedKey } from './shared-keys.ts'

/** A JSON object that came from outside, or is to go there. */
export type JsonObject = { readonly [key: string]: Json }

/** How a device or module proves itself, as IoT Hub's clients read it. Who has keys that are not to be shown shows empty ones. */
export function authenticationToAzureJson(authentication: ModuleAuthentication, keys: SharedKeys | undefined): JsonObject {
  const { type } = authentication
  const key = (of: Secret | undefined) => (type === 'sas' ? (of?.use((bytes) => bytes.toString('base64')) ?? '') : null)
  const [primaryThumbprint, secondaryThumbprint] =
    type === 'selfSigned' ? [authentication.primaryThumbprint, authentication.secondaryThumbprint] : [null, null]
  return {
    type,
    symmetricKey: { primaryKey: key(keys?.primary), secondaryKey: key(keys?.secondary) },
    x509Thumbprint: { primaryThumbprint, secondaryThumbprint },
  }
}

/** How somebody is to prove itself; undefined where nothing is said. */
export type AzureProof = { readonly authentication: ModuleAuthentication | undefined; readonly keys: GivenKeys | undefined }

const types = ['sas', 'selfSigned', 'certificateAuthority', 'none'] as const

/**
 * Reads the `authentication` of a device or module. Clients that name no type mean `selfSigned` when they give a thumbprint, and `sas` else. Refuses
 * `hub/registry-malformed`, and bad thumbprints and keys with their own codes.
 */
export function authenticationFromAzureJson(json: Json | undefined): Result<AzureProof> {
  if (json === undefined || json === null) return ok({ authentication: undefined, keys: undefined })
  if (!isObject(json)) return malformed('authentication')
  const prints = textsOf(json, 'x509Thumbprint', 'primaryThumbprint', 'secondaryThumbprint')
  if (!prints.ok) return prints
  const texts = textsOf(json, 'symmetricKey', 'primaryKey', 'secondaryKey')
  if (!texts.ok) return texts
  const [primaryThumbprint, secondaryThumbprint] = prints.value
  const named = json['type'] ?? (isSaid(primaryThumbprint) || isSaid(secondaryThumbprint) ? 'selfSigned' : 'sas')
  const type = types.find((one) => one === named)
  if (type === undefined) return malformed('authentication.type')
  if (type === 'none') return ok({ authentication: { type }, keys: undefined })
  const authentication = parseAuthentication(type === 'selfSigned' ? { type, primaryThumbprint, secondaryThumbprint } : { type })
  if (!authentication.ok || type !== 'sas')
    return authentication.ok ? ok({ authentication: authentication.value, keys: undefined }) : authentication
  const primary = parseSharedKey(texts.value[0])
  if (!primary.ok) return primary
  const secondary = parseSharedKey(texts.value[1])
  if (!secondary.ok) return secondary
  return ok({ authentication: authentication.value, keys: { primary: primary.value, secondary: secondary.value } })
}

type Texts = readonly [string | null | undefined, string | null | undefined]

/** Two texts of an inner object, each of which may be missing or null, as may the object. */
function textsOf(json: JsonObject, name: string, first: string, second: string): Result<Texts> {
  const inner = json[name] ?? undefined
  if (inner === undefined) return ok([undefined, undefined])
  if (!isObject(inner)) return malformed(`authentication.${name}`)
  const [one, two] = [inner[first], inner[second]]
  if (!isOptionalText(one) || !isOptionalText(two)) return malformed(`authentication.${name}`)
  return ok([one, two])
}

function isSaid(text: string | null | undefined): boolean {
  return text !== undefined && text !== null && text !== ''
}

function isOptionalText(value: Json | undefined): value is string | null | undefined {
  return value === undefined || value === null || typeof value === 'string'
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function malformed(what: string): Result<never> {
  return refuse('hub/registry-malformed', `${what} is not what it should be here.`)
}
