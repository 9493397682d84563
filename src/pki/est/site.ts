import { type DeviceId, type Refusal, type Result, Fault, refuse } from '#base'
import { decodeBody, encodeBody } from '#wire/est'
import { type WebAnswer, type WebRequest, type WebSite, textAnswer } from '#wire/web'
import { csrAttributes } from '#wire/x509'
import type { EnrollmentCodes } from './codes.ts'
import { type Enrolling, answerOf, enroll } from './enroll.ts'
import { estLimits } from './limits.ts'
import { type Operation, admit, estPrefix, readOperation } from './operation.ts'
import type { EstPorts } from './ports.ts'
import { proofOf } from './proof.ts'

/*
 * Enrollment over Secure Transport (RFC 7030, as RFC 8951 clarifies it). The order of things: the path, the method, the media type; who asks, and
 * whether that one may; how often it did; and only then the body. There is no linking of identity and proof of possession by tls-unique (RFC 7030
 * section 3.5): TLS 1.3 does not have it, and a challenge password in a request is passed over.
 */

const methods: Readonly<Record<Operation, 'GET' | 'POST'>> = {
  cacerts: 'GET',
  csrattrs: 'GET',
  simpleenroll: 'POST',
  simplereenroll: 'POST',
  serverkeygen: 'POST',
  fullcmc: 'POST',
}

const statuses: ReadonlyMap<string, number> = new Map([
  ['pki/est-no-proof', 401],
  ['pki/code-wrong', 401],
  ['pki/code-locked', 401],
  ['pki/code-expired', 401],
  ['pki/code-spent', 401],
  ['pki/est-certificate-needed', 403],
  ['pki/est-other-name', 403],
  ['pki/est-not-a-device', 403],
  ['pki/est-device-disabled', 403],
  ['pki/est-other-proof', 403],
  ['pki/est-unknown-device', 403],
  ['pki/authority-requested', 403],
  ['pki/key-in-use', 403],
  ['pki/est-not-offered', 501],
  ['pki/est-key-encryption', 501],
  ['pki/est-too-often', 429],
])

/** Refusals of a chain: whoever sent it has not shown who it is. */
const chainCodes: ReadonlySet<string> = new Set([
  'pki/no-certificate',
  'pki/no-common-name',
  'pki/chain-too-long',
  'pki/revoked',
  'pki/issuer-revoked',
  'pki/expired',
  'pki/not-yet-valid',
  'pki/issuer-not-valid',
])

/** Opens EST on the HTTPS listener. */
export function estSite(ports: EstPorts, codes: EnrollmentCodes): WebSite {
  const often = new Often()
  return {
    name: 'est',
    serves: (path) => path.startsWith(estPrefix),
    maxBodyBytes: (method, path) => (method === 'POST' && readOperation(path) !== undefined ? estLimits.bodyBytes : 0),
    async answer(request) {
      try {
        return await answer(request, ports, codes, often)
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'pki/key-unavailable') throw error
        return plain(503, { code: error.code, message: 'The key of the issuer is not at hand now.' }, { 'retry-after': '30' })
      }
    },
  }
}

async function answer(request: WebRequest, ports: EstPorts, codes: EnrollmentCodes, often: Often): Promise<WebAnswer> {
  const operation = readOperation(request.path)
  if (operation === undefined) return plain(404, { code: 'pki/est-unknown-operation', message: 'There is no such operation.' })
  const method = methods[operation]
  if (request.method !== method) return plain(405, { code: 'pki/est-method', message: `This wants ${method}.` }, { allow: method })
  if (operation === 'cacerts') return answerOf(ports.authorities())
  if (operation === 'csrattrs') {
    const headers = { 'content-type': 'application/csrattrs', 'content-transfer-encoding': 'base64' }
    return { status: 200, headers, body: encodeBody(csrAttributes) }
  }
  const proof = await proofOf(request, ports, codes)
  const admitted = admit(operation, proof)
  if (!admitted.ok) return told(request, ports, admitted.error, true)
  if (operation === 'fullcmc' || admitted.value.kind !== 'device') throw new Error('bug: admitted to what is not done')
  const csr = readCsr(request)
  if (!csr.ok) return told(request, ports, csr.error, false)
  const { device } = admitted.value
  if (!often.take(device, ports.clock.now()))
    return told(request, ports, { code: 'pki/est-too-often', message: 'This device asked for too many certificates; wait an hour.' }, false)
  const enrollment: { readonly operation: Enrolling } = { operation }
  const made = await enroll({ ...enrollment, admitted: admitted.value, csr: csr.value, address: request.peer.address }, ports, codes)
  return made.ok ? made.value : told(request, ports, made.error, false)
}

function plain(status: number, { code, message }: Refusal, headers: Readonly<Record<string, string>> = {}): WebAnswer {
  return textAnswer(status, `${message} (${code})\n`, headers)
}

function readCsr({ headers, body }: WebRequest): Result<Buffer> {
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/pkcs10') return refuse('pki/est-media-type', 'The body must be application/pkcs10 (RFC 7030 section 4.2.1).')
  return decodeBody(body)
}

/** The sentence for the peer, and a fact for whoever watches. `unproven`: whatever the code is, the peer has not shown who it is. */
function told({ peer, headers, path }: WebRequest, { tell, clock }: EstPorts, error: Refusal, unproven: boolean): WebAnswer {
  const { code, message } = error
  const status = statuses.get(code) ?? (code === 'pki/est-media-type' ? 415 : unproven || chainCodes.has(code) ? 401 : 400)
  const detail = `${message} (EST ${path.slice(estPrefix.length, estPrefix.length + 64)})`
  if (headers['authorization'] !== undefined || peer.certificates.length > 0)
    tell({ kind: 'refused', time: clock.now(), code, message: detail, address: peer.address, listener: 'https' })
  const more: Readonly<Record<string, string>> =
    status === 401 ? { 'www-authenticate': 'Basic realm="one-time code"' } : status === 429 ? { 'retry-after': '3600' } : {}
  // RFC 7030 section 3.2.3: who has shown neither a certificate nor a code is asked for one.
  const asks = code === 'pki/est-no-proof' && headers['authorization'] === undefined && peer.certificates.length === 0
  return { ...plain(status, error, more), ...(asks ? { asks } : {}) }
}

/** Counts certificates for each device and hour: a device that loops must not fill the inventory. Forgets from the old end. */
class Often {
  readonly #counted = new Map<DeviceId, { readonly hour: number; readonly count: number }>()

  take(device: DeviceId, now: number): boolean {
    const hour = Math.floor(now / 3_600_000)
    const before = this.#counted.get(device)
    const count = before?.hour === hour ? before.count + 1 : 1
    if (count > estLimits.enrollmentsPerHour) return false
    this.#counted.delete(device)
    this.#counted.set(device, { hour, count })
    for (const oldest of this.#counted.keys()) {
      if (this.#counted.size <= estLimits.countedDevices) break
      this.#counted.delete(oldest)
    }
    return true
  }
}
