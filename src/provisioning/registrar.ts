import { type DeviceId, Fault, type Refusal, type Result, Secret, ok, parseDeviceId, refuse, uuid } from '#base'
import type { Json } from '#wire/json'
import { parseCertificate, parseSigningRequest } from '#wire/x509'
import { type Allocation, allocate } from './allocation.ts'
import type { Proof, RegistrantProofs } from './authentication.ts'
import { allocateByWebhook } from './custom-allocation.ts'
import type { Operation, RegisterRequest, Registrant } from './device.ts'
import { type Enrollment, enrollmentName } from './enrollment.ts'
import type { Enrollments } from './enrollments.ts'
import { certificateInfo, sha256Of } from './held-certificate.ts'
import { provisioningLimits } from './limits.ts'
import type { HubIdentity, LinkedHub, MovedTwin, ProvisioningConfig, ProvisioningPorts } from './ports.ts'
import type { Records } from './records.ts'
import { type Registration, registrationJson, registrationReplacement } from './registration.ts'
import type { IdKey } from './registration-id.ts'

/*
 * Theory of operation (azure-wire 6.1).
 * A registration under way is in memory, and there is one for each registration id; its outcome is in the record, with the operation's id, and is asked of there. So a
 * restart forgets only what had not ended, and the device begins again: every step may be done twice. The order is: put the device on its new hub, write its twin,
 * commit the record, and only then take it away from where it was.
 */

/** What registers devices. */
export type Registrar = {
  register(registrant: Registrant, request: RegisterRequest): Promise<Result<Operation>>
  operation(registrant: Registrant, operationId: string): Promise<Result<Operation>>
  lookup(registrant: Registrant): Promise<Result<Json>>
  /** Resolves when nothing is under way. */
  settled(): Promise<void>
}

/** What registering is made of. */
export type RegistrarPorts = ProvisioningPorts & {
  readonly enrollments: Pick<Enrollments, 'current'>
  readonly records: Pick<Records, 'current'>
  readonly proofs: Pick<RegistrantProofs, 'proofOf'>
}

type Running = { readonly operationId: string; readonly done: Promise<void> }

/** Opens the registrar. */
export function openRegistrar(config: ProvisioningConfig, ports: RegistrarPorts): Registrar {
  const { clock, random, enrollments, records, proofs } = ports
  const running = new Map<IdKey, Running>()
  // Outcomes that the disk did not take; the next registration overwrites them.
  const broken = new Map<IdKey, Operation>()
  const work = new Registering(config, ports)

  async function fresh(registrant: Registrant): Promise<Result<Proof>> {
    const proof = proofs.proofOf(registrant)
    const no = (detail: string) => refuse('provisioning/unauthorized', 'Not authorized.', detail)
    if (clock.now() >= proof.expiresAt) return no('the proof has ended')
    const now = await enrollments.current(proof.enrollment.kind, proof.enrollment.key)
    // Whatever was changed, the device proves itself anew.
    return now?.enrollment.etag === proof.enrollment.etag ? ok(proof) : no('the enrollment has been changed')
  }

  async function run(proof: Proof, request: Checked, operationId: string): Promise<void> {
    try {
      broken.delete(proof.key)
      await work.run(proof, request, operationId)
    } catch (error) {
      ports.trouble(`registering ${proof.registrationId}`, error)
      const state = {
        registrationId: proof.registrationId,
        status: 'failed',
        errorCode: 500_000,
        errorMessage: 'The hub could not do this now.',
      }
      for (const oldest of broken.size >= 1_000 ? broken.keys() : []) if (broken.delete(oldest)) break
      broken.set(proof.key, { operationId, status: 'failed', registrationState: state })
    } finally {
      running.delete(proof.key)
    }
  }

  return {
    async register(registrant, request) {
      const proven = await fresh(registrant)
      if (!proven.ok) return proven
      const proof = proven.value
      const before = running.get(proof.key)
      if (before !== undefined) return ok(assigning(before.operationId))
      const checked = check(proof.enrollment, request)
      if (!checked.ok) return checked
      if (running.size >= provisioningLimits.operations) return refuse('provisioning/busy', 'Too many devices register. Try again.')
      const operationId = `5.${random.bytes(8).toString('hex')}.${uuid(random)}`
      running.set(proof.key, { operationId, done: Promise.resolve().then(() => run(proof, checked.value, operationId)) })
      return ok(assigning(operationId))
    },
    async operation(registrant, operationId) {
      const { key } = proofs.proofOf(registrant)
      const unknown = refuse('provisioning/no-such-operation', 'There is no such operation.')
      const under = running.get(key)
      if (under !== undefined) return under.operationId === operationId ? ok(assigning(operationId)) : unknown
      const failed = broken.get(key)
      if (failed?.operationId === operationId) return ok(failed)
      const record = await records.current(key)
      if (record?.operationId !== operationId || clock.now() - record.updatedAt > provisioningLimits.operationMs) return unknown
      return ok({ operationId, status: record.status, registrationState: registrationJson(record, true) })
    },
    async lookup(registrant) {
      const record = await records.current(proofs.proofOf(registrant).key)
      return record === undefined
        ? refuse('provisioning/not-registered', 'This device has not registered.')
        : ok(registrationJson(record, true))
    },
    async settled() {
      await Promise.all([...running.values()].map(({ done }) => done))
    },
  }
}

