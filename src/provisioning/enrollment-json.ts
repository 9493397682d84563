import { type DeviceId, type Result, Secret, isoTime, ok, parseDeviceId, refuse } from '#base'
import type { Json } from '#wire/json'
import {
  type Attestation,
  type Enrollment,
  type EnrollmentKeys,
  type EnrollmentSpec,
  type HeldCertificate,
  type JsonObject,
  type Pair,
  allocationPolicies,
} from './enrollment.ts'
import { certificateInfo, readHeldCertificate } from './held-certificate.ts'
import { provisioningLimits } from './limits.ts'
import { parseIdKey } from './registration-id.ts'

/*
 * Enrollments as clients of the provisioning service write and read them (azure-wire 7.3), and as they are kept. Both are the same objects; kept ones hold
 * certificates whole, shown ones only what is told of them.
 */

/** A key as it was given: its bytes, `generate`, or undefined: the one that is there, or a new one. */
export type GivenKey = Secret | 'generate' | undefined

/** An enrollment as it was sent. */
export type GivenEnrollment = {
  readonly spec: EnrollmentSpec
  readonly keys: { readonly primary: GivenKey; readonly secondary: GivenKey }
  /** The `etag` inside the object, as it came. */
  readonly etag: string | undefined
}

const minKeyBytes = 16
const maxKeyBytes = 64
const maxText = 512
const maxTpmCharacters = 2 * provisioningLimits.tpmPublicBytes

/** True for an object, and not for a list or null. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member of an object; undefined where it is missing or null, which Azure's clients do not tell apart. */
export function member(object: JsonObject, name: string): Json | undefined {
  const value = Object.hasOwn(object, name) ? object[name] : undefined
  return value === null ? undefined : value
}

/**
 * Reads an enrollment. `held` are the certificates that the enrollment holds now: a client that shows one by its thumbprint means that one. Refuses
 * `provisioning/enrollment-malformed` with the place.
 */
export function parseEnrollment(
  kind: EnrollmentSpec['kind'],
  json: Json | undefined,
  held: readonly HeldCertificate[] = [],
): Result<GivenEnrollment> {
  if (!isObject(json)) return malformed('it must be an object')
  const name = kind === 'individual' ? 'registrationId' : 'enrollmentGroupId'
  const id = member(json, name)
  const key = typeof id === 'string' ? parseIdKey(id) : malformed(`${name} is missing`)
  if (!key.ok) return key
  const attested = readAttestation(kind, member(json, 'attestation'), held)
  if (!attested.ok) return attested
  const deviceId = readDeviceId(kind, json)
  if (!deviceId.ok) return deviceId
  const status = member(json, 'provisioningStatus') ?? 'enabled'
  if (status !== 'enabled' && status !== 'disabled') return malformed('provisioningStatus is neither enabled nor disabled')
  const places = readPlaces(json)
  if (!places.ok) return places
  const rest = readRest(json)
  if (!rest.ok) return rest
  const etag = member(json, 'etag')
  if (etag !== undefined && typeof etag !== 'string') return malformed('etag must be text')
  const { attestation, keys } = attested.value
  const spec: EnrollmentSpec = {
    kind,
    id: typeof id === 'string' ? id : '',
    key: key.value,
    deviceId: deviceId.value,
    attestation,
    status,
    ...places.value,
    ...rest.value,
  }
  return ok({ spec, keys, etag })
}

function readDeviceId(kind: EnrollmentSpec['kind'], json: JsonObject): Result<DeviceId | undefined> {
  const id = member(json, 'deviceId') ?? ''
  if (id === '') return ok(undefined)
  if (kind === 'group') return malformed('a group has no deviceId')
  return typeof id === 'string' ? parseDeviceId(id) : malformed('deviceId must be text')
}

type Attested = { readonly attestation: Attestation; readonly keys: GivenEnrollment['keys'] }

const noKeys: GivenEnrollment['keys'] = { primary: undefined, secondary: undefined }

function readAttestation(kind: EnrollmentSpec['kind'], json: Json | undefined, held: readonly HeldCertificate[]): Result<Attested> {
  if (!isObject(json)) return malformed('attestation is missing')
  const type = member(json, 'type')
  const part = typeof type === 'string' ? (member(json, type) ?? {}) : undefined
  if (part !== undefined && !isObject(part)) return malformed('the member of attestation that its type names must be an object')
  if (type === 'none')
    return kind === 'individual' ? ok({ attestation: { type: 'none' }, keys: noKeys }) : malformed('a group needs an attestation')
  if (type === 'symmetricKey') {
    const primary = readKey(member(part ?? {}, 'primaryKey'))
    const secondary = readKey(member(part ?? {}, 'secondaryKey'))
    if (!primary.ok) return primary
    return secondary.ok
      ? ok({ attestation: { type: 'symmetricKey' }, keys: { primary: primary.value, secondary: secondary.value } })
      : secondary
  }
  if (type === 'tpm') return kind === 'individual' ? readTpm(part ?? {}) : malformed('a group cannot be attested by TPM')
  if (type !== 'x509') return malformed('attestation.type is none of x509, tpm, symmetricKey and none')
  const attestation = readX509(kind, part ?? {}, held)
  return attestation.ok ? ok({ attestation: attestation.value, keys: noKeys }) : attestation
}

