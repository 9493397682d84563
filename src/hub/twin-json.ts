import { type DeviceId, type Instant, identityParts, isoTime } from '#base'
import type { FactOf } from '#journal'
import type { Json } from '#wire/json'
import type { CloudToDevice } from './cloud-to-device.ts'
import type { Device } from './device.ts'
import type { Module, ModuleAuthentication } from './module.ts'
import type { Presence, PresenceOf } from './presence.ts'
import { twinTime } from './twin-change.ts'
import { type TwinStamp, metadataOf } from './twin-merge.ts'
import type { DesiredChange, Twin, TwinObject, TwinSection } from './twin.ts'

/** What a back end is told of a twin's identity besides the twin itself (azure-wire 5.2). */
export type TwinAbout = {
  readonly etag: string
  readonly status: 'enabled' | 'disabled'
  readonly statusReason: string | null
  readonly statusUpdatedAt: Instant | null
  readonly authentication: ModuleAuthentication
  readonly presence: PresenceOf
  /** Cloud-to-device messages that wait or are locked. */
  readonly messages: number
  /** Undefined of a module. */
  readonly device: Pick<Device, 'capabilities' | 'deviceScope' | 'parentScopes'> | undefined
}

/** Where {@link twinAbout} looks: the parts of the hub of these names. */
export type TwinAboutParts = {
  readonly devices: { find(id: string): Device | undefined }
  readonly modules: { find(identity: DeviceId): Module | undefined }
  readonly presence: Pick<Presence, 'of'>
  readonly messages: Pick<CloudToDevice, 'count'>
}

/** A time that never was, as IoT Hub writes it. */
const never = '0001-01-01T00:00:00Z'

/** The twin as its own device gets it: both sections with their versions, and nothing of tags, ids or metadata (azure-wire 2.9). */
export function deviceTwinJson({ desired, reported }: Twin): TwinObject {
  return {
    desired: { ...desired.properties, $version: desired.version },
    reported: { ...reported.properties, $version: reported.version },
  }
}

/** What a device is told of a change of its desired properties (azure-wire 2.9). */
export function desiredChangeJson({ body, version }: DesiredChange): TwinObject {
  return { ...body, $version: version }
}

/** Gathers what the hub knows of an identity; undefined where nobody is registered. */
export function twinAbout(parts: TwinAboutParts, identity: DeviceId): TwinAbout | undefined {
  const { device: id, module: moduleId } = identityParts(identity)
  const device = parts.devices.find(id)
  const module = moduleId === undefined ? undefined : parts.modules.find(identity)
  if (device === undefined || (moduleId !== undefined && module === undefined)) return undefined
  const { status, statusReason, statusUpdatedAt } = device
  const of = module ?? device
  return {
    etag: of.etag,
    status,
    statusReason,
    statusUpdatedAt,
    authentication: of.authentication,
    presence: parts.presence.of(identity),
    messages: parts.messages.count(identity),
    device: module === undefined ? device : undefined,
  }
}

/** The twin as back ends get it, from the REST interface and as the row of a query (azure-wire 5.2). */
export function serviceTwinJson(twin: Twin, about: TwinAbout): TwinObject {
  const { device, module } = identityParts(twin.identity)
  const { presence, authentication } = about
  const prints = authentication.type === 'selfSigned' ? authentication : { primaryThumbprint: null, secondaryThumbprint: null }
  const isConfigured = Object.keys(twin.configurations).length > 0
  return {
    deviceId: device,
    ...(module === undefined ? {} : { moduleId: module }),
    etag: twin.etag,
    deviceEtag: about.etag,
    status: about.status,
    statusReason: about.statusReason,
    statusUpdateTime: timeText(about.statusUpdatedAt),
    connectionState: presence.connectionState,
    lastActivityTime: timeText(presence.lastActivityTime),
    cloudToDeviceMessageCount: about.messages,
    authenticationType: authentication.type,
    x509Thumbprint: { primaryThumbprint: prints.primaryThumbprint, secondaryThumbprint: prints.secondaryThumbprint },
    modelId: twin.modelId,
    version: twin.version,
    tags: twin.tags,
    properties: { desired: sectionJson(twin.desired), reported: sectionJson(twin.reported) },
    ...(isConfigured ? { configurations: twin.configurations } : {}),
    ...(about.device === undefined ? {} : deviceOnly(about.device)),
  }
}

/** A section with `$metadata` and `$version`, as back ends get it (azure-wire 2.10). */
export function sectionJson({ properties, metadata, version }: TwinSection): TwinObject {
  return { ...properties, $metadata: metadata, $version: version }
}

/** What a consumer of twin change events reads: the operation, and the parts that changed, with their metadata (azure-wire 9.6). */
export type TwinEvent = { readonly opType: 'updateTwin' | 'replaceTwin'; readonly body: TwinObject }

/** The event that a fact is. After a replacement it has the whole twin; undefined: nothing that a back end can see has changed. */
export function twinEventBody(fact: FactOf<'twin-reported' | 'twin-changed'>): TwinEvent | undefined {
  const $lastUpdated = twinTime(fact.time)
  if (fact.kind === 'twin-reported') {
    const reported = changedJson(fact.patch, { $lastUpdated }, fact.version)
    return { opType: 'updateTwin', body: { version: fact.twinVersion, properties: { reported } } }
  }
  const { tags, desired, replaces, reported, reportedVersion } = fact
  if (tags === undefined && desired === undefined) return undefined
  const stamp = { $lastUpdated, $lastUpdatedVersion: fact.desiredVersion }
  const properties = {
    ...(desired === undefined ? {} : { desired: changedJson(desired, stamp, fact.desiredVersion) }),
    ...(reported === undefined || reportedVersion === undefined ? {} : { reported: { ...reported, $version: reportedVersion } }),
  }
  const body = {
    ...(replaces ? { ...idsOf(fact.device), etag: fact.etag } : {}),
    version: fact.twinVersion,
    ...(tags === undefined ? {} : { tags }),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  }
  return { opType: replaces ? 'replaceTwin' : 'updateTwin', body }
}

function changedJson(patch: TwinObject, stamp: TwinStamp, version: number): TwinObject {
  return { ...patch, $metadata: metadataOf(patch, stamp), $version: version }
}

function idsOf(identity: string): { readonly [key: string]: Json } {
  const slash = identity.indexOf('/')
  return slash < 0 ? { deviceId: identity } : { deviceId: identity.slice(0, slash), moduleId: identity.slice(slash + 1) }
}

function deviceOnly({
  capabilities,
  deviceScope,
  parentScopes,
}: Pick<Device, 'capabilities' | 'deviceScope' | 'parentScopes'>): TwinObject {
  return { capabilities, deviceScope, parentScopes }
}

function timeText(at: Instant | null): string {
  return at === null ? never : isoTime(at)
}
