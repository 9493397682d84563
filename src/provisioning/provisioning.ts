import type { Migration } from '#store'
import { type Attesting, openAttesting } from './attestation/attest.ts'
import { type Expected, openExpected } from './attestation/expected.ts'
import { attestationMigrations } from './attestation/policy.ts'
import { openProofs } from './authentication.ts'
import type { DeviceProvisioning } from './device.ts'
import { enrollmentMigrations, textOf } from './enrollment-rows.ts'
import { type Factory, openFactory } from './factory/factory.ts'
import { lotMigrations } from './factory/lot.ts'
import { type Enrollments, openEnrollments } from './enrollments.ts'
import type { ProvisioningConfig, ProvisioningPorts } from './ports.ts'
import { type Records, openRecords } from './records.ts'
import { openRegistrar } from './registrar.ts'
import { registrationMigrations } from './registration.ts'

/** The tables of this room. */
export const provisioningMigrations: readonly Migration[] = [
  ...enrollmentMigrations,
  ...registrationMigrations,
  ...lotMigrations,
  ...attestationMigrations,
]

/** Devices that register: who may, where they go, and what became of them. Closing it waits for what is under way. */
export type Provisioning = AsyncDisposable & {
  readonly idScope: string
  readonly device: DeviceProvisioning
  readonly enrollments: Enrollments
  readonly records: Records
  /** What is expected of the TPMs of devices, and the door by which they prove it. */
  readonly attestation: { readonly expected: Expected; readonly device: Attesting }
  readonly factory: Factory
}

/** Opens the room on its rows (its tables come from {@link provisioningMigrations}), and makes an id scope on a first run. Throws the store's Faults. */
export async function openProvisioning(config: ProvisioningConfig, ports: ProvisioningPorts, signal: AbortSignal): Promise<Provisioning> {
  signal.throwIfAborted()
  const idScope = config.idScope ?? (await keptIdScope(ports))
  const enrollments = await openEnrollments(config, ports)
  const records = openRecords(ports)
  const factory = await openFactory({ ...ports, enrollments, idScope })
  const recordedRootKey: Parameters<typeof openProofs>[1]['recordedRootKey'] = async (key) => (await records.current(key))?.storageRootKey
  const proofs = openProofs(config, {
    ...ports,
    idScope,
    enrollments,
    recordedRootKey,
    admit: (leaf, enrollment) => factory.admit(leaf, enrollment),
  })
  const registrar = openRegistrar(config, { ...ports, enrollments, records, proofs })
  const expected = openExpected(ports)
  return {
    idScope,
    attestation: { expected, device: openAttesting(ports, expected) },
    enrollments,
    records,
    factory,
    device: {
      idScope,
      authenticate: (claim) => proofs.authenticate(claim),
      challenge: (claim) => proofs.challenge(claim),
      register: (registrant, request) => registrar.register(registrant, request),
      operation: (registrant, id) => registrar.operation(registrant, id),
      lookup: (registrant) => registrar.lookup(registrant),
    },
    [Symbol.asyncDispose]: () => registrar.settled(),
  }
}

/** `0ne` and eight characters, as those of the modelled service look (azure-wire 1.1). No secret: it stands in every device. */
async function keptIdScope({ store, random }: ProvisioningPorts): Promise<string> {
  const [row] = await store.query("SELECT value FROM provisioning WHERE name = 'id-scope'")
  if (row !== undefined) return textOf(row, 'value')
  const made = `0ne${random.bytes(4).toString('hex').toUpperCase()}`
  await store.commit([{ sql: "INSERT INTO provisioning (name, value) VALUES ('id-scope', ?)", args: [made] }])
  return made
}
