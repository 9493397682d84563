import { type DeviceId, type Instant, instant, isoTime, parseDeviceId } from '#base'
import type { Migration, Row, Statement } from '#store'
import { type Json, parseJson } from '#wire/json'
import type { EnrollmentSpec, JsonObject } from './enrollment.ts'
import { quoted } from './enrollment-json.ts'
import { optionalTextOf, textOf, timeOf } from './enrollment-rows.ts'
import { type IdKey, parseIdKey } from './registration-id.ts'

/** How a registration ended last (azure-wire 6.5). */
export type RegistrationStatus = 'assigned' | 'failed'

/** What became of a device that registered: its record, as it is kept. */
export type Registration = {
  readonly key: IdKey
  readonly registrationId: string
  readonly enrollment: { readonly kind: EnrollmentSpec['kind']; readonly key: IdKey; readonly id: string }
  /** Where it is; undefined as long as it never was assigned. */
  readonly deviceId: DeviceId | undefined
  readonly hub: string | undefined
  readonly status: RegistrationStatus
  readonly substatus: string | undefined
  readonly error: { readonly code: number; readonly message: string } | undefined
  /** What is told of its proof: `{"x509": ...}`. */
  readonly proof: JsonObject
  readonly payload: Json | undefined
  readonly etag: string
  readonly createdAt: Instant
  readonly updatedAt: Instant
  readonly operationId: string
  /** For the device alone: certificates that were issued to it, base64 of DER, leaf first, and the sealed key of its TPM. */
  readonly issuedChain: readonly string[] | undefined
  readonly tpmKey: Buffer | undefined
  readonly storageRootKey: Buffer | undefined
}

/** The table of registration records. */
export const registrationMigrations: readonly Migration[] = [
  {
    name: 'provisioning/002-registrations',
    sql: `
      CREATE TABLE registrations (
        id TEXT PRIMARY KEY,
        registration_id TEXT NOT NULL,
        enrollment_kind TEXT NOT NULL,
        enrollment_key TEXT NOT NULL,
        enrollment_id TEXT NOT NULL,
        device_id TEXT,
        hub TEXT,
        status TEXT NOT NULL,
        substatus TEXT,
        error_code INTEGER,
        error_message TEXT,
        proof TEXT NOT NULL,
        payload TEXT,
        etag TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        operation_id TEXT NOT NULL,
        issued_chain TEXT,
        tpm_key BLOB,
        storage_root_key BLOB
      ) WITHOUT ROWID;
      CREATE INDEX registrations_by_enrollment ON registrations (enrollment_kind, enrollment_key, id);
    `,
  },
]

const columns = [
  'id',
  'registration_id',
  'enrollment_kind',
  'enrollment_key',
  'enrollment_id',
  'device_id',
  'hub',
  'status',
  'substatus',
  'error_code',
  'error_message',
  'proof',
  'payload',
  'etag',
  'created_at',
  'updated_at',
  'operation_id',
  'issued_chain',
  'tpm_key',
  'storage_root_key',
] as const

const writing = `INSERT OR REPLACE INTO registrations (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`

/** Writes a record over the one that was there. */
export function registrationReplacement(record: Registration): Statement {
  const { enrollment, error, payload, issuedChain } = record
  return {
    sql: writing,
    args: [
      record.key,
      record.registrationId,
      enrollment.kind,
      enrollment.key,
      enrollment.id,
      record.deviceId ?? null,
      record.hub ?? null,
      record.status,
      record.substatus ?? null,
      error?.code ?? null,
      error?.message ?? null,
      JSON.stringify(record.proof),
      payload === undefined ? null : JSON.stringify(payload),
      record.etag,
      record.createdAt,
      record.updatedAt,
      record.operationId,
      issuedChain === undefined ? null : JSON.stringify(issuedChain),
      record.tpmKey ?? null,
      record.storageRootKey ?? null,
    ],
  }
}

/** Reads a record back from its row. Throws on a row that this room cannot have written. */
export function registrationOf(row: Row): Registration {
  const key = parseIdKey(textOf(row, 'id'))
  const enrollmentKey = parseIdKey(textOf(row, 'enrollment_key'))
  const device = optionalTextOf(row, 'device_id')
  const deviceId = device === undefined ? undefined : parseDeviceId(device)
  if (!key.ok || !enrollmentKey.ok || deviceId?.ok === false) throw new Error('bug: a registration record has an id that is none')
  const code = row['error_code']
  const proof = jsonOf(row, 'proof')
  const chain = jsonOf(row, 'issued_chain')
  return {
    key: key.value,
    registrationId: textOf(row, 'registration_id'),
    enrollment: {
      kind: textOf(row, 'enrollment_kind') === 'group' ? 'group' : 'individual',
      key: enrollmentKey.value,
      id: textOf(row, 'enrollment_id'),
    },
    deviceId: deviceId?.value,
    hub: optionalTextOf(row, 'hub'),
    status: textOf(row, 'status') === 'assigned' ? 'assigned' : 'failed',
    substatus: optionalTextOf(row, 'substatus'),
    error: typeof code === 'number' ? { code, message: optionalTextOf(row, 'error_message') ?? '' } : undefined,
    proof: typeof proof === 'object' && proof !== null && !isList(proof) ? proof : {},
    payload: jsonOf(row, 'payload'),
    etag: textOf(row, 'etag'),
    createdAt: instant(timeOf(row, 'created_at')),
    updatedAt: instant(timeOf(row, 'updated_at')),
    operationId: textOf(row, 'operation_id'),
    issuedChain: chain !== undefined && isList(chain) ? chain.map(String) : undefined,
    tpmKey: bytesOf(row, 'tpm_key'),
    storageRootKey: bytesOf(row, 'storage_root_key'),
  }
}

/** A record as clients read it (azure-wire 6.5). `forDevice`: with what only the device itself is given. */
export function registrationJson(record: Registration, forDevice: boolean): JsonObject {
  const { deviceId, hub, substatus, error, payload, issuedChain, tpmKey } = record
  const isAssigned = record.status === 'assigned'
  return {
    registrationId: record.registrationId,
    createdDateTimeUtc: isoTime(record.createdAt),
    ...(hub === undefined || !isAssigned ? {} : { assignedHub: hub }),
    ...(deviceId === undefined || !isAssigned ? {} : { deviceId }),
    status: record.status,
    ...(substatus === undefined || !isAssigned ? {} : { substatus }),
    ...(error === undefined ? {} : { errorCode: error.code, errorMessage: error.message }),
    lastUpdatedDateTimeUtc: isoTime(record.updatedAt),
    etag: quoted(record.etag),
    ...record.proof,
    ...(payload === undefined ? {} : { payload }),
    ...(forDevice && tpmKey !== undefined ? { tpm: { authenticationKey: tpmKey.toString('base64') } } : {}),
    ...(forDevice && issuedChain !== undefined ? { issuedCertificateChain: issuedChain } : {}),
  }
}

function jsonOf(row: Row, column: string): Json | undefined {
  const text = optionalTextOf(row, column)
  if (text === undefined) return undefined
  const read = parseJson(text)
  if (!read.ok) throw new Error(`bug: column ${column} of provisioning is no JSON`)
  return read.value
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function bytesOf(row: Row, column: string): Buffer | undefined {
  const bytes = row[column]
  return bytes instanceof Uint8Array ? Buffer.from(bytes) : undefined
}
