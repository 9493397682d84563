import { type Actor, type Instant, type Result, ok, refuse } from '#base'
import { secretLimits } from './limits.ts'

/*
 * Theory of operation. Who may do what with which secret is a list of rules and nothing else: what no rule gives is denied. A rule names a principal
 * (`operator:owner`, `service:backend`, `role:Key Vault Secrets User`, `endpoint:orders`, or all of a kind as `service:*`), secrets (one name, or a prefix
 * with `*`), and rights. The hub's own right for the kind of act (`secret.read`, ...) is asked before, by grant.
 */

/** What can be done with a secret. `get` reads values; `delete` recovers too; `backup` takes a secret out whole and puts one back. */
export const secretRights = ['get', 'list', 'set', 'delete', 'rotate', 'purge', 'backup'] as const

/** One of {@link secretRights}. */
export type SecretRight = (typeof secretRights)[number]

/** One line of the list. */
export type AccessRule = {
  readonly principal: string
  /** A name, or a prefix and `*`. */
  readonly secrets: string
  readonly rights: readonly SecretRight[]
  readonly createdAt: Instant
  readonly createdBy: string
}

/** Who asks: an actor of the hub, perhaps with roles, or an endpoint. */
export type Asker = { readonly principals: readonly string[]; readonly name: string }

/** Who an actor is to the list. */
export function askerOf(actor: Actor): Asker {
  const roles = (actor.roles ?? []).map((role) => `role:${role}`)
  return { name: `${actor.kind}:${actor.id}`, principals: [`${actor.kind}:${actor.id}`, `${actor.kind}:*`, ...roles] }
}

/** Who an endpoint is to the list. */
export function endpointAsker(endpoint: string): Asker {
  return { name: `endpoint:${endpoint}`, principals: [`endpoint:${endpoint}`, 'endpoint:*'] }
}

/** Who an edge is to the list. */
export function edgeAsker(edge: string): Asker {
  return { name: `edge:${edge}`, principals: [`edge:${edge}`, 'edge:*'] }
}

// Without controls and marks that reorder text; spaces are in the names of roles.
const principalPattern = /^(?:operator|service|role|endpoint|edge):[^\p{C}\p{Z}](?:[^\p{C}\p{Z}]| (?=[^\p{C}\p{Z}]))*$/u
const secretsPattern = /^(?:[0-9A-Za-z-]{1,127}|[0-9A-Za-z-]{0,126}\*)$/

/** Reads a rule to be. Refuses `vault/access-rule`. */
export function parseRule(
  principal: string,
  secrets: string,
  rights: readonly string[],
): Result<Pick<AccessRule, 'principal' | 'secrets' | 'rights'>> {
  if (principal.length > secretLimits.principalCharacters || !principalPattern.test(principal))
    return refuse(
      'vault/access-rule',
      'A principal is operator:NAME, service:NAME, role:NAME, endpoint:NAME or edge:NAME; * is every name.',
    )
  if (!secretsPattern.test(secrets)) return refuse('vault/access-rule', 'Secrets are one name, or the beginning of names and *.')
  const held = secretRights.filter((right) => rights.includes(right))
  if (held.length === 0 || rights.some((right) => !held.some((one) => one === right)))
    return refuse('vault/access-rule', `Rights are some of ${secretRights.join(', ')}.`)
  return ok({ principal, secrets, rights: held })
}

/** Whether a rule's secrets cover this one. */
export function covers(secrets: string, name: string): boolean {
  const [wanted, asked] = [secrets.toLowerCase(), name.toLowerCase()]
  return wanted.endsWith('*') ? asked.startsWith(wanted.slice(0, -1)) : asked === wanted
}

/** The rules in force. Guards that the list in memory is the one in the rows. */
export class AccessRules {
  readonly #byPrincipal = new Map<string, AccessRule[]>()
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Every rule, by principal and secrets. */
  list(): readonly AccessRule[] {
    const all = [...this.#byPrincipal.values()].flat()
    return all.toSorted((a, b) => (a.principal + a.secrets < b.principal + b.secrets ? -1 : 1))
  }

  find(principal: string, secrets: string): AccessRule | undefined {
    return this.#byPrincipal.get(principal)?.find((rule) => rule.secrets === secrets)
  }

  /** Puts a rule in force, in place of one for the same principal and secrets. */
  put(rule: AccessRule): void {
    this.remove(rule.principal, rule.secrets)
    this.#byPrincipal.set(rule.principal, [...(this.#byPrincipal.get(rule.principal) ?? []), rule])
    this.#count++
  }

  remove(principal: string, secrets: string): void {
    const held = this.#byPrincipal.get(principal) ?? []
    const left = held.filter((rule) => rule.secrets !== secrets)
    this.#count -= held.length - left.length
    if (left.length === 0) this.#byPrincipal.delete(principal)
    else this.#byPrincipal.set(principal, left)
  }

  /** Whether some rule gives `asker` this right on the secret `name`. */
  allows(asker: Asker, right: SecretRight, name: string): boolean {
    return this.#held(asker).some((rule) => rule.rights.includes(right) && covers(rule.secrets, name))
  }

  /** Whether some rule gives `asker` this right on any secret at all. */
  allowsSome(asker: Asker, right: SecretRight): boolean {
    return this.#held(asker).some((rule) => rule.rights.includes(right))
  }

  #held(asker: Asker): readonly AccessRule[] {
    return asker.principals.flatMap((principal) => this.#byPrincipal.get(principal) ?? [])
  }
}

/** The no that says what is missing: right, secret and principal. It is the same whether the secret exists or not. */
export function refuseAccess(asker: Asker, right: SecretRight, name: string | undefined): { readonly ok: false; readonly error: Refused } {
  const what = name === undefined ? 'any secret' : `the secret ${name}`
  return refuse('vault/access-denied', `${asker.name} has no rule that gives "${right}" on ${what}.`)
}

type Refused = { readonly code: string; readonly message: string; readonly detail?: string }