function assigning(operationId: string): Operation {
  return { operationId, status: 'assigning', retryAfterSeconds: provisioningLimits.retryAfterSeconds }
}

type Checked = { readonly payload: Json | undefined; readonly csr: Buffer | undefined; readonly force: boolean }

/** What a device sends along is refused at once where it cannot be served: nothing has begun. */
function check(enrollment: Enrollment, { payload, csr, force }: RegisterRequest): Result<Checked> {
  if (payload !== undefined && Buffer.byteLength(JSON.stringify(payload)) > provisioningLimits.payloadBytes)
    return refuse('provisioning/payload-too-large', `A payload has at most ${provisioningLimits.payloadBytes} bytes.`)
  if (csr !== undefined) {
    if (enrollment.certificatePolicy === undefined)
      return refuse(
        'provisioning/no-certificate-policy',
        'The enrollment issues no certificates: it has no clientCertificateIssuancePolicy.',
      )
    const read = parseSigningRequest(csr)
    if (!read.ok) return read
  }
  return ok({ payload, csr, force: force === true })
}

/** Does one registration, from proof to record. */
class Registering {
  readonly #config: ProvisioningConfig
  readonly #ports: RegistrarPorts

  constructor(config: ProvisioningConfig, ports: RegistrarPorts) {
    this.#config = config
    this.#ports = ports
  }

  async run(proof: Proof, request: Checked, operationId: string): Promise<void> {
    const before = await this.#ports.records.current(proof.key)
    const done = await this.#assign(proof, before, request)
    const { clock, random } = this.#ports
    const now = clock.now()
    const { enrollment } = proof
    const base = {
      key: proof.key,
      registrationId: before?.registrationId ?? proof.registrationId,
      enrollment: { kind: enrollment.kind, key: enrollment.key, id: enrollment.id },
      proof: shownProof(proof),
      etag: random.bytes(12).toString('hex'),
      createdAt: before?.createdAt ?? now,
      updatedAt: now,
      operationId,
      storageRootKey: proof.credential.type === 'tpm' ? proof.credential.tpm.storageRootKey : undefined,
    }
    if (done.ok) {
      const { hub, leaving, ...said } = done.value
      await this.#commit({ ...base, ...said, hub: hub.hostName, status: 'assigned', error: undefined })
      if (leaving !== undefined) await this.#leave(leaving, said.deviceId)
      return
    }
    // Where the device was it still is, and its next registration begins there.
    const failed = { deviceId: before?.deviceId, hub: before?.hub, substatus: before?.substatus, payload: undefined }
    const none = { issuedChain: undefined, tpmKey: undefined }
    await this.#commit({ ...base, ...failed, ...none, status: 'failed', error: errorOf(done.error) })
  }

