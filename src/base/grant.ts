import type { Brand } from './result.ts'

/** Everything that an operator, service or program can be allowed to do. One word a right; roles are sets of these. */
export const actions = [
  'hub.read',
  'device.read',
  'device.write',
  'device.delete',
  'certificate.issue',
  'pki.read',
  'pki.administer',
  'enrollment.read',
  'enrollment.write',
  'registration.read',
  'registration.write',
  'secret.list',
  'secret.read',
  'secret.write',
  'secret.administer',
  'session.close',
  'telemetry.read',
  'twin.read',
  'twin.write',
  'method.invoke',
  'c2d.send',
  'c2d.feedback',
  'c2d.purge',
  'file.notifications',
  'job.read',
  'job.write',
  'configuration.read',
  'configuration.write',
  'route.read',
  'route.write',
  'service.read',
  'service.write',
  'device.act',
  'policy.read',
  'policy.write',
  'check.run',
  'audit.read',
  'operator.sign-in',
  'hub.administer',
] as const

/** A right, by name. */
export type Action = (typeof actions)[number]

/** Who acts: a person, a program of ours, or the hub itself. `via` says how that was proven. */
export type Actor = {
  readonly kind: 'operator' | 'service' | 'system'
  readonly id: string
  readonly via: 'session' | 'local-credential' | 'internal' | 'bearer' | 'shared-access-policy'
  /** The roles by which a program has its rights, where it has roles: what lists of access may name. */
  readonly roles?: readonly string[]
}

/**
 * Proof that `actor` may do `action` on `resource`. Only the room `access` mints one, and rooms take it as their first
 * argument: an endpoint that forgot to authorize does not compile. It names what the audit log needs.
 */
export type Grant<A extends Action = Action> = Brand<{ readonly actor: Actor; readonly action: A; readonly resource: string }, 'Grant'>
