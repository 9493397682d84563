import { X509Certificate } from 'node:crypto'
import { type Result, ok, refuse } from '#base'
import type { Json } from '#wire/json'
import { parseSharedKey } from './shared-keys.ts'
import { withoutNulls } from './twin-change.ts'
import { checkTwinPart, checkTwinWeight, isTwinObject } from './twin-rules.ts'
import type { TwinObject } from './twin.ts'

/** An enrollment of a provisioning service, as it came: this release keeps it and does not act on it. */
export type Enrollment = { readonly kind: 'individual' | 'group'; readonly id: string; readonly body: TwinObject }

const idPattern = /^[A-Za-z0-9\-._:]{0,127}[A-Za-z0-9-]$/
const idOf = { individual: 'registrationId', group: 'enrollmentGroupId' } as const
const attestations = { individual: ['none', 'tpm', 'x509', 'symmetricKey'], group: ['x509', 'symmetricKey'] } as const
const allocations: ReadonlySet<string> = new Set(['hashed', 'geoLatency', 'static', 'custom'])
const maxCertificateCharacters = 16 * 1024

/**
 * Reads an enrollment as the provisioning service and its tools write it (azure-wire 7.3). Refuses `hub/enrollment-malformed`, and bad keys and twins with
 * their own codes. Members that nobody knows stay, so that it is exported as it came.
 */
export function parseEnrollment(kind: Enrollment['kind'], json: Json): Result<Enrollment> {
  if (!isTwinObject(json)) return malformed('it must be an object')
  const id = json[idOf[kind]]
  if (typeof id !== 'string' || !idPattern.test(id)) return malformed(`${idOf[kind]} is none`)
  const attested = checkAttestation(kind, json['attestation'])
  if (!attested.ok) return attested
  const status = json['provisioningStatus'] ?? 'enabled'
  if (status !== 'enabled' && status !== 'disabled') return malformed('provisioningStatus is neither enabled nor disabled')
  const allocation = json['allocationPolicy'] ?? 'hashed'
  if (typeof allocation !== 'string' || !allocations.has(allocation)) return malformed('allocationPolicy is none')
  const capabilities = json['capabilities'] ?? {}
  if (!isTwinObject(capabilities) || typeof (capabilities['iotEdge'] ?? false) !== 'boolean') return malformed('capabilities are none')
  const twin = checkInitialTwin(json['initialTwin'] ?? {})
  return twin.ok ? ok({ kind, id, body: json }) : twin
}

/** The enrollment without its shared keys, and the keys where it has some. */
export function splitKeys(body: TwinObject): { readonly open: TwinObject; readonly keys: TwinObject | undefined } {
  const attestation = body['attestation']
  if (!isTwinObject(attestation) || !isTwinObject(attestation['symmetricKey'])) return { open: body, keys: undefined }
  const { symmetricKey, ...rest } = attestation
  return { open: { ...body, attestation: rest }, keys: isTwinObject(symmetricKey) ? symmetricKey : undefined }
}

function checkAttestation(kind: Enrollment['kind'], attestation: Json | undefined): Result<void> {
  if (!isTwinObject(attestation)) return malformed('attestation is missing')
  const type = attestation['type']
  const allowed: readonly string[] = attestations[kind]
  if (typeof type !== 'string' || !allowed.includes(type)) return malformed('attestation.type is none that fits')
  const part = attestation[type] ?? {}
  if (!isTwinObject(part)) return malformed(`attestation.${type} must be an object`)
  if (type === 'symmetricKey') return checkKeys(part)
  if (type === 'tpm') return typeof part['endorsementKey'] === 'string' ? ok(undefined) : malformed('attestation.tpm has no endorsementKey')
  return type === 'x509' ? checkX509(kind, part) : ok(undefined)
}

function checkKeys(part: TwinObject): Result<void> {
  for (const name of ['primaryKey', 'secondaryKey']) {
    const key = part[name] ?? null
    if (key !== null && typeof key !== 'string') return malformed(`attestation.symmetricKey.${name} is no text`)
    const parsed = parseSharedKey(key)
    if (!parsed.ok) return parsed
  }
  return ok(undefined)
}

function checkX509(kind: Enrollment['kind'], part: TwinObject): Result<void> {
  const held = kind === 'individual' ? 'clientCertificates' : 'signingCertificates'
  const names = [held, 'caReferences'].filter((name) => isTwinObject(part[name]))
  const [name, another] = names
  if (name === undefined || another !== undefined) return malformed(`attestation.x509 has either ${held} or caReferences`)
  const both = part[name]
  if (!isTwinObject(both) || !isSaid(both['primary'])) return malformed(`attestation.x509.${name} has no primary`)
  for (const place of ['primary', 'secondary']) {
    const one = both[place] ?? null
    if (one === null) continue
    if (name === 'caReferences') {
      if (typeof one !== 'string') return malformed('a reference to a CA is no text')
    } else if (!isCertificate(one)) return malformed(`attestation.x509.${name}.${place} is no certificate`)
  }
  return ok(undefined)
}

/** A certificate as it goes in, or what is told of one when it comes out. */
function isCertificate(json: Json): boolean {
  if (!isTwinObject(json)) return false
  const { certificate, info } = json
  if (typeof certificate === 'string' && certificate !== '') return certificate.length <= maxCertificateCharacters && opens(certificate)
  return isTwinObject(info) && typeof info['sha256Thumbprint'] === 'string'
}

function opens(text: string): boolean {
  try {
    return new X509Certificate(text.includes('-----BEGIN') ? text : Buffer.from(text, 'base64')).raw.length > 0
  } catch {
    return false
  }
}

function checkInitialTwin(twin: Json): Result<void> {
  if (!isTwinObject(twin)) return malformed('initialTwin must be an object')
  const properties = twin['properties'] ?? {}
  if (!isTwinObject(properties)) return malformed('initialTwin.properties must be an object')
  for (const [part, value] of [['tags', twin['tags'] ?? {}] as const, ['desired', properties['desired'] ?? {}] as const]) {
    const checked = checkTwinPart(part, value)
    if (!checked.ok) return checked
    const fits = checkTwinWeight(part, withoutNulls(checked.value))
    if (!fits.ok) return fits
  }
  return ok(undefined)
}

function isSaid(json: Json | undefined): boolean {
  return json !== undefined && json !== null
}

function malformed(problem: string): Result<never> {
  return refuse('hub/enrollment-malformed', `This is no enrollment: ${problem}.`)
}
