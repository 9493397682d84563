import { type TelemetryTopic, parseTelemetryTopic } from './topics.ts'

/*
 * The topics of IoT Hub beside telemetry (azure-wire 2.6). Those under `$iothub/` name nobody: whoever is connected speaks of itself, so they
 * are never routed between clients. Ids stand raw in topics; a request names itself by `$rid`, which is echoed as it came.
 */

/** Begins every topic by which a device asks something of the hub. Nothing under it is telemetry. */
export const operationPrefix = '$iothub/'

/** What a device asks of the hub, or answers, by publishing. `rid` is the text of `$rid` as it came. */
export type DeviceOperation =
  | { readonly kind: 'twin-get'; readonly rid: string }
  /** `version`: the change is meant for this version of the reported properties alone; undefined: for whichever it is. */
  | { readonly kind: 'reported'; readonly rid: string; readonly version: number | undefined }
  | { readonly kind: 'method-answer'; readonly rid: string; readonly status: number }

/** What a device publishes in IoT Hub's form. */
export type DeviceTopic = ({ readonly kind: 'telemetry' } & TelemetryTopic) | DeviceOperation

/** Longest `$rid` that is echoed, in characters. */
export const maxRequestIdLength = 128

// The slash before the query may be missing.
const get = /^\$iothub\/twin\/GET\/?\?(.*)$/s
const reported = /^\$iothub\/twin\/PATCH\/properties\/reported\/?\?(.*)$/s
const methodAnswer = /^\$iothub\/methods\/res\/([^/]+)\/?\?(.*)$/s
const integer = /^[+-]?[0-9]{1,9}$/
const version = /^[0-9]{1,15}$/

/** Takes apart what a device publishes to. Undefined: no topic of IoT Hub, or one that is malformed: without `$rid`, or with a number that is none. */
export function parseDeviceTopic(topic: string): DeviceTopic | undefined {
  if (!topic.startsWith(operationPrefix)) {
    const telemetry = parseTelemetryTopic(topic)
    return telemetry === undefined ? undefined : { kind: 'telemetry', ...telemetry }
  }
  const asked = get.exec(topic)
  if (asked !== null) {
    const rid = parametersOf(asked[1] ?? '').rid
    return rid === undefined ? undefined : { kind: 'twin-get', rid }
  }
  const patch = reported.exec(topic)
  if (patch !== null) {
    const { rid, version: of } = parametersOf(patch[1] ?? '')
    if (rid === undefined || (of !== undefined && !version.test(of))) return undefined
    return { kind: 'reported', rid, version: of === undefined ? undefined : Number(of) }
  }
  const [, status = '', query = ''] = methodAnswer.exec(topic) ?? []
  const { rid } = parametersOf(query)
  return rid === undefined || !integer.test(status) ? undefined : { kind: 'method-answer', rid, status: Number(status) }
}

/** The names of the two parameters may come percent-encoded; the first of duplicates counts. */
function parametersOf(query: string): { readonly rid: string | undefined; readonly version: string | undefined } {
  let rid: string | undefined
  let of: string | undefined
  for (const pair of query.split('&', 8)) {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, Math.max(0, equals))
    const value = pair.slice(equals + 1)
    if (name === '$rid' || name === '%24rid') rid ??= value
    else if (name === '$version' || name === '%24version') of ??= value
  }
  return { rid: rid === '' || (rid?.length ?? 0) > maxRequestIdLength ? undefined : rid, version: of === '' ? undefined : of }
}

/** The filters by which a client says what it wants to be told; they compare exactly. */
export const operationFilters = {
  twinResponses: '$iothub/twin/res/#',
  desired: '$iothub/twin/PATCH/properties/desired/#',
  methods: '$iothub/methods/POST/#',
} as const

/** The topic that answers a twin request. `version` is given for an accepted change. */
export function twinResponseTopic(status: number, rid: string, version?: number): string {
  return `$iothub/twin/res/${status}/?$rid=${rid}${version === undefined ? '' : `&$version=${version}`}`
}

/** The topic that tells of changed desired properties. */
export function desiredTopic(version: number): string {
  return `$iothub/twin/PATCH/properties/desired/?$version=${version}`
}

/** The topic that calls a method. */
export function methodTopic(name: string, rid: string): string {
  return `$iothub/methods/POST/${name}/?$rid=${rid}`
}

/** The topic, slash included, below which messages come to a device or a module; what follows is the property bag. */
export function messageTopicPrefix(device: string, module: string | undefined): string {
  return `devices/${device}${module === undefined ? '' : `/modules/${module}`}/messages/devicebound/`
}

/** Whether `filter` is the one for messages to this very device or module. The last word may be written in any case (azure-wire 2.6). */
export function isMessageFilter(filter: string, device: string, module: string | undefined): boolean {
  const expected = `${messageTopicPrefix(device, module)}#`
  if (filter.length !== expected.length) return false
  const word = expected.length - 'devicebound/#'.length
  return filter.slice(0, word) === expected.slice(0, word) && filter.slice(word).toLowerCase() === expected.slice(word)
}