  async #assign(proof: Proof, before: Registration | undefined, request: Checked): Promise<Result<Assigned>> {
    const { enrollment } = proof
    const deviceId = this.#deviceId(proof, before)
    if (!deviceId.ok) return deviceId
    const hubs = this.#ports.hubs()
    const old = before?.hub === undefined ? undefined : hubs.find((hub) => hub.hostName.toLowerCase() === before.hub?.toLowerCase())
    // `never`: what was assigned stays, as long as there is such a hub.
    const stays = old !== undefined && !enrollment.reprovision.updateHubAssignment && !request.force
    const chosen: Result<Allocation> = stays ? ok({ hub: old }) : await this.#allocate(proof, before, request, hubs)
    if (!chosen.ok) return chosen
    const { hub, payload, initialTwin = enrollment.initialTwin } = chosen.value
    const certificate = await this.#issue(deviceId.value, enrollment, request.csr)
    if (!certificate.ok) return certificate
    const identity = this.#identity(proof, hub, certificate.value !== undefined, deviceId.value)
    const wasThere = old === hub
    const placed = await hub.place({ deviceId: deviceId.value, identity, isEdge: enrollment.isEdge, mayChange: wasThere })
    if (!placed.ok) return placed
    const isNew = placed.value === 'created'
    const moves = old !== undefined && !wasThere
    const migrates = moves && enrollment.reprovision.migrateDeviceData
    const resets = old !== undefined && !stays && !enrollment.reprovision.migrateDeviceData
    const initial: MovedTwin = { tags: initialTwin?.tags ?? {}, desired: initialTwin?.desired ?? {}, reported: {} }
    const twin = migrates ? await old.readTwin(deviceId.value) : ok(initial)
    if (!twin.ok) return twin
    if (moves || resets || (isNew && initialTwin !== undefined)) {
      const written = await hub.writeTwin(deviceId.value, twin.value ?? initial)
      if (!written.ok) return written
    }
    const substatus = migrates ? 'deviceDataMigrated' : resets ? 'deviceDataReset' : (before?.substatus ?? 'initialAssignment')
    const tpmKey = this.#tpmKey(proof)
    if (!tpmKey.ok) return tpmKey
    return ok({
      deviceId: deviceId.value,
      hub,
      leaving: moves ? old : undefined,
      substatus,
      payload,
      issuedChain: certificate.value?.map((der) => der.toString('base64')),
      tpmKey: tpmKey.value,
    })
  }

  /** The enrollment's own, else what it was, else the registration id (azure-wire 7.4). */
  #deviceId(proof: Proof, before: Registration | undefined): Result<DeviceId> {
    const { enrollment } = proof
    if (enrollment.deviceId !== undefined) return ok(enrollment.deviceId)
    if (before?.deviceId !== undefined) return ok(before.deviceId)
    return parseDeviceId(enrollment.kind === 'individual' ? enrollment.id : proof.registrationId)
  }

  async #allocate(
    proof: Proof,
    before: Registration | undefined,
    { payload }: Checked,
    hubs: readonly LinkedHub[],
  ): Promise<Result<Allocation>> {
    const { enrollment, key } = proof
    if (enrollment.allocation === 'custom') {
      const question = { proof, before, payload, shown: shownProof(proof) }
      return await allocateByWebhook(question, hubs, this.#config, this.#ports.webhook)
    }
    const hub = allocate(enrollment, key, hubs, this.#config.region)
    return hub.ok ? ok({ hub: hub.value }) : hub
  }

  async #issue(
    device: DeviceId,
    { certificatePolicy }: Enrollment,
    csr: Buffer | undefined,
  ): Promise<Result<readonly Buffer[] | undefined>> {
    if (csr === undefined || certificatePolicy === undefined) return ok(undefined)
    const { issue } = this.#ports
    return issue === undefined
      ? refuse('provisioning/no-certificate-policy', 'This hub issues no certificates to registering devices.')
      : await issue(device, csr, certificatePolicy)
  }

  /** How the device will prove itself to its hub (azure-wire 7.5, linked hub rule). */
  #identity({ credential, enrollment }: Proof, hub: LinkedHub, isIssued: boolean, device: DeviceId): HubIdentity {
    // What the hub issued its own authority vouches for.
    if (isIssued) return { type: 'certificateAuthority' }
    if (credential.type === 'symmetricKey') return { type: 'sas', ...credential.keys, isOfTpm: false }
    if (credential.type === 'tpm') {
      const secondary = new Secret(this.#ports.random.bytes(32))
      return { type: 'sas', primary: credential.tpm.key, secondary, isOfTpm: true }
    }
    if (enrollment.attestation.type === 'clientCertificates') {
      const { primary, secondary } = enrollment.attestation.certificates
      const first = primary ?? secondary
      if (first === null) throw new Error('bug: an enrollment without a certificate')
      return { type: 'selfSigned', primary: first.sha256, secondary: primary === null ? null : (secondary?.sha256 ?? null) }
    }
    const [leaf] = credential.chain
    if (leaf === undefined) throw new Error('bug: a proof by certificate without one')
    // A chain proves a device only under its own name.
    return commonNameIs(leaf, device) && hub.trusts(credential.chain)
      ? { type: 'certificateAuthority' }
      : { type: 'selfSigned', primary: sha256Of(leaf), secondary: null }
  }

  #tpmKey({ credential }: Proof): Result<Buffer | undefined> {
    if (credential.type !== 'tpm') return ok(undefined)
    const { endorsementKey, storageRootKey, key } = credential.tpm
    return this.#ports.tpm?.challenge(endorsementKey, storageRootKey, key) ?? ok(undefined)
  }

  async #commit(record: Registration): Promise<void> {
    const { commit, system, tell } = this.#ports
    const { registrationId: registration, deviceId, hub, status, substatus, error } = record
    const enrollment = enrollmentName(record.enrollment)
    const detail = { enrollment, status, device: deviceId ?? null, hub: hub ?? null, code: error?.code ?? null }
    const entry = { action: 'registration.write', resource: `registration:${registration}`, detail }
    const outcome = await commit(system, entry, [registrationReplacement(record)])
    if (!outcome.ok) throw new Fault('provisioning/not-written', 'A registration could not be written.')
    const time = record.updatedAt
    if (error !== undefined) return tell({ kind: 'registration-failed', time, registration, enrollment, ...error })
    const proof = 'tpm' in record.proof ? 'tpm' : 'x509' in record.proof ? 'x509' : 'symmetricKey'
    const place = { device: deviceId ?? '', hub: hub ?? '', substatus: substatus ?? '' }
    tell({ kind: 'device-registered', time, registration, enrollment, proof, ...place })
  }

  /** The old hub may be away; then the device is there twice until somebody removes it, and the log says so. */
  async #leave(hub: LinkedHub, device: DeviceId): Promise<void> {
    const gone = await hub.remove(device).catch((error: unknown) => refuse('provisioning/hub-failed', 'The hub failed.', String(error)))
    if (!gone.ok) this.#ports.trouble(`removing ${device} from ${hub.hostName}, where it was before`, gone.error)
  }
}

