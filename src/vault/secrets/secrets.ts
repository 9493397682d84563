import type { Grant, Result, Secret } from '#base'
import type { AccessRule } from './access.ts'
import { type NewRule, putRule, removeRule } from './access-admin.ts'
import { backupSecret, restoreSecret } from './backup.ts'
import {
  type PageOf,
  type ReadSecret,
  type SecretPage,
  type SecretView,
  describeDeleted,
  describeSecret,
  listDeleted,
  listSecrets,
  listVersions,
  readForEdge,
  readForEndpoint,
  readSecret,
} from './reading.ts'
import { rotateSecret, setRotation } from './rotating.ts'
import type { RotationPolicy } from './rotation.ts'
import { type From, SecretDesk } from './secret-desk.ts'
import type { SecretPorts } from './secret-ports.ts'
import type { AttributeChange, DeletedSecret, SecretVersion } from './secret.ts'
import { keepUp, upkeep } from './upkeep.ts'
import { deleteSecret, purgeSecret, recoverSecret, setSecret, updateSecret } from './writing.ts'

/**
 * Secrets with versions. Every act asks two things: the grant, which says that the caller may do such acts at all, and the list of access rules, which
 * says with which secrets; without a rule it is `vault/access-denied`, whether the secret exists or not. Every act is in the audit log, reads included.
 */
export interface Secrets extends AsyncDisposable {
  list(grant: Grant<'secret.list'>, page: PageOf): Promise<Result<SecretPage<SecretView>>>
  versions(grant: Grant<'secret.list'>, name: string, page: PageOf, from: From): Promise<Result<SecretPage<SecretVersion>>>
  describe(grant: Grant<'secret.list'>, name: string, from: From): Promise<Result<SecretView>>
  /** The value of the newest version or of the one that is named. Refuses `vault/secret-not-found`, `vault/secret-disabled`. The caller disposes of the value. */
  read(grant: Grant<'secret.read'>, name: string, version: string | undefined, from: From): Promise<Result<ReadSecret>>
  /** Gives a secret a new version. The value stays the caller's. */
  set(grant: Grant<'secret.write'>, name: string, value: Secret, attributes: AttributeChange, from: From): Promise<Result<SecretVersion>>
  update(
    grant: Grant<'secret.write'>,
    name: string,
    version: string | undefined,
    change: AttributeChange,
    from: From,
  ): Promise<Result<SecretVersion>>
  delete(grant: Grant<'secret.write'>, name: string, from: From): Promise<Result<DeletedSecret>>
  deleted(grant: Grant<'secret.list'>, page: PageOf): Promise<Result<SecretPage<DeletedSecret>>>
  deletedOne(grant: Grant<'secret.read'>, name: string, from: From): Promise<Result<DeletedSecret>>
  recover(grant: Grant<'secret.write'>, name: string, from: From): Promise<Result<SecretVersion>>
  purge(grant: Grant<'secret.write'>, name: string, from: From): Promise<Result<void>>
  /** All versions of one secret, sealed under the key of this vault. */
  backup(grant: Grant<'secret.read'>, name: string, from: From): Promise<Result<Buffer>>
  restore(grant: Grant<'secret.write'>, sealed: Buffer, from: From): Promise<Result<SecretVersion>>
  setRotation(grant: Grant<'secret.write'>, name: string, policy: RotationPolicy | undefined, from: From): Promise<Result<void>>
  rotate(grant: Grant<'secret.write'>, name: string, from: From): Promise<Result<SecretVersion>>
  rules(grant: Grant<'secret.administer'>): readonly AccessRule[]
  putRule(grant: Grant<'secret.administer'>, rule: NewRule, from: From): Promise<Result<AccessRule>>
  removeRule(grant: Grant<'secret.administer'>, rule: Pick<NewRule, 'principal' | 'secrets'>, from: From): Promise<Result<void>>
  /** For what the hub itself opens: the value, if a rule gives `endpoint:NAME` the right `get`. */
  readForEndpoint(endpoint: string, name: string, version: string | undefined): Promise<Result<ReadSecret>>
  /** For an edge: the value of the newest version, if a rule gives `edge:NAME` the right `get`. */
  readForEdge(edge: string, name: string): Promise<Result<ReadSecret>>
  /** Calls `told` with the name of every secret that may have changed, `*` for any. Returns how to be told no more. */
  onChanged(told: (name: string) => void): () => void
  /** What time does to secrets, done now: for tests and for a start. */
  upkeep(): Promise<void>
}

/** Opens the secrets in the store (their tables come from `secretMigrations`), and begins their upkeep. */
export async function openSecrets(ports: SecretPorts, signal: AbortSignal): Promise<Secrets> {
  signal.throwIfAborted()
  const desk = new SecretDesk(ports)
  await desk.load()
  const stop = keepUp(desk)
  return {
    list: (grant, page) => listSecrets(desk, grant, page),
    versions: (grant, name, page, from) => listVersions(desk, grant, name, page, from),
    describe: (grant, name, from) => describeSecret(desk, grant, name, from),
    read: (grant, name, version, from) => readSecret(desk, grant, name, version, from),
    set: (grant, name, value, attributes, from) => setSecret(desk, grant, name, value, attributes, from),
    update: (grant, name, version, change, from) => updateSecret(desk, grant, name, version, change, from),
    delete: (grant, name, from) => deleteSecret(desk, grant, name, from),
    deleted: (grant, page) => listDeleted(desk, grant, page),
    deletedOne: (grant, name, from) => describeDeleted(desk, grant, name, from),
    recover: (grant, name, from) => recoverSecret(desk, grant, name, from),
    purge: (grant, name, from) => purgeSecret(desk, grant, name, from),
    backup: (grant, name, from) => backupSecret(desk, grant, name, from),
    restore: (grant, sealed, from) => restoreSecret(desk, grant, sealed, from),
    setRotation: (grant, name, policy, from) => setRotation(desk, grant, name, policy, from),
    rotate: (grant, name, from) => rotateSecret(desk, grant, name, from),
    rules: () => desk.rules.list(),
    putRule: (grant, rule, from) => putRule(desk, grant, rule, from),
    removeRule: (grant, rule, from) => removeRule(desk, grant, rule, from),
    readForEndpoint: (endpoint, name, version) => readForEndpoint(desk, endpoint, name, version),
    readForEdge: (edge, name) => readForEdge(desk, edge, name),
    onChanged: (told) => desk.onChanged(told),
    upkeep: () => upkeep(desk),
    async [Symbol.asyncDispose]() {
      await stop()
      await desk.settled()
    },
  }
}