/** Base64 of 16 to 64 bytes; empty asks for a new one (azure-wire 7.3). What was read is never told. */
function readKey(text: Json | undefined): Result<GivenKey> {
  if (text === undefined) return ok(undefined)
  if (text === '') return ok('generate')
  const bytes = typeof text === 'string' ? fromBase64(text, Math.ceil(maxKeyBytes / 3) * 4) : undefined
  return bytes !== undefined && bytes.length >= minKeyBytes && bytes.length <= maxKeyBytes
    ? ok(new Secret(bytes))
    : malformed(`a symmetric key is base64 of ${minKeyBytes} to ${maxKeyBytes} bytes`)
}

function readTpm(part: JsonObject): Result<Attested> {
  const key = (name: string): Result<Buffer | undefined> => {
    const text = member(part, name) ?? ''
    if (text === '') return ok(undefined)
    const bytes = typeof text === 'string' ? fromBase64(text, maxTpmCharacters) : undefined
    return bytes === undefined ? malformed(`attestation.tpm.${name} is no base64 of a public area`) : ok(bytes)
  }
  const endorsementKey = key('endorsementKey')
  const storageRootKey = key('storageRootKey')
  if (!endorsementKey.ok) return endorsementKey
  if (!storageRootKey.ok) return storageRootKey
  if (endorsementKey.value === undefined) return malformed('attestation.tpm has no endorsementKey')
  const attestation = { type: 'tpm', endorsementKey: endorsementKey.value, storageRootKey: storageRootKey.value } as const
  return ok({ attestation, keys: noKeys })
}

function readX509(kind: EnrollmentSpec['kind'], part: JsonObject, held: readonly HeldCertificate[]): Result<Attestation> {
  const place = kind === 'individual' ? 'clientCertificates' : 'signingCertificates'
  const own = member(part, place)
  const references = member(part, 'caReferences')
  if ((own === undefined) === (references === undefined)) return malformed(`attestation.x509 has either ${place} or caReferences`)
  if (references !== undefined) {
    const names = pairOf(references, (name) =>
      typeof name === 'string' && name !== '' && name.length <= maxText ? ok(name) : malformed('a reference to a CA is its name'),
    )
    return names.ok ? ok({ type: 'caReferences', names: names.value }) : names
  }
  const certificates = pairOf(own, (one) => readHeldCertificate(one, place === 'signingCertificates', held))
  return certificates.ok ? ok({ type: place, certificates: certificates.value }) : certificates
}

function pairOf<T>(json: Json | undefined, read: (one: Json) => Result<T>): Result<Pair<T>> {
  if (!isObject(json)) return malformed('attestation.x509 needs a primary')
  const optional = (name: string): Result<T | null> => {
    const one = member(json, name)
    return one === undefined ? ok(null) : read(one)
  }
  const primary = optional('primary')
  const secondary = optional('secondary')
  if (!primary.ok) return primary
  if (!secondary.ok) return secondary
  if (primary.value === null && secondary.value === null) return malformed('attestation.x509 needs a primary')
  return ok({ primary: primary.value, secondary: secondary.value })
}

type Places = Pick<EnrollmentSpec, 'hubHostName' | 'hubs' | 'allocation' | 'custom'>

function readPlaces(json: JsonObject): Result<Places> {
  const hubHostName = member(json, 'iotHubHostName') ?? ''
  if (typeof hubHostName !== 'string' || hubHostName.length > maxText) return malformed('iotHubHostName must be text')
  const hubs = member(json, 'iotHubs') ?? []
  const names = Array.isArray(hubs)
    ? hubs.filter((one): one is string => typeof one === 'string' && one !== '' && one.length <= maxText)
    : []
  if (!Array.isArray(hubs) || names.length !== hubs.length || names.length > provisioningLimits.linkedHubs)
    return malformed(`iotHubs must be at most ${provisioningLimits.linkedHubs} names`)
  const said = member(json, 'allocationPolicy')
  // Who names one hub and no policy means that hub, as older clients wrote it.
  const allocation = said === undefined ? (hubHostName === '' ? 'hashed' : 'static') : allocationPolicies.find((one) => one === said)
  if (allocation === undefined) return malformed('allocationPolicy is none of hashed, geoLatency, static and custom')
  const definition = member(json, 'customAllocationDefinition')
  const custom = allocation === 'custom' ? readCustom(definition) : ok(undefined)
  if (!custom.ok) return custom
  return ok({ hubHostName: hubHostName === '' ? undefined : hubHostName, hubs: names, allocation, custom: custom.value })
}

