import type { Refusal } from '#base'
import type { DeviceProvisioning } from '#provisioning'
import type { WebAnswer, WebRequest, WebSite } from '#wire/web'
import { type Answering, type RegistrationReply, answerRegistrant, refusalReply } from './answers.ts'
import { type RegistrationPath, oldestApiVersion, parseRegistrationPath } from './names.ts'
import { maxRequestBytes, parseRegisterBody } from './requests.ts'

/** What the site tells of: what broke, and whoever was refused for who they are not. */
export type SitePorts = Answering & {
  trouble(error: unknown): void
  refused(refusal: Refusal, request: WebRequest, registrationId: string): void
}

const methods = { register: 'PUT', operation: 'GET', lookup: 'POST' } as const

/** Devices that register by HTTPS (azure-wire 6.3): each request is proven anew, by its token or by the certificate of its connection. */
export function registrationSite(provisioning: DeviceProvisioning, ports: SitePorts): WebSite {
  return {
    name: 'registration',
    serves: (path) => parseRegistrationPath(path, provisioning.idScope) !== undefined,
    // Node's client sends a body with its GET.
    maxBodyBytes: () => maxRequestBytes,
    async answer(request) {
      const path = parseRegistrationPath(request.path, provisioning.idScope)
      if (path === undefined) throw new Error('bug: a path is answered that is not served')
      return answerOf(await answer(provisioning, ports, request, path), path, ports)
    },
  }
}

async function answer(
  provisioning: DeviceProvisioning,
  ports: SitePorts,
  request: WebRequest,
  path: RegistrationPath,
): Promise<RegistrationReply & Pick<WebAnswer, 'asks'>> {
  const { idScope, registrationId } = path
  const { address, certificates } = request.peer
  if (request.method !== methods[path.kind])
    return refusalReply(ports, { code: 'gateway/registration-method', message: `This path takes ${methods[path.kind]} alone.` })
  const token = request.headers['authorization']
  // Malformed bodies of strangers are not told from others: proof comes first, but for a TPM, which shows its keys to be asked for it.
  const body = path.kind === 'register' ? parseRegisterBody(request.body, registrationId) : undefined
  const tpm = body?.ok === true ? body.value.tpm : undefined
  if (token === undefined && certificates.length === 0 && tpm !== undefined) {
    const challenge = await provisioning.challenge({ idScope, registrationId, ...tpm, address })
    // 401 all the same: this is how the client is asked for its proof (azure-wire 6.8).
    if (challenge.ok) {
      const body = JSON.stringify({ authenticationKey: challenge.value.toString('base64'), keyName: 'registration' })
      return { status: 401, body, asks: true }
    }
    ports.refused(challenge.error, request, registrationId)
    return refusalReply(ports, challenge.error)
  }
  const proven = await provisioning.authenticate({ idScope, registrationId, token, certificates, address })
  if (!proven.ok) {
    ports.refused(proven.error, request, registrationId)
    return refusalReply(ports, proven.error)
  }
  if (body === undefined) return answerRegistrant(ports, provisioning, proven.value, path.kind === 'operation' ? path : { kind: 'lookup' })
  if (!body.ok) return refusalReply(ports, body.error)
  const { payload, csr } = body.value
  const apiVersion = request.query.get('api-version') ?? oldestApiVersion
  const force = request.query.get('forceRegistration') === 'true'
  return answerRegistrant(ports, provisioning, proven.value, { kind: 'register', request: { payload, csr, force, apiVersion } })
}

function answerOf(
  { status, retryAfterSeconds, body, asks }: RegistrationReply & Pick<WebAnswer, 'asks'>,
  path: RegistrationPath,
  { random }: Answering,
): WebAnswer {
  const location = status === 202 ? { location: `/${path.idScope}/registrations/${encodeURIComponent(path.registrationId)}` } : {}
  const after = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  const id = random.bytes(16).toString('hex')
  const headers = { 'content-type': 'application/json; charset=utf-8', 'x-ms-request-id': id, ...location, ...after }
  return { status, headers, body, ...(asks === true ? { asks } : {}) }
}
