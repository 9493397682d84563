import { type Grant, type Result, Secret, ok, refuse } from '#base'
import type { Statement } from '#store'
import {
  type Enrollment,
  type EnrollmentKeys,
  type EnrollmentSpec,
  type HeldCertificate,
  type JsonObject,
  enrollmentName,
} from './enrollment.ts'
import { type GivenEnrollment, type GivenKey, enrollmentJson, isObject, parseEnrollment, unquoted } from './enrollment-json.ts'
import {
  enrollmentDeletion,
  enrollmentInsertion,
  enrollmentOf,
  enrollmentReplacement,
  openEnrollmentKeys,
  sealEnrollmentKeys,
} from './enrollment-rows.ts'
import { type QueryPage, type QueryRequest, runQuery } from './enrollment-query.ts'
import { GroupIndex } from './group-index.ts'
import { provisioningLimits } from './limits.ts'
import type { ProvisioningConfig, ProvisioningPorts } from './ports.ts'
import { type IdKey, parseIdKey } from './registration-id.ts'
import type { Json } from '#wire/json'

/** What a PUT asks of an enrollment that may be there already. */
export type Condition = {
  /** As `If-Match` has it, quotes and all; `*` is any. Undefined: the enrollment must be new. */
  readonly ifMatch: string | undefined
}

/** An enrollment with its keys, for proofs of this room and for who may read them. */
export type OpenEnrollment = { readonly enrollment: Enrollment; readonly keys: EnrollmentKeys | undefined }

/** What became of one item of a bulk request that failed. */
export type BulkProblem = { readonly registrationId: string; readonly code: string; readonly message: string }

/** What is asked of the items of a bulk request (azure-wire 7.1). */
export const bulkModes = ['create', 'update', 'updateIfMatchETag', 'delete'] as const

/** One of {@link bulkModes}. */
export type BulkMode = (typeof bulkModes)[number]

type Kind = EnrollmentSpec['kind']

/**
 * Enrollments: who may register (azure-wire 7). JSON is that of the provisioning service. Refusals: `provisioning/enrollment-malformed`, `-exists`, `-not-found`,
 * `-full`, `provisioning/etag-differs`, `provisioning/id-malformed`, `provisioning/certificate-malformed`, `provisioning/symmetric-keys-off`.
 */
export interface Enrollments {
  /** Makes an enrollment, or replaces one. Keys that are not named stay; an empty one is made anew. */
  put(grant: Grant<'enrollment.write'>, kind: Kind, json: Json, condition: Condition): Promise<Result<Enrollment>>
  find(grant: Grant<'enrollment.read'>, kind: Kind, id: string): Promise<Result<Enrollment>>
  /** The enrollment as clients read it, keys included: for who may write it as well. */
  withKeys(grant: Grant<'enrollment.write'>, kind: Kind, id: string): Promise<Result<OpenEnrollment>>
  remove(grant: Grant<'enrollment.write'>, kind: Kind, id: string, ifMatch: string | undefined): Promise<Result<void>>
  /** Does what each item asks for, each by itself. Refuses `provisioning/too-many-items`. */
  bulk(grant: Grant<'enrollment.write'>, mode: BulkMode, items: readonly Json[]): Promise<Result<readonly BulkProblem[]>>
  /** A page of enrollments of one kind in the order of their ids. */
  query(grant: Grant<'enrollment.read'>, kind: Kind, request: QueryRequest): Promise<Result<QueryPage>>
  /** For proofs in this room: the individual enrollment of a registration, with its keys. */
  individual(key: IdKey): Promise<OpenEnrollment | undefined>
  /** For proofs in this room: an enrollment as it is now. */
  current(kind: Kind, key: IdKey): Promise<OpenEnrollment | undefined>
  readonly groups: GroupIndex
}

