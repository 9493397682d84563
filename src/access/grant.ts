import { type Action, type Actor, type Brand, type Grant, type Result, actions, ok, refuse } from '#base'

/** Proof that somebody has shown who they are. Only this room mints one; {@link authorize} turns it into a {@link Grant}. */
export type Caller = Brand<{ readonly actor: Actor; readonly rights: ReadonlySet<Action> }, 'Caller'>

/** What the one operator of a fresh hub may do: everything. Roles will be smaller sets of the same words. */
export const operatorRights: ReadonlySet<Action> = new Set(actions)

/** Mints a {@link Caller}. Inside this room only: whoever calls it has verified a credential. */
export function mintCaller(actor: Actor, rights: ReadonlySet<Action>): Caller {
  return Object.freeze({ actor: Object.freeze({ ...actor }), rights }) as Caller
}

/** Mints a {@link Grant}. Inside this room only. */
export function mintGrant<A extends Action>(actor: Actor, action: A, resource: string): Grant<A> {
  return Object.freeze({ actor, action, resource }) as Grant<A>
}

/**
 * Asks whether `caller` may do `action` on `resource`. Denies unless a right says so: `access/not-signed-in` for nobody,
 * `access/denied` for somebody without the right. The grant names what the audit log needs.
 */
export function authorize<A extends Action>(caller: Caller | undefined, action: A, resource: string): Result<Grant<A>> {
  if (caller === undefined) return refuse('access/not-signed-in', 'Sign in first.')
  if (!caller.rights.has(action)) return refuse('access/denied', `You may not do ${action} here.`, `${caller.actor.id} on ${resource}`)
  return ok(mintGrant(caller.actor, action, resource))
}

/**
 * DANGER: a grant for the hub itself, with nobody asked. Only the program may call it, for what it does on its own account (the first
 * sign-in link, renewals, scheduled checks); the audit log names the actor `hub`.
 */
export function systemGrant<A extends Action>(action: A, resource: string): Grant<A> {
  return mintGrant({ kind: 'system', id: 'hub', via: 'internal' }, action, resource)
}