type Assigned = Pick<Registration, 'substatus' | 'payload' | 'issuedChain' | 'tpmKey'> & {
  readonly deviceId: DeviceId
  readonly hub: LinkedHub
  readonly leaving: LinkedHub | undefined
}

/** What a failed registration is told, in six digits (azure-wire 6.6): a webhook's failure has a code of its own. */
function errorOf({ code, message }: Refusal): { readonly code: number; readonly message: string } {
  if (code === 'provisioning/webhook-failed') return { code: 400_207, message }
  if (code === 'provisioning/device-taken') return { code: 409_201, message }
  if (code === 'provisioning/hub-failed') return { code: 500_000, message }
  return { code: 400_000, message }
}

/** What is told of a proof (azure-wire 6.5): never a key. */
function shownProof({ credential, enrollment }: Proof): NonNullable<Registration['proof']> {
  const group = enrollment.kind === 'group' ? { enrollmentGroupId: enrollment.id } : {}
  if (credential.type === 'symmetricKey') return { symmetricKey: group }
  if (credential.type === 'tpm') return { tpm: {} }
  const [leaf] = credential.chain
  if (leaf === undefined) return { x509: group }
  const signing = signingCertificateOf(enrollment, credential.groupAnchorSha256)
  return {
    ...(credential.lot === undefined ? {} : { lot: credential.lot }),
    x509: {
      certificateInfo: certificateInfo(leaf),
      ...group,
      ...(signing === undefined ? {} : { signingCertificateInfo: certificateInfo(signing) }),
    },
  }
}

function signingCertificateOf({ attestation }: Enrollment, sha256: string | undefined): Buffer | undefined {
  if (attestation.type !== 'signingCertificates') return undefined
  const { primary, secondary } = attestation.certificates
  return [primary, secondary].find((one) => one?.sha256 === sha256)?.der
}

function commonNameIs(leaf: Buffer, device: DeviceId): boolean {
  const read = parseCertificate(leaf)
  return read.ok && read.value.subject.commonName === device
}