/** Loads groups, and opens enrollments on their rows. Throws the store's Faults. */
export async function openEnrollments(config: ProvisioningConfig, ports: ProvisioningPorts): Promise<Enrollments> {
  const { store } = ports
  const groups = new GroupIndex(ports)
  for (const row of await store.query("SELECT * FROM enrollments WHERE kind = 'group'")) {
    const enrollment = enrollmentOf(row)
    groups.put({ enrollment, keys: openEnrollmentKeys(ports, row, enrollment.key) })
  }
  const current = async (kind: Kind, key: IdKey): Promise<OpenEnrollment | undefined> => {
    if (kind === 'group') return groups.find(key)
    const [row] = await store.query('SELECT * FROM enrollments WHERE kind = ? AND id = ?', kind, key)
    return row === undefined ? undefined : { enrollment: enrollmentOf(row), keys: openEnrollmentKeys(ports, row, key) }
  }
  const named = async (kind: Kind, id: string): Promise<Result<OpenEnrollment>> => {
    const key = parseIdKey(id)
    if (!key.ok) return key
    const found = await current(kind, key.value)
    return found === undefined ? refuse('provisioning/enrollment-not-found', `There is no ${wordOf(kind)} ${id}.`) : ok(found)
  }
  const writer = new Writer(config, ports, groups)

  async function put(grant: Grant<'enrollment.write'>, kind: Kind, json: Json, condition: Condition): Promise<Result<Enrollment>> {
    const first = parseEnrollment(kind, json)
    const id = first.ok ? first.value.spec.key : idIn(kind, json)
    const before = id === undefined ? undefined : await current(kind, id)
    // Who shows a certificate by its thumbprint means one that is held already.
    const given = first.ok || before === undefined ? first : parseEnrollment(kind, json, heldBy(before.enrollment))
    return given.ok ? await writer.write(grant, given.value, before, condition) : given
  }

  async function remove(grant: Grant<'enrollment.write'>, kind: Kind, id: string, ifMatch: string | undefined): Promise<Result<void>> {
    const found = await named(kind, id)
    return found.ok ? await writer.remove(grant, found.value.enrollment, unquoted(ifMatch)) : found
  }

  async function one(grant: Grant<'enrollment.write'>, mode: BulkMode, item: Json): Promise<Result<unknown>> {
    const key = idIn('individual', item)
    const etag = etagIn(item)
    if (mode === 'delete') return key === undefined ? parseEnrollment('individual', item) : await remove(grant, 'individual', key, etag)
    if (mode === 'create') return await put(grant, 'individual', item, { ifMatch: undefined })
    if (mode === 'updateIfMatchETag' && etag === undefined)
      return refuse('provisioning/etag-missing', 'This asks for the etag, and names none.')
    return await put(grant, 'individual', item, { ifMatch: mode === 'update' ? '*' : etag })
  }

  return {
    groups,
    put,
    remove,
    current,
    individual: (key) => current('individual', key),
    async find(_grant, kind, id) {
      const found = await named(kind, id)
      return found.ok ? ok(found.value.enrollment) : found
    },
    async withKeys(grant, kind, id) {
      const found = await named(kind, id)
      if (!found.ok || found.value.keys === undefined) return found
      await ports.commit(grant, { action: 'enrollment.read-keys', resource: `enrollment:${enrollmentName(found.value.enrollment)}` }, [])
      return found
    },
    async bulk(grant, mode, items) {
      if (items.length > provisioningLimits.bulkItems)
        return refuse('provisioning/too-many-items', `One request has at most ${provisioningLimits.bulkItems} enrollments.`)
      const problems: BulkProblem[] = []
      for (const item of items) {
        const done = await one(grant, mode, item)
        if (done.ok) continue
        problems.push({ registrationId: idIn('individual', item) ?? '', code: done.error.code, message: done.error.message })
      }
      return ok(problems)
    },
    query: (_grant, kind, request) =>
      runQuery(kind === 'individual' ? 'enrollments' : 'enrollmentGroups', request, async (after, limit) => {
        const rows = await store.query('SELECT * FROM enrollments WHERE kind = ? AND id > ? ORDER BY id LIMIT ?', kind, after, limit)
        return rows.map((row) => {
          const enrollment = enrollmentOf(row)
          return { key: enrollment.key, json: enrollmentJson(enrollment, { for: 'showing' }) }
        })
      }),
  }
}

/** Writes enrollments; owns what is true of the groups in memory. */
class Writer {
  readonly #config: ProvisioningConfig
  readonly #ports: ProvisioningPorts
  readonly #groups: GroupIndex

  constructor(config: ProvisioningConfig, ports: ProvisioningPorts, groups: GroupIndex) {
    this.#config = config
    this.#ports = ports
    this.#groups = groups
  }

