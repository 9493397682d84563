export type { Credentials, Refused } from './authenticate.ts'
export type { Authenticate, AuthenticateDevice, DeviceClaim, Reauthenticate, Reauthenticated } from './authentication/contract.ts'
export { openHttpsClient } from './authentication/https-client.io.ts'
export { identityPrefixes } from './authentication/identity.ts'
export { KeySet, keySetLimits, serviceAlgorithms } from './authentication/key-set.ts'
export { type Authentication, type ServiceAccounts, openAuthentication } from './authentication/open.ts'
export { type Resources, noResources, readResources } from './authentication/resources.ts'
export type { DeviceKeys, SasPort, SigningPolicy } from './authentication/sas.ts'
export { type PlacedProblem, placed } from './documents/lines.ts'
export type { Problems } from './documents/problems.ts'
export type { BoundPolicy } from './policy/bound-policy.ts'
export { hubChecksDocument, hubChecksName, hubDevicesDocument } from './policy/built-in.ts'
export { type Decision, type Question, type Standing, deviceSubject, explain } from './policy/decision.ts'
export { type Denial, explainDenial } from './policy/explain-denial.ts'
export type { IdentityMethod, PolicyAction, PolicyDocument, PolicyRule, PolicyTest, TestIdentity } from './policy/model.ts'
export { parsePolicies } from './policy/parse-policy.ts'
export type { Plan, PlanScene, PlannedSession } from './policy/plan.ts'
export { type AppliedChange, type ChangeRefused, type PlannedChange, type Policies, openPolicies } from './policy/policies.ts'
export type { Change } from './policy/policy-change.ts'
export { type PolicyEffect, type PolicyPorts, noEffect } from './policy/policy-ports.ts'
export { type PolicyVersion, policyMigrations } from './policy/policy-rows.ts'
export { type PolicySet, compilePolicies } from './policy/policy-set.ts'
export type { ShownPolicy } from './policy/shown-policy.ts'
export { type Cut, type ShrinkProposal, type Shrinking, type ShrunkDocument, type Use, openShrinking } from './policy/shrink.ts'
export { type TestOutcome, simulate, subjectOf, testsOf } from './policy/simulate.ts'
export type { AuthenticationPorts, LeafFacts, RegisteredDevice, VerifiedLeaf } from './ports.ts'
export { type AuthenticationType, type Principal, authenticationMethodJson } from './principal.ts'
export { type Caller, authorize, operatorRights, systemGrant } from './grant.ts'
export { failedSignIns } from './operator-attempts.ts'
export type { AppendAudit } from './operator-ports.ts'
export { type Session, isCsrfOf, sessionIdleMs, sessionMs } from './operator-session.ts'
export { signInLinkMs } from './operator-token.ts'
export { type Operators, openOperators } from './operators.ts'
export { type Issuer, servicePrefix } from './services/bearer.ts'
export { type ServiceCaller, type ServiceRequest, type Services, noServices } from './services/contract.ts'
export { type NewPolicy, type ServiceDirectory, openServiceDirectory } from './services/directory.ts'
export {
  type Permission,
  type Role,
  actionsOfPermissions,
  actionsOfRoles,
  parsePermission,
  parseRole,
  permissions,
  roles,
  shortRole,
} from './services/permissions.ts'
export { type RegisteredService, type SharedAccessPolicy, serviceMigrations } from './services/records.ts'
export { coversResource } from './services/resource.ts'
export { openServices } from './services/services.ts'
