import type { Refusal } from '#base'

/** A refusal in the words of IoT Hub: the six-digit code, the name that clients look up, and the HTTP status (azure-wire 5.13). */
export type AzureError = { readonly code: number; readonly name: string; readonly status: number }

/** The names of IoT Hub with their codes, verbatim (azure-wire 5.13). Marked [R] there: 403007, 504101. */
const codes = {
  GenericBadRequest: 400_000,
  InvalidProtocolVersion: 400_001,
  InvalidOperation: 400_003,
  ArgumentInvalid: 400_004,
  ArgumentNull: 400_005,
  IotHubFormatError: 400_006,
  DeviceDefinedMultipleTimes: 400_011,
  DeserializationError: 400_012,
  BulkRegistryOperationFailure: 400_013,
  DefaultStorageEndpointNotConfigured: 400_014,
  InvalidFileUploadCorrelationId: 400_015,
  ExpiredFileUploadCorrelationId: 400_016,
  InvalidFileUploadCompletionStatus: 400_019,
  InvalidDeviceScope: 400_028,
  CannotRegisterModuleToModule: 400_301,
  InvalidConfigurationTargetCondition: 400_401,
  InvalidConfigurationContent: 400_402,
  CannotModifyImmutableConfigurationContent: 400_403,
  InvalidConfigurationCustomMetricsQuery: 400_404,
  GenericUnauthorized: 401_000,
  IotHubNotFound: 401_001,
  IotHubUnauthorizedAccess: 401_002,
  IotHubUnauthorized: 401_003,
  GenericForbidden: 403_000,
  IotHubQuotaExceeded: 403_002,
  JobQuotaExceeded: 403_003,
  DeviceMaximumQueueDepthExceeded: 403_004,
  DeviceMaximumActiveFileUploadLimitExceeded: 403_006,
  DeviceMaximumQueueSizeExceeded: 403_007,
  InvalidMessageExpiryTime: 403_009,
  DeviceDisabled: 403_012,
  DeviceMaximumInflightMethodExceeded: 403_800,
  GenericNotFound: 404_000,
  DeviceNotFound: 404_001,
  JobNotFound: 404_002,
  AmqpAddressNotFound: 404_006,
  ModuleNotFound: 404_010,
  DeviceNotOnline: 404_103,
  DeviceConnectionClosedRemotely: 404_104,
  ConfigurationNotFound: 404_301,
  GenericMethodNotAllowed: 405_000,
  GenericRequestTimeout: 408_000,
  GenericConflict: 409_000,
  DeviceAlreadyExists: 409_001,
  LinkCreationConflict: 409_002,
  JobAlreadyExists: 409_104,
  ModuleAlreadyExistsOnDevice: 409_301,
  ConfigurationAlreadyExists: 409_401,
  GenericPreconditionFailed: 412_000,
  PreconditionFailed: 412_001,
  DeviceMessageLockLost: 412_002,
  GenericRequestEntityTooLarge: 413_000,
  MessageTooLarge: 413_001,
  TooManyDevices: 413_002,
  TooManyModulesOnDevice: 413_003,
  ConfigurationCountLimitExceeded: 413_101,
  GenericUnsupportedMediaType: 415_000,
  GenericTooManyRequests: 429_000,
  ThrottlingException: 429_001,
  ThrottlingMaxActiveJobCountExceeded: 429_004,
  GenericServerError: 500_000,
  ServerError: 500_001,
  GenericBadGateway: 502_000,
  ServiceUnavailable: 503_001,
  ServerBusy: 503_005,
  GatewayTimeout: 504_101,
} as const

/** A name out of the catalogue of IoT Hub. */
export type AzureErrorName = keyof typeof codes

