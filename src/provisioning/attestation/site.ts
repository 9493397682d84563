import { type Refusal, type Result, instant, isoTime, ok, parseDeviceId, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import { type WebAnswer, type WebRequest, type WebSite, jsonAnswer } from '#wire/web'
import { encodePem } from '#wire/x509'
import type { Attesting, TpmQuestion } from './attest.ts'
import { attestationLimits } from './limits.ts'

/*
 * Attestation over HTTPS, four POSTs of JSON: /attestation/ask and /attestation/prove for a certificate, /attestation/quote/ask and
 * /attestation/quote for the state of a machine that has one. Structures of TPMs and DER are base64. The whole exchange is in docs/tpm.md.
 */

const paths = ['/attestation/ask', '/attestation/prove', '/attestation/quote/ask', '/attestation/quote'] as const
type Path = (typeof paths)[number]

const statuses: ReadonlyMap<string, number> = new Map([
  ['provisioning/unauthorized', 401],
  ['provisioning/tpm-evidence', 403],
  ['provisioning/tpm-clone-suspected', 403],
  ['provisioning/tpm-key-loose', 403],
  ['provisioning/attestation-changed-meanwhile', 409],
  ['provisioning/attestation-method', 405],
])

/** Devices that prove by their TPM where their keys are. */
export function attestationSite(attesting: Attesting): WebSite {
  return {
    name: 'attestation',
    serves: (path) => pathOf(path) !== undefined,
    maxBodyBytes: (method) => (method === 'POST' ? attestationLimits.bodyBytes : 0),
    async answer(request) {
      const outcome = await answer(request, attesting)
      return outcome.ok ? jsonAnswer(200, outcome.value) : refusedAnswer(outcome.error)
    },
  }
}

const pathOf = (path: string): Path | undefined => paths.find((one) => one === path)

function refusedAnswer({ code, message }: Refusal): WebAnswer {
  return jsonAnswer(statuses.get(code) ?? 400, { code, message }, code === 'provisioning/attestation-method' ? { allow: 'POST' } : {})
}

async function answer(request: WebRequest, attesting: Attesting): Promise<Result<unknown>> {
  const path = pathOf(request.path)
  if (path === undefined) throw new Error('bug: a path is answered that is not served')
  if (request.method !== 'POST') return refuse('provisioning/attestation-method', 'This path takes POST alone.')
  const body = parseJson(request.body.toString('utf8'), attestationLimits.bodyBytes, 8)
  if (!body.ok) return body
  const { address } = request.peer
  if (path === '/attestation/ask') return asked(body.value, attesting, address)
  if (path === '/attestation/prove') return proven(body.value, attesting, address)
  const device = parseDeviceId(textOf(body.value, 'deviceId'))
  if (!device.ok) return device
  if (path === '/attestation/quote/ask') {
    const { nonce, registers, expiresAt } = await attesting.askQuote(device.value)
    return ok({ nonce: nonce.toString('base64'), registers: registers ?? null, expiresAt })
  }
  const expiresAt = member(body.value, 'expiresAt')
  const quote = quoteOf(body.value)
  if (typeof expiresAt !== 'number' || !Number.isSafeInteger(expiresAt) || expiresAt < 0 || quote === undefined)
    return malformed('expiresAt or quote')
  const next = await attesting.takeQuote(device.value, instant(expiresAt), quote, address)
  return next.ok ? ok({ nextQuoteBefore: isoTime(next.value) }) : next
}

async function asked(body: Json, attesting: Attesting, address: string): Promise<Result<unknown>> {
  const device = parseDeviceId(textOf(body, 'deviceId'))
  if (!device.ok) return device
  const endorsementKey = bytesOf(body, 'endorsementKey')
  const attestationKey = bytesOf(body, 'attestationKey')
  const given = member(body, 'endorsementCertificates') ?? []
  if (endorsementKey === undefined || attestationKey === undefined) return malformed('endorsementKey or attestationKey')
  if (!Array.isArray(given) || given.length > attestationLimits.endorsementCertificates) return malformed('endorsementCertificates')
  const certificates = given.map((one) => decoded(one))
  if (!certificates.every((one) => one !== undefined)) return malformed('endorsementCertificates')
  const shown = { device: device.value, endorsementKey, attestationKey, endorsementCertificates: certificates }
  const question = await attesting.ask(shown, address)
  return question.ok ? ok(questionJson(question.value)) : question
}

function questionJson({ id, credential, nonce, registers, expiresAt }: TpmQuestion) {
  return {
    id,
    idObject: credential.idObject.toString('base64'),
    encryptedSecret: credential.encryptedSecret.toString('base64'),
    nonce: nonce.toString('base64'),
    registers: registers ?? null,
    expiresAt,
  }
}

async function proven(body: Json, attesting: Attesting, address: string): Promise<Result<unknown>> {
  const secret = bytesOf(body, 'secret')
  const key = bytesOf(body, 'key')
  const certification = bytesOf(body, 'certification')
  const certificationSignature = bytesOf(body, 'certificationSignature')
  const csr = bytesOf(body, 'csr')
  const quote = quoteOf(body)
  if (secret === undefined || key === undefined || csr === undefined || quote === undefined) return malformed('secret, key, csr or quote')
  if (certification === undefined || certificationSignature === undefined) return malformed('certification or certificationSignature')
  const proof = { secret, key, certification, certificationSignature, csr, quote }
  const issued = await attesting.prove(textOf(body, 'id'), proof, address)
  return issued.ok ? ok({ certificatePem: issued.value.map((der) => encodePem('CERTIFICATE', der)).join('') }) : issued
}

function quoteOf(body: Json) {
  const quote = member(body, 'quote') ?? null
  const message = bytesOf(quote, 'message')
  const signature = bytesOf(quote, 'signature')
  return message === undefined || signature === undefined ? undefined : { message, signature }
}

function member(value: Json, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.entries(value).find(([own]) => own === name)?.[1]
}

function textOf(body: Json, name: string): string {
  const value = member(body, name)
  return typeof value === 'string' ? value : ''
}

const bytesOf = (body: Json, name: string) => decoded(member(body, name))

/** Base64 as encoders write it, at most 4 KiB of it: no structure here is longer. */
function decoded(value: Json | undefined): Buffer | undefined {
  if (typeof value !== 'string' || value.length > 6_000 || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return undefined
  return Buffer.from(value, 'base64')
}

function malformed(what: string): Result<never> {
  return refuse('provisioning/attestation-malformed', `The request is not as it must be: ${what}.`)
}
