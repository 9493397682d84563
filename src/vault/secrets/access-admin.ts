import { type Grant, type Result, ok, refuse } from '#base'
import { type AccessRule, parseRule } from './access.ts'
import { secretLimits } from './limits.ts'
import { type From, type SecretDesk, actorOf } from './secret-desk.ts'

/** A rule to be. */
export type NewRule = { readonly principal: string; readonly secrets: string; readonly rights: readonly string[] }

/** Puts a rule in force, in place of one for the same principal and secrets. Refuses `vault/access-rule`, `vault/too-many-rules`. */
export async function putRule(
  desk: SecretDesk,
  grant: Grant<'secret.administer'>,
  rule: NewRule,
  { from }: From,
): Promise<Result<AccessRule>> {
  const parsed = parseRule(rule.principal, rule.secrets, rule.rights)
  if (!parsed.ok) return parsed
  const { principal, secrets, rights } = parsed.value
  return await desk.change(async () => {
    if (desk.rules.count >= secretLimits.accessRules && desk.rules.find(principal, secrets) === undefined)
      return refuse('vault/too-many-rules', `There are ${secretLimits.accessRules} rules already.`)
    const made: AccessRule = { principal, secrets, rights, createdAt: desk.ports.clock.now(), createdBy: actorOf(grant) }
    const statement = {
      sql: 'INSERT OR REPLACE INTO secret_access (principal, secrets, rights, created_at, created_by) VALUES (?, ?, ?, ?, ?)',
      args: [principal, secrets, JSON.stringify(rights), made.createdAt, made.createdBy],
    }
    const what = { action: 'secret.access.put', resource: `secret:${secrets}`, detail: { principal, rights: rights.join(' '), from } }
    const done = await desk.commit(grant, what, [statement])
    if (!done.ok) return done
    desk.rules.put(made)
    told(desk, grant, principal, secrets, rights)
    return ok(made)
  })
}

/** Takes a rule away. Refuses `vault/access-rule-not-found`. */
export async function removeRule(
  desk: SecretDesk,
  grant: Grant<'secret.administer'>,
  { principal, secrets }: { readonly principal: string; readonly secrets: string },
  { from }: From,
): Promise<Result<void>> {
  return await desk.change(async () => {
    if (desk.rules.find(principal, secrets) === undefined)
      return refuse('vault/access-rule-not-found', 'There is no such rule for this principal and these secrets.')
    const statement = { sql: 'DELETE FROM secret_access WHERE principal = ? AND secrets = ?', args: [principal, secrets], expect: 1 }
    const what = { action: 'secret.access.remove', resource: `secret:${secrets}`, detail: { principal, from } }
    const done = await desk.commit(grant, what, [statement])
    if (!done.ok) return done
    desk.rules.remove(principal, secrets)
    told(desk, grant, principal, secrets, [])
    return done
  })
}

function told(desk: SecretDesk, grant: Grant, principal: string, secrets: string, rights: readonly string[]): void {
  desk.ports.tell({ kind: 'secret-access-changed', time: desk.ports.clock.now(), actor: actorOf(grant), principal, secrets, rights })
  desk.changed('*')
}