// Our refusals in IoT Hub's words, by room. A code that is missing here gets the default of its room.
const names: Readonly<Record<string, ReadonlyMap<string, AzureErrorName>>> = {
  base: new Map<string, AzureErrorName>([
    ['device-id-too-long', 'ArgumentInvalid'],
    ['device-id-malformed', 'ArgumentInvalid'],
  ]),
  control: new Map<string, AzureErrorName>([
    ['azure-api-version', 'InvalidProtocolVersion'],
    ['azure-malformed', 'ArgumentInvalid'],
    ['azure-too-many-items', 'TooManyDevices'],
    ['azure-no-storage', 'DefaultStorageEndpointNotConfigured'],
    ['azure-not-found', 'GenericNotFound'],
    ['azure-method-not-allowed', 'GenericMethodNotAllowed'],
    ['azure-too-slow', 'GenericRequestTimeout'],
    ['azure-throttled', 'ThrottlingException'],
    ['azure-busy', 'ServerBusy'],
    ['azure-scope', 'IotHubUnauthorizedAccess'],
    ['body-too-large', 'GenericRequestEntityTooLarge'],
    ['media-type', 'GenericUnsupportedMediaType'],
    ['unavailable', 'ServiceUnavailable'],
    ['internal', 'ServerError'],
  ]),
  json: new Map<string, AzureErrorName>([
    ['too-large', 'GenericRequestEntityTooLarge'],
    ['malformed', 'DeserializationError'],
  ]),
  hub: new Map<string, AzureErrorName>([
    ['device-not-found', 'DeviceNotFound'],
    ['device-exists', 'DeviceAlreadyExists'],
    ['device-twice', 'DeviceDefinedMultipleTimes'],
    ['device-scope', 'InvalidDeviceScope'],
    ['too-many-devices', 'TooManyDevices'],
    ['registry-full', 'IotHubQuotaExceeded'],
    ['sas-off', 'InvalidOperation'],
    ['system-module', 'InvalidOperation'],
    ['module-not-found', 'ModuleNotFound'],
    ['module-exists', 'ModuleAlreadyExistsOnDevice'],
    ['too-many-modules', 'TooManyModulesOnDevice'],
    ['etag-differs', 'PreconditionFailed'],
    ['twin-version-differs', 'PreconditionFailed'],
    ['twin-too-large', 'GenericRequestEntityTooLarge'],
    ['queue-full', 'DeviceMaximumQueueDepthExceeded'],
    ['message-too-large', 'MessageTooLarge'],
    ['message-expiry', 'InvalidMessageExpiryTime'],
    ['lock-lost', 'DeviceMessageLockLost'],
    ['file-upload-off', 'DefaultStorageEndpointNotConfigured'],
    ['upload-unknown', 'InvalidFileUploadCorrelationId'],
    ['upload-expired', 'ExpiredFileUploadCorrelationId'],
    ['upload-outcome', 'InvalidFileUploadCompletionStatus'],
    ['too-many-uploads', 'DeviceMaximumActiveFileUploadLimitExceeded'],
    ['file-quota', 'IotHubQuotaExceeded'],
    ['device-offline', 'DeviceNotOnline'],
    ['device-gone', 'DeviceConnectionClosedRemotely'],
    ['method-timeout', 'GatewayTimeout'],
    ['method-answer-malformed', 'GenericBadGateway'],
    ['too-many-calls', 'DeviceMaximumInflightMethodExceeded'],
    ['job-exists', 'JobAlreadyExists'],
    ['job-not-found', 'JobNotFound'],
    ['job-ended', 'InvalidOperation'],
    ['busy', 'ServiceUnavailable'],
    ['closing', 'ServiceUnavailable'],
    ['job-grant', 'IotHubUnauthorizedAccess'],
    ['twin-not-allowed', 'IotHubUnauthorizedAccess'],
    ['outcome-unknown', 'ServerError'],
    ['file-damaged', 'ServerError'],
    ['file-not-found', 'GenericNotFound'],
    ['blob-forbidden', 'GenericForbidden'],
    ['blob-too-large', 'GenericRequestEntityTooLarge'],
    ['too-many-jobs', 'ThrottlingMaxActiveJobCountExceeded'],
    ['configuration-exists', 'ConfigurationAlreadyExists'],
    ['configuration-not-found', 'ConfigurationNotFound'],
    ['configuration-condition', 'InvalidConfigurationTargetCondition'],
    ['configuration-content', 'InvalidConfigurationContent'],
    ['configuration-immutable', 'CannotModifyImmutableConfigurationContent'],
    ['configuration-metrics', 'InvalidConfigurationCustomMetricsQuery'],
    ['too-many-configurations', 'ConfigurationCountLimitExceeded'],
  ]),
  gateway: new Map<string, AzureErrorName>([
    ['api-version', 'InvalidProtocolVersion'],
    ['body-too-large', 'GenericRequestEntityTooLarge'],
    ['busy', 'ServerBusy'],
    ['connect-denied', 'IotHubUnauthorizedAccess'],
    ['failed', 'ServerError'],
    ['message-too-large', 'MessageTooLarge'],
    ['method-not-allowed', 'GenericMethodNotAllowed'],
    ['operation-denied', 'IotHubUnauthorizedAccess'],
    ['telemetry-denied', 'IotHubUnauthorizedAccess'],
    ['too-many-requests', 'ThrottlingException'],
    ['unauthorized', 'IotHubUnauthorized'],
  ]),
  access: new Map<string, AzureErrorName>([
    ['denied', 'IotHubUnauthorizedAccess'],
    ['disabled', 'IotHubUnauthorizedAccess'],
    ['unknown-device', 'IotHubUnauthorizedAccess'],
    ['wrong-host', 'IotHubNotFound'],
    ['too-many-attempts', 'ThrottlingException'],
  ]),
}

/** What a refusal is when nothing more is known: by the room that refused. */
const defaults: ReadonlyMap<string, AzureErrorName> = new Map<string, AzureErrorName>([
  ['access', 'IotHubUnauthorized'],
  ['json', 'IotHubFormatError'],
])

/** A name of the catalogue with its code and status. */
export function azureErrorNamed(name: AzureErrorName): AzureError {
  const code = codes[name]
  return { code, name, status: Math.floor(code / 1000) }
}

/** What Azure's clients are told of a refusal of ours, at every door. Its message goes with it; its detail never does. */
export function azureError({ code }: Pick<Refusal, 'code'>): AzureError {
  const slash = code.indexOf('/')
  const room = code.slice(0, Math.max(0, slash))
  const known = Object.hasOwn(names, room) ? names[room]?.get(code.slice(slash + 1)) : undefined
  return azureErrorNamed(known ?? defaults.get(room) ?? 'ArgumentInvalid')
}

/** Every refusal that has a row of its own, as its code, for tests. */
export const azureErrorRows: readonly string[] = Object.entries(names).flatMap(([room, known]) =>
  [...known.keys()].map((name) => `${room}/${name}`),
)
