import { type DeviceId, type Refusal, type Result, fail, ok, parseDeviceId, refuse } from '#base'
import type { WebRequest } from '#wire/web'
import type { EnrollmentCodes } from './codes.ts'
import { estLimits } from './limits.ts'
import type { Proof } from './operation.ts'
import type { EstPorts } from './ports.ts'

/**
 * What a request shows of its sender. A one-time code counts before a certificate: a device whose certificate has expired, and still sends it, must
 * be able to come back by a code. Whatever was shown, the device has to be registered, enabled, and one that our authorities vouch for.
 */
export async function proofOf(request: WebRequest, ports: EstPorts, codes: EnrollmentCodes): Promise<Proof> {
  const { authorization } = request.headers
  if (authorization !== undefined) {
    const named = readBasic(authorization)
    if (!named.ok) return bad(named.error)
    const proven = await codes.prove(named.value.device, named.value.code)
    if (!proven.ok) return bad(proven.error)
    const ready = standsReady(named.value.device, ports)
    return ready.ok ? { kind: 'code', device: named.value.device, code: proven.value } : bad(ready.error)
  }
  const { certificates } = request.peer
  if (certificates.length === 0) return { kind: 'none' }
  const leaf = ports.verify(certificates, ports.clock.now())
  if (!leaf.ok) return bad(leaf.error)
  const { deviceId } = leaf.value
  if (deviceId === undefined) return bad({ code: 'pki/est-not-a-device', message: 'The certificate is not the one of a device.' })
  const ready = standsReady(deviceId, ports)
  return ready.ok ? { kind: 'certificate', device: deviceId, leaf: leaf.value } : bad(ready.error)
}

function bad(error: Refusal): Proof {
  return { kind: 'bad', error }
}

function standsReady(device: DeviceId, { standing }: EstPorts): Result<void> {
  const found = standing(device)
  if (found === 'ready') return ok(undefined)
  if (found === 'disabled') return refuse('pki/est-device-disabled', 'This device is disabled.', device)
  return found === 'other-proof'
    ? refuse('pki/est-other-proof', 'This device proves itself in another way, and gets no certificate from this hub.', device)
    : refuse('pki/est-unknown-device', 'This device is not registered.', device)
}

/** Reads `Authorization: Basic` (RFC 7617): the device id, a colon, the code. */
function readBasic(header: string): Result<{ readonly device: DeviceId; readonly code: string }> {
  const wrong = refuse('pki/code-wrong', 'The device id and the one-time code do not fit.')
  if (header.length > estLimits.authorizationCharacters) return wrong
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1]
  if (encoded === undefined) return refuse('pki/est-no-proof', 'Only Basic is taken: a device id and a one-time code.')
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.lastIndexOf(':')
  const device = parseDeviceId(text.slice(0, Math.max(colon, 0)))
  return device.ok ? ok({ device: device.value, code: text.slice(colon + 1) }) : fail(wrong.error)
}
