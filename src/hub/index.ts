export {
  type Authentication,
  type AuthenticationText,
  type Capabilities,
  type Device,
  type DevicePatch,
  type DeviceSpec,
  type DeviceStatus,
  maxStatusReasonLength,
  parseAuthentication,
  parseThumbprint,
} from './device.ts'
export { type Bulk, type BulkGrants, type BulkOptions, type BulkResult } from './bulk.ts'
export {
  type BulkItem,
  type BulkList,
  type BulkMode,
  type BulkProblem,
  type BulkTarget,
  type BulkTwin,
  bulkFromAzureJson,
  bulkItemFromAzureJson,
  bulkModes,
} from './bulk-item.ts'
export { type CsvDevice, type CsvProblem, parseDeviceCsv } from './device-csv.ts'
export {
  type AzureDevice,
  type AzureModule,
  deviceFromAzureJson,
  deviceMembersFromAzureJson,
  deviceSpecOf,
  deviceToAzureJson,
  moduleFromAzureJson,
  moduleMembersFromAzureJson,
  moduleSpecOf,
  moduleToAzureJson,
} from './device-json.ts'
export type { DeviceQuery, DeviceStatistics } from './device-index.ts'
export { type Hub, type HubPorts, openHub } from './hub.ts'
export type {
  Configuration,
  ConfigurationContent,
  ConfigurationPatch,
  ConfigurationResults,
  ConfigurationSpec,
  Configurations,
  QueryErrors,
} from './configuration.ts'
export { parseContent } from './configuration-content.ts'
export { configurationJson, contentJson, parseConfiguration } from './configuration-json.ts'
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
export type { JobPermits } from './job-run.ts'
export { type JobSettings, jobDefaults } from './jobs.ts'
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
export { type Module, type ModuleAuthentication, type ModulePatch, type ModuleSpec, maxModulesPerDevice } from './module.ts'
export type { ModuleRegistry, UpdatedModule } from './module-registry.ts'
export type { AttachedMethodLink, MethodAnswer, MethodCall, MethodLink, Methods } from './method.ts'
export type { Presence, PresenceOf } from './presence.ts'
export type { Queries, QueryPage, QueryRequest } from './query.ts'
export {
  type ExportLine,
  type Import,
  type ImportEntry,
  type ImportReadGrants,
  type ImportSource,
  type ImportWriteGrants,
  type Transfer,
  importSources,
} from './transfer.ts'
export { type ContainerBlob, type Containers, type NewContainer, type OpenContainer, containerLimits } from './containers.ts'
export { type RegistryJobGrants, type RegistryJobPermits, type RegistryJobs, type RegistryJobStatus } from './registry-job.ts'
export { maxLineBytes } from './transfer-line.ts'
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
export { checkTwinPart, checkTwinWeight } from './twin-rules.ts'
export {
  type TwinAbout,
  type TwinAboutParts,
  type TwinEvent,
  desiredChangeJson,
  deviceTwinJson,
  sectionJson,
  serviceTwinJson,
  twinAbout,
  twinEventBody,
} from './twin-json.ts'
export type { FileDisk, FileEntry } from './file-disk.ts'
export { fileDefaults } from './file-uploads.ts'
export type { HubFiles } from './file-part.ts'
export { type BlobAccount, signAzureBlob } from './file-signature.ts'
export { hubMigrations } from './migrations.ts'
export type { AuditedCommit, DeviceChange, DeviceChanged, Tell } from './ports.ts'
export type { Registry } from './registry.ts'
export { type AddOptions, reservedPrefix, reservedPrefixes } from './registry-add.ts'
export type { RegistryPorts } from './registry-state.ts'
export type { Updated } from './registry-update.ts'
export { type FactJson, type TelemetryForm, factToJson, telemetryForm } from './telemetry.ts'
export { type GivenKey, type GivenKeys, type SharedKeyPorts, type SharedKeys, parseSharedKey } from './shared-keys.ts'