  async write(
    grant: Grant<'enrollment.write'>,
    { spec, keys: given }: GivenEnrollment,
    before: OpenEnrollment | undefined,
    { ifMatch }: Condition,
  ): Promise<Result<Enrollment>> {
    const { commit, clock, random } = this.#ports
    const wanted = unquoted(ifMatch)
    if (before !== undefined && ifMatch === undefined)
      return refuse('provisioning/enrollment-exists', `The ${wordOf(spec.kind)} ${spec.id} exists already. Name its etag to change it.`)
    if (before === undefined && wanted !== undefined) return notFound(spec)
    if (before !== undefined && wanted !== undefined && wanted !== before.enrollment.etag) return etagDiffers
    const allowed = this.#mayBe(spec)
    if (!allowed.ok) return allowed
    const now = clock.now()
    const enrollment: Enrollment = Object.freeze({
      ...spec,
      // The name stays as it was first written.
      id: before?.enrollment.id ?? spec.id,
      etag: random.bytes(12).toString('hex'),
      createdAt: before?.enrollment.createdAt ?? now,
      updatedAt: now,
    })
    const keys = this.#keys(spec, given, before?.keys)
    const sealed = keys === undefined ? null : sealEnrollmentKeys(this.#ports, enrollment, keys)
    const statement: Statement =
      before === undefined ? enrollmentInsertion(enrollment, sealed) : enrollmentReplacement(enrollment, sealed, before.enrollment.etag)
    const action = before === undefined ? 'create' : 'update'
    const name = enrollmentName(enrollment)
    const detail = { attestation: enrollment.attestation.type, status: enrollment.status, allocation: enrollment.allocation }
    const outcome = await commit(grant, { action: `enrollment.${action}`, resource: `enrollment:${name}`, detail }, [statement])
    if (!outcome.ok) return before === undefined ? refuse('provisioning/enrollment-exists', `${name} exists already.`) : etagDiffers
    if (enrollment.kind === 'group') this.#groups.put({ enrollment, keys })
    this.#ports.tell({ kind: 'enrollment-changed', time: now, actor: actorOf(grant), action, enrollment: name })
    return ok(enrollment)
  }

  async remove(grant: Grant<'enrollment.write'>, enrollment: Enrollment, etag: string | undefined): Promise<Result<void>> {
    if (etag !== undefined && etag !== enrollment.etag) return etagDiffers
    const name = enrollmentName(enrollment)
    const outcome = await this.#ports.commit(grant, { action: 'enrollment.delete', resource: `enrollment:${name}` }, [
      enrollmentDeletion(enrollment),
    ])
    if (!outcome.ok) return etagDiffers
    if (enrollment.kind === 'group') this.#groups.remove(enrollment.key)
    const time = this.#ports.clock.now()
    this.#ports.tell({ kind: 'enrollment-changed', time, actor: actorOf(grant), action: 'delete', enrollment: name })
    return ok(undefined)
  }

  #mayBe(spec: EnrollmentSpec): Result<void> {
    const { symmetricKeysUntil } = this.#config
    const isKeyed = spec.attestation.type === 'symmetricKey'
    if (isKeyed && !mayUseKeys(symmetricKeysUntil, this.#ports.clock.now())) return keysOff
    if (spec.kind === 'group') {
      const groups = this.#groups.all()
      const same = groups.filter(({ enrollment }) => (enrollment.attestation.type === 'symmetricKey') === isKeyed)
      const isFull = same.length >= provisioningLimits.groupsPerKind && !same.some(({ enrollment }) => enrollment.key === spec.key)
      if (isFull)
        return refuse('provisioning/enrollments-full', `There are at most ${provisioningLimits.groupsPerKind} groups of a kind of proof.`)
    }
    const { initialTwin, attestation } = spec
    const fits = initialTwin === undefined ? undefined : this.#ports.checkTwin?.(initialTwin.tags, initialTwin.desired)
    if (fits?.ok === false) return fits
    if (attestation.type === 'signingCertificates') {
      const { primary, secondary } = attestation.certificates
      const trust = this.#ports.openTrust([primary, secondary].flatMap((one) => (one === null ? [] : [one.der])))
      if (!trust.ok) return trust
    }
    return ok(undefined)
  }

  #keys(spec: EnrollmentSpec, given: GivenEnrollment['keys'], before: EnrollmentKeys | undefined): EnrollmentKeys | undefined {
    if (spec.attestation.type !== 'symmetricKey') return undefined
    const make = (key: GivenKey, old: Secret | undefined) =>
      key instanceof Secret ? key : key === undefined && old !== undefined ? old : new Secret(this.#ports.random.bytes(64))
    return { primary: make(given.primary, before?.primary), secondary: make(given.secondary, before?.secondary) }
  }
}

/** Whether enrollments with shared keys are taken now. */
export function mayUseKeys(until: ProvisioningConfig['symmetricKeysUntil'], now: number): boolean {
  return until !== undefined && now < until
}

const keysOff = refuse(
  'provisioning/symmetric-keys-off',
  'Enrollments with shared keys are off. For a migration, say until when in the settings: provisioning.symmetricKeysUntil, or authentication.sas.allowedUntil.',
)
const etagDiffers = refuse('provisioning/etag-differs', 'It has been changed since: its etag is another one.')

/** Who acts, as facts name them. */
export function actorOf({ actor }: Grant): string {
  return `${actor.kind}:${actor.id}`
}

function notFound({ kind, id }: EnrollmentSpec): Result<never> {
  return refuse('provisioning/enrollment-not-found', `There is no ${wordOf(kind)} ${id}.`)
}

function wordOf(kind: Kind): string {
  return kind === 'individual' ? 'enrollment' : 'enrollment group'
}

function heldBy({ attestation }: Enrollment): readonly HeldCertificate[] {
  if (attestation.type !== 'clientCertificates' && attestation.type !== 'signingCertificates') return []
  const { primary, secondary } = attestation.certificates
  return [primary, secondary].filter((one) => one !== null)
}

function idIn(kind: Kind, json: Json): IdKey | undefined {
  const id = objectOf(json)?.[kind === 'individual' ? 'registrationId' : 'enrollmentGroupId']
  const key = typeof id === 'string' ? parseIdKey(id) : undefined
  return key?.ok === true ? key.value : undefined
}

function etagIn(json: Json): string | undefined {
  const etag = objectOf(json)?.['etag']
  return typeof etag === 'string' ? etag : undefined
}

function objectOf(json: Json): JsonObject | undefined {
  return isObject(json) ? json : undefined
}
