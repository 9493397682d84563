import { type Result, ok, refuse } from '#base'
import type { TpmClaim } from '#provisioning'
import { maxRequestIdLength } from '#wire/azure'
import { type Json, parseJson } from '#wire/json'

/** Bytes of the body of one request of a device that registers. */
export const maxRequestBytes = 64 * 1024
/** Bytes of a certificate signing request, and of a public key of a TPM. */
const most = { csr: 8 * 1024, tpmKey: 2 * 1024 } as const

/** What a device sends along when it registers (azure-wire 6.2, 6.7, 6.8). */
export type RegisterBody = {
  readonly payload: Json | undefined
  /** PKCS #10, DER. */
  readonly csr: Buffer | undefined
  /** The keys that a TPM shows in the first step over HTTPS, where both are well formed. */
  readonly tpm: Pick<TpmClaim, 'endorsementKey' | 'storageRootKey'> | undefined
}

const no = (why: string) => refuse('gateway/registration-body', why)

/**
 * Reads the body of a registration. Refuses `gateway/registration-body` for what is no JSON object, names another device than its connection does, or
 * has a field that is not what it should be. Fields that nobody knows are let be.
 */
export function parseRegisterBody(bytes: Buffer, registrationId: string): Result<RegisterBody> {
  const parsed = parseJson(bytes.toString('utf8'), maxRequestBytes)
  if (!parsed.ok) return no(parsed.error.message)
  const body = fieldsOf(parsed.value)
  if (body === undefined) return no('The body must be a JSON object.')
  const named = body['registrationId']
  if (typeof named !== 'string' || named.toLowerCase() !== registrationId.toLowerCase())
    return no('registrationId must be the one that the connection names.')
  const csr = body['csr'] === undefined ? undefined : bytesOf(body['csr'], most.csr)
  if (body['csr'] !== undefined && csr === undefined) return no('csr must be base64 of a certificate signing request (PKCS #10, DER).')
  return ok({ payload: body['payload'], csr, tpm: tpmOf(body['tpm']) })
}

function tpmOf(value: Json | undefined): RegisterBody['tpm'] {
  const fields = fieldsOf(value)
  const endorsementKey = bytesOf(fields?.['endorsementKey'], most.tpmKey)
  const storageRootKey = bytesOf(fields?.['storageRootKey'], most.tpmKey)
  return endorsementKey === undefined || storageRootKey === undefined ? undefined : { endorsementKey, storageRootKey }
}

function fieldsOf(value: Json | undefined): Readonly<Record<string, Json>> | undefined {
  return typeof value !== 'object' || value === null || Array.isArray(value) ? undefined : Object.fromEntries(Object.entries(value))
}

/** The bytes of strict base64, at least one and at most so many. */
function bytesOf(value: Json | undefined, mostBytes: number): Buffer | undefined {
  if (typeof value !== 'string' || value.length > mostBytes * 2) return undefined
  const bytes = Buffer.from(value, 'base64')
  return bytes.length > 0 && bytes.length <= mostBytes && bytes.toString('base64') === value ? bytes : undefined
}

/** What a device asks by publishing (azure-wire 6.2). `rid` is the text of `$rid` as it came. */
export type RegistrationTopic =
  | { readonly kind: 'register'; readonly rid: string }
  | { readonly kind: 'operation'; readonly rid: string; readonly operationId: string }

/** The only filter that a device that registers may subscribe to. */
export const responseFilter = '$dps/registrations/res/#'
/** Longest id of an operation that is looked at, in characters. */
export const maxOperationIdLength = 256

const registerTopic = /^\$dps\/registrations\/PUT\/iotdps-register\/?\?(.*)$/s
const operationTopic = /^\$dps\/registrations\/GET\/iotdps-get-operationstatus\/?\?(.*)$/s

/** Takes a topic apart. Undefined: none of the two, or one without what it needs. */
export function parseRegistrationTopic(topic: string): RegistrationTopic | undefined {
  const register = registerTopic.exec(topic)?.[1]
  const query = register ?? operationTopic.exec(topic)?.[1]
  if (query === undefined) return undefined
  const fields = new Map<string, string>()
  for (const pair of query.split('&', 8)) {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, Math.max(0, equals))
    if (!fields.has(name)) fields.set(name, pair.slice(equals + 1))
  }
  const rid = fields.get('$rid') ?? fields.get('%24rid') ?? ''
  if (rid === '' || rid.length > maxRequestIdLength) return undefined
  if (register !== undefined) return { kind: 'register', rid }
  const operationId = decoded(fields.get('operationId') ?? '')
  return operationId === '' || operationId.length > maxOperationIdLength ? undefined : { kind: 'operation', rid, operationId }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}