/** The versions of the webhook's interface (azure-wire 7.5). */
const webhookVersions: readonly unknown[] = ['2018-09-01-preview', '2018-11-01', '2019-03-31', '2021-10-01']

function readCustom(json: Json | undefined): Result<EnrollmentSpec['custom']> {
  if (!isObject(json)) return malformed('allocationPolicy custom needs customAllocationDefinition')
  const url = member(json, 'webhookUrl')
  const apiVersion = member(json, 'apiVersion') ?? '2019-03-31'
  if (typeof url !== 'string' || url.length > 2_048 || !URL.canParse(url))
    return malformed('customAllocationDefinition.webhookUrl is no URL')
  const { protocol, username, password, hash } = new URL(url)
  if (protocol !== 'https:' || username !== '' || password !== '' || hash !== '')
    return malformed('customAllocationDefinition.webhookUrl must be https, without credentials')
  if (typeof apiVersion !== 'string' || !webhookVersions.includes(apiVersion))
    return malformed('customAllocationDefinition.apiVersion is not known')
  return ok({ webhookUrl: url, apiVersion })
}

type Rest = Pick<EnrollmentSpec, 'initialTwin' | 'isEdge' | 'reprovision' | 'deviceInformation' | 'certificatePolicy'>

function readRest(json: JsonObject): Result<Rest> {
  const capabilities = member(json, 'capabilities') ?? {}
  if (!isObject(capabilities)) return malformed('capabilities must be an object')
  const isEdge = member(capabilities, 'iotEdge') ?? false
  if (typeof isEdge !== 'boolean') return malformed('capabilities.iotEdge must be true or false')
  const policy = member(json, 'reprovisionPolicy') ?? {}
  if (!isObject(policy)) return malformed('reprovisionPolicy must be an object')
  const updateHubAssignment = member(policy, 'updateHubAssignment') ?? true
  const migrateDeviceData = member(policy, 'migrateDeviceData') ?? updateHubAssignment
  if (typeof updateHubAssignment !== 'boolean' || typeof migrateDeviceData !== 'boolean')
    return malformed('reprovisionPolicy has two members, each true or false')
  const initialTwin = readInitialTwin(member(json, 'initialTwin'))
  if (!initialTwin.ok) return initialTwin
  const deviceInformation = member(json, 'optionalDeviceInformation')
  if (deviceInformation !== undefined && !isObject(deviceInformation)) return malformed('optionalDeviceInformation must be an object')
  if (weight(deviceInformation) > provisioningLimits.initialTagsBytes) return malformed('optionalDeviceInformation is too large')
  const certificatePolicy = readCertificatePolicy(member(json, 'clientCertificateIssuancePolicy'))
  if (!certificatePolicy.ok) return certificatePolicy
  return ok({
    initialTwin: initialTwin.value,
    isEdge,
    reprovision: { updateHubAssignment, migrateDeviceData },
    deviceInformation,
    certificatePolicy: certificatePolicy.value,
  })
}

/** Tags and desired properties of a new device (azure-wire 7.3), also as a webhook answers them. */
export function readInitialTwin(json: Json | undefined): Result<EnrollmentSpec['initialTwin']> {
  if (json === undefined) return ok(undefined)
  if (!isObject(json)) return malformed('initialTwin must be an object')
  const properties = member(json, 'properties') ?? {}
  const tags = member(json, 'tags') ?? {}
  const desired = isObject(properties) ? (member(properties, 'desired') ?? {}) : undefined
  if (!isObject(tags) || !isObject(desired)) return malformed('initialTwin has tags and properties.desired, both objects')
  if (weight(tags) > provisioningLimits.initialTagsBytes || weight(desired) > provisioningLimits.initialDesiredBytes)
    return malformed('initialTwin is too large: 8 KB of tags, 32 KB of desired properties')
  return ok({ tags, desired })
}

// The names are known from samples of a preview only ([R] in azure-wire 6.7); `lifetimeDays` is ours.
function readCertificatePolicy(json: Json | undefined): Result<EnrollmentSpec['certificatePolicy']> {
  if (json === undefined) return ok(undefined)
  if (!isObject(json)) return malformed('clientCertificateIssuancePolicy must be an object')
  const name = member(json, 'certificateAuthorityName') ?? 'default'
  const days = member(json, 'lifetimeDays')
  if (typeof name !== 'string' || name === '' || name.length > maxText)
    return malformed('clientCertificateIssuancePolicy.certificateAuthorityName must be text')
  if (days !== undefined && (typeof days !== 'number' || !(days > 0) || days > 3_650))
    return malformed('clientCertificateIssuancePolicy.lifetimeDays must be a number of days')
  return ok({ name, lifetimeMs: typeof days === 'number' ? Math.round(days * 86_400_000) : undefined })
}

