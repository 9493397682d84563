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
export { type Hub, openHub } from './hub.ts'
export { hubMigrations } from './migrations.ts'
export type { AuditedCommit, DeviceChange, DeviceChanged, Tell } from './ports.ts'
export { type Registry, type RegistryPorts, type Updated, reservedPrefix, reservedPrefixes } from './registry.ts'
export { type FactJson, factToJson } from './telemetry.ts'
export type { SharedKeyPorts, SharedKeys } from './shared-keys.ts'
