export { catalogue } from './catalogue.ts'
export { isProbePort } from './collectors/probe-ports.io.ts'
export type { Control, Judgement, Severity, Verdict } from './control.ts'
export type { Finding } from './evaluate.ts'
export type { Assurance, Evidence, Subject } from './evidence.ts'
export { type Guard, type GuardConfig, guardDefaults, openGuard } from './guard.ts'
export { type Policy, strictPolicy } from './policy.ts'
export type {
  AlertRoute,
  DeviceCredential,
  DeviceState,
  DrillPort,
  GuardPorts,
  HealthState,
  IssuedCertificate,
  IssuerState,
  KeyState,
  Listener,
  ProbeIdentity,
  ServerCertificateState,
  SessionState,
  SyntheticPort,
  TrustState,
} from './ports.ts'
export { type ControlReport, type Report, reportJson } from './report.ts'