/** Whether the enrollment is written to be kept, to be shown, or to be shown with its keys. */
export type EnrollmentForm = { readonly for: 'keeping' | 'showing'; readonly keys?: EnrollmentKeys | undefined }

/** An enrollment as JSON. Its keys are in it only when they are given. */
export function enrollmentJson(enrollment: Enrollment, form: EnrollmentForm): JsonObject {
  const { kind, initialTwin, custom, reprovision, certificatePolicy } = enrollment
  const optional = (name: string, value: Json | undefined) => (value === undefined ? {} : { [name]: value })
  return {
    [kind === 'individual' ? 'registrationId' : 'enrollmentGroupId']: enrollment.id,
    ...optional('deviceId', enrollment.deviceId),
    attestation: attestationJson(enrollment.attestation, form),
    ...optional('iotHubHostName', enrollment.hubHostName),
    ...optional('iotHubs', enrollment.hubs.length === 0 ? undefined : enrollment.hubs),
    ...optional('initialTwin', initialTwin && { tags: initialTwin.tags, properties: { desired: initialTwin.desired } }),
    provisioningStatus: enrollment.status,
    capabilities: { iotEdge: enrollment.isEdge },
    reprovisionPolicy: reprovision,
    allocationPolicy: enrollment.allocation,
    ...optional('customAllocationDefinition', custom),
    ...optional('optionalDeviceInformation', enrollment.deviceInformation),
    ...optional(
      'clientCertificateIssuancePolicy',
      certificatePolicy && {
        certificateAuthorityName: certificatePolicy.name,
        ...optional('lifetimeDays', certificatePolicy.lifetimeMs && certificatePolicy.lifetimeMs / 86_400_000),
      },
    ),
    ...(form.for === 'keeping'
      ? {}
      : {
          etag: quoted(enrollment.etag),
          createdDateTimeUtc: isoTime(enrollment.createdAt),
          lastUpdatedDateTimeUtc: isoTime(enrollment.updatedAt),
        }),
  }
}

/** The attestation alone, as `attestationmechanism` answers it. */
export function attestationJson(attestation: Attestation, form: EnrollmentForm): JsonObject {
  const certificate = ({ der }: HeldCertificate): Json =>
    form.for === 'keeping' ? { certificate: der.toString('base64') } : { info: certificateInfo(der) }
  const pair = <T>({ primary, secondary }: Pair<T>, shown: (one: T) => Json) => ({
    ...(primary === null ? {} : { primary: shown(primary) }),
    ...(secondary === null ? {} : { secondary: shown(secondary) }),
  })
  switch (attestation.type) {
    case 'none':
      return { type: 'none' }
    case 'symmetricKey': {
      const { keys } = form
      const text = (key: Secret) => key.use((bytes) => bytes.toString('base64'))
      return { type: 'symmetricKey', ...(keys && { symmetricKey: { primaryKey: text(keys.primary), secondaryKey: text(keys.secondary) } }) }
    }
    case 'tpm': {
      const { endorsementKey, storageRootKey } = attestation
      const root = storageRootKey === undefined ? {} : { storageRootKey: storageRootKey.toString('base64') }
      return { type: 'tpm', tpm: { endorsementKey: endorsementKey.toString('base64'), ...root } }
    }
    case 'caReferences':
      return { type: 'x509', x509: { caReferences: pair(attestation.names, (name) => name) } }
    case 'clientCertificates':
    case 'signingCertificates':
      return { type: 'x509', x509: { [attestation.type]: pair(attestation.certificates, certificate) } }
  }
}

/** An etag as clients of the provisioning service see it: with quotes of its own (azure-wire 7.2). */
export function quoted(etag: string): string {
  return `"${etag}"`
}

/** An etag as it was sent, without one pair of quotes; undefined for `*`, which is every etag, and where nothing was said. */
export function unquoted(etag: string | undefined): string | undefined {
  if (etag === undefined || etag === '*' || etag === '"*"') return undefined
  return /^".*"$/s.test(etag) ? etag.slice(1, -1) : etag
}

/** What is wrong with an enrollment. */
export function malformed(problem: string): Result<never> {
  return refuse('provisioning/enrollment-malformed', `This is no enrollment: ${problem}.`)
}

function weight(json: Json | undefined): number {
  return json === undefined ? 0 : Buffer.byteLength(JSON.stringify(json))
}

function fromBase64(text: string, maxCharacters: number): Buffer | undefined {
  if (text.length > maxCharacters || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  return Buffer.from(text, 'base64')
}
