import { type Actor, type Grant, type Result, fail, ok, refuse } from '#base'
import type { Row, Statement } from '#store'
import { AccessRules, type Asker, type SecretRight, askerOf, refuseAccess } from './access.ts'
import { ReadAudit } from './read-audit.ts'
import { newestJoin, ruleOf, textOf, timeOf, versionColumns, versionOf } from './rows.ts'
import { decodeRotation, type RotationPolicy } from './rotation.ts'
import type { AuditedSecret, SecretPorts } from './secret-ports.ts'
import { type SecretName, type SecretVersion, keyOf, parseSecretName } from './secret.ts'

/** A secret as it stands: its newest version, that one's place in the order, and whether it was deleted. */
export type Held = {
  readonly newest: SecretVersion
  readonly sequence: number
  readonly deletedAt: number | undefined
  readonly purgesAt: number | undefined
  readonly rotation: RotationPolicy | undefined
}

/** Who does what, from where: the address of a peer, or a word such as `console`. */
export type From = { readonly from: string }

/**
 * What all work on secrets shares: rows, rules, and the order of changes. Changes are made one after another, so that what was read before a commit
 * still holds at it; reads wait for nobody.
 */
export class SecretDesk {
  readonly ports: SecretPorts
  readonly rules = new AccessRules()
  readonly reads: ReadAudit
  readonly #listeners = new Set<(name: string) => void>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(ports: SecretPorts) {
    this.ports = ports
    this.reads = new ReadAudit((grant, what) => ports.commit(grant, what, []))
  }

  /** Reads the rules. Damaged ones give nothing. */
  async load(): Promise<void> {
    for (const row of await this.ports.store.query('SELECT * FROM secret_access')) {
      const rule = ruleOf(row)
      if (rule === undefined) this.ports.trouble('a rule of access to secrets cannot be read and gives nothing', textOf(row['principal']))
      else this.rules.put(rule)
    }
  }

  /** Runs a change when those before it are done. */
  change<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  /** Resolves when the changes that have begun are done. */
  async settled(): Promise<void> {
    await this.#turn
  }

  /** The name, if a rule gives the actor this right on it. The no is audited, and does not say whether the secret exists. */
  async allow(grant: Grant, right: SecretRight, name: string, { from }: From): Promise<Result<SecretName>> {
    const parsed = parseSecretName(name)
    if (!parsed.ok) return parsed
    const asker = askerOf(grant.actor)
    if (this.rules.allows(asker, right, name)) return parsed
    await this.reads.note(grant, { action: `secret.${right}`, resource: `secret:${name}`, detail: { from }, outcome: 'refused' })
    return refuseAccess(asker, right, name)
  }

  /** Rows of secrets that this actor may list, in the order of names. */
  lists(actor: Actor, name: string): boolean {
    return this.rules.allows(askerOf(actor), 'list', name)
  }

  /** Whether this actor may list anything at all. */
  listsSome(actor: Actor): Result<Asker> {
    const asker = askerOf(actor)
    return this.rules.allowsSome(asker, 'list') ? ok(asker) : refuseAccess(asker, 'list', undefined)
  }

  /** A secret with its newest version; undefined: there is none of the name. */
  async find(name: string): Promise<Held | undefined> {
    const rows = await this.ports.store.query(
      `SELECT ${versionColumns}, s.deleted_at AS deleted_at, s.purges_at AS purges_at, s.rotation AS rotation FROM ${newestJoin} WHERE s.key = ?`,
      keyOf(name),
    )
    return rows[0] === undefined ? undefined : heldOf(rows[0])
  }

  /** A secret that was not deleted. Refuses `vault/secret-not-found`. */
  async live(name: string): Promise<Result<Held>> {
    const held = await this.find(name)
    return held === undefined || held.deletedAt !== undefined ? notFound(name) : ok(held)
  }

  /** A secret that was deleted. Refuses `vault/secret-not-found`. */
  async dead(name: string): Promise<Result<Held>> {
    const held = await this.find(name)
    return held?.deletedAt === undefined ? notFound(name) : ok(held)
  }

  /** One version of a secret that was not deleted. Refuses `vault/secret-not-found`. */
  async version(name: string, version: string): Promise<Result<SecretVersion>> {
    const rows = await this.ports.store.query(
      `SELECT ${versionColumns} FROM secrets s JOIN secret_versions v ON v.key = s.key WHERE s.key = ? AND v.version = ? AND s.deleted_at IS NULL`,
      keyOf(name),
      version,
    )
    return rows[0] === undefined ? notFound(name) : ok(versionOf(rows[0]))
  }

  /** Commits a change with its audit entry. A conflict is somebody else's change of the same rows: `vault/conflict`. */
  async commit(grant: Grant, what: AuditedSecret, statements: readonly Statement[]): Promise<Result<void>> {
    const done = await this.ports.commit(grant, what, statements)
    return done.ok ? done : refuse('vault/conflict', 'The secret was changed meanwhile. Try again.')
  }

  /** Calls `told` with the name of every secret whose value, state or access may have changed; `*` for all. Returns how to be told no more. */
  onChanged(told: (name: string) => void): () => void {
    this.#listeners.add(told)
    return () => void this.#listeners.delete(told)
  }

  /** Says that a secret has changed. */
  changed(name: string): void {
    for (const told of this.#listeners) told(name)
  }
}

/** There is no such secret, as far as anybody may know. */
export function notFound(name: string): Result<never> {
  return fail({ code: 'vault/secret-not-found', message: `There is no secret ${name} here.` })
}

/** A row of the newest versions. */
export function heldOf(row: Row): Held {
  const rotation = row['rotation']
  return {
    newest: versionOf(row),
    sequence: Number(row['sequence']),
    deletedAt: timeOf(row['deleted_at']),
    purgesAt: timeOf(row['purges_at']),
    rotation: typeof rotation === 'string' ? decodeRotation(rotation) : undefined,
  }
}

/** Who acted, as facts name them. */
export function actorOf({ actor }: Grant): string {
  return `${actor.kind}:${actor.id}`
}
