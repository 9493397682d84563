export {
  type Authentication,
  type AuthenticationText,
  type Device,
  type DevicePatch,
  type DeviceSpec,
  type DeviceStatus,
  maxStatusReasonLength,
  parseAuthentication,
  parseThumbprint,
} from './device.ts'
export { type CsvDevice, type CsvProblem, parseDeviceCsv } from './device-csv.ts'
export type { DeviceQuery } from './device-index.ts'
export { type Hub, type HubPorts, openHub } from './hub.ts'
export type { Configurations, ModuleRegistry } from './hub-parts.ts'
export {
  type DeviceJob,
  type DeviceJobStatus,
  type Job,
  type JobGrants,
  type JobProgress,
  type JobQuery,
  type JobSpec,
  type JobStatus,
  type JobType,
  type JobWork,
  type Jobs,
  jobStatuses,
} from './job.ts'
export { deviceJobToAzureJson, jobToAzureJson } from './job-json.ts'
export {
  type BlobBytes,
  type BlobRequest,
  type BlobState,
  type FilePage,
  type FileSettings,
  type FileTarget,
  type Files,
  type StoredFile,
  type UploadOutcome,
  type UploadTicket,
  blobError,
  blockListBytes,
} from './file.ts'
export type {
  CloudMessage,
  CloudToDevice,
  FeedbackQueue,
  FeedbackRecord,
  FeedbackWanted,
  FileNotification,
  FileNotificationQueue,
  LockedContent,
  LockedMessage,
  Outcome,
  QueuedMessage,
  ServiceQueue,
} from './cloud-to-device.ts'
export type { AttachedMethodLink, MethodAnswer, MethodCall, MethodLink, Methods } from './method.ts'
export type { Presence, PresenceOf } from './presence.ts'
export type { Queries, QueryPage, QueryRequest } from './query.ts'
export type {
  DesiredChange,
  Twin,
  TwinCause,
  TwinChange,
  TwinHistory,
  TwinObject,
  TwinOrder,
  TwinPatch,
  TwinSection,
  Twins,
} from './twin.ts'
export type { TwinFact } from './twin-change.ts'
export { hubMigrations } from './migrations.ts'
export type { AuditedCommit, DeviceChange, DeviceChanged, Tell } from './ports.ts'
export { type Registry, type RegistryPorts, type Updated, reservedPrefix, reservedPrefixes } from './registry.ts'
export { type FactJson, factToJson } from './telemetry.ts'
export type { SharedKeyPorts, SharedKeys } from './shared-keys.ts'
