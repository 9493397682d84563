import type { Action } from '#base'

/*
 * What back ends may do, in the words of IoT Hub: permissions of shared access policies (azure-wire 1.6) and roles (1.10), each as a set of our actions.
 */

const registryRead = ['device.read', 'configuration.read'] as const satisfies readonly Action[]

const byPermission = {
  RegistryRead: registryRead,
  RegistryWrite: [...registryRead, 'device.write', 'device.delete', 'configuration.write'],
  ServiceConnect: [
    'twin.read',
    'twin.write',
    'method.invoke',
    'c2d.send',
    'c2d.feedback',
    'c2d.purge',
    'file.notifications',
    'job.read',
    'job.write',
    'telemetry.read',
  ],
  DeviceConnect: ['device.act'],
  // Of the provisioning service (azure-wire 1.6).
  ServiceConfig: ['enrollment.read', 'enrollment.write', 'registration.read', 'registration.write'],
  EnrollmentRead: ['enrollment.read'],
  EnrollmentWrite: ['enrollment.read', 'enrollment.write'],
  RegistrationStatusRead: ['registration.read'],
  RegistrationStatusWrite: ['registration.read', 'registration.write'],
} as const satisfies Readonly<Record<string, readonly Action[]>>

/** A right of a shared access policy, as IoT Hub calls it. */
export type Permission = keyof typeof byPermission

/** Every {@link Permission}. */
export const permissions: readonly Permission[] = [
  'RegistryRead',
  'RegistryWrite',
  'ServiceConnect',
  'DeviceConnect',
  'ServiceConfig',
  'EnrollmentRead',
  'EnrollmentWrite',
  'RegistrationStatusRead',
  'RegistrationStatusWrite',
]

/** Reads a permission; undefined for another word. Case counts. */
export function parsePermission(text: string): Permission | undefined {
  return permissions.find((permission) => permission === text)
}

/** What holders of these permissions may do. RegistryWrite implies RegistryRead. */
export function actionsOfPermissions(held: Iterable<Permission>): ReadonlySet<Action> {
  const granted = new Set<Action>()
  for (const permission of held) for (const action of byPermission[permission]) granted.add(action)
  return granted
}

const reading = ['device.read', 'configuration.read', 'twin.read', 'job.read', 'telemetry.read', 'file.notifications'] as const

const byRole = {
  // Everything on the data of the hub, and nothing on the hub itself: its operators, policies, routes and services stay with operators.
  'IoT Hub Data Contributor': [...byPermission.RegistryWrite, ...byPermission.ServiceConnect],
  'IoT Hub Data Reader': reading,
  'IoT Hub Registry Contributor': ['device.read', 'device.write', 'device.delete'],
  'IoT Hub Twin Contributor': ['twin.read', 'twin.write'],
  // With which secrets is for the list of access to say.
  'Key Vault Secrets Officer': ['secret.list', 'secret.read', 'secret.write'],
  'Key Vault Secrets User': ['secret.list', 'secret.read'],
  'Key Vault Reader': ['secret.list'],
} as const satisfies Readonly<Record<string, readonly Action[]>>

/** A role for back ends: of IoT Hub, or of Key Vault. */
export type Role = keyof typeof byRole

/** Every {@link Role}, the most powerful first. */
export const roles: readonly Role[] = [
  'IoT Hub Data Contributor',
  'IoT Hub Registry Contributor',
  'IoT Hub Twin Contributor',
  'IoT Hub Data Reader',
  'Key Vault Secrets Officer',
  'Key Vault Secrets User',
  'Key Vault Reader',
]

/** The word by which a role is named where spaces are a nuisance: `data-contributor`. */
export function shortRole(role: Role): string {
  return role
    .replace(/^IoT Hub /, '')
    .toLowerCase()
    .replaceAll(' ', '-')
}

/** Reads a role by its whole name, or by its short one (`data-contributor`, `IoTHubDataContributor`). Undefined for another word. */
export function parseRole(text: string): Role | undefined {
  return roles.find((role) => text === role || text === shortRole(role) || text === role.replaceAll(' ', ''))
}

/** What holders of these roles may do. */
export function actionsOfRoles(held: Iterable<Role>): ReadonlySet<Action> {
  const granted = new Set<Action>()
  for (const role of held) for (const action of byRole[role]) granted.add(action)
  return granted
}
