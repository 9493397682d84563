import { X509Certificate } from 'node:crypto'
import type { Static } from 'typebox'
import { type DeviceId, type Instant, type Secret, instant, isoTime } from '#base'
import type { CloseReceipt } from '#bus'
import type { Device } from '#hub'
import type { JsonFact } from '#journal'
import type { CertificateRecord } from '#pki'
import type { Connection, ControlConfig, ListenerState } from './ports.ts'
import type { certificate, closeReceipt, connection, device, endpoint } from './schema.ts'

/** A device as the API shows it. */
export function deviceView(one: Device): Static<typeof device> {
  const { id, generationId, etag, status, statusReason } = one
  return {
    id,
    generationId,
    etag,
    status,
    statusReason,
    authentication: { ...one.authentication },
    createdAt: isoTime(one.createdAt),
    updatedAt: isoTime(one.updatedAt),
  }
}

/** A connection as the API shows it. */
export function connectionView(one: Connection): Static<typeof connection> {
  const { version, cipher, resumed } = one.tls
  const { type, scope, thumbprint } = one.auth
  return {
    id: one.id,
    device: one.device,
    clientId: one.clientId,
    transport: one.transport,
    mqttVersion: one.mqttVersion,
    address: one.address,
    since: isoTime(instant(one.since)),
    tls: { version, cipher, resumed },
    auth: { type, scope, thumbprint },
    inMessages: one.inMessages,
    outMessages: one.outMessages,
    inBytes: one.inBytes,
    outBytes: one.outBytes,
    subscriptions: [...one.subscriptions],
  }
}

/** A certificate as the API shows it at `now`. One that was recorded and never handed out has no fingerprint, and is not shown. */
export function certificateView(one: CertificateRecord, now: Instant): Static<typeof certificate> | undefined {
  if (one.fingerprintSha256 === null) return undefined
  return {
    serial: one.serial,
    fingerprintSha256: one.fingerprintSha256,
    subject: one.subject,
    issuer: one.issuer,
    notBefore: isoTime(one.notBefore),
    notAfter: isoTime(one.notAfter),
    status: one.revoked !== null ? 'revoked' : now > one.notAfter ? 'expired' : 'valid',
    ...(one.revoked === null ? {} : { revokedAt: isoTime(one.revoked.at), reason: one.revoked.reason }),
  }
}

/** A receipt as the API shows it. */
export function receiptView({ closed, of, elapsedMs, transports }: CloseReceipt): Static<typeof closeReceipt> {
  return { closed, of, elapsedMs, transports: { ...transports } }
}

/** Where `id` connects: what goes into the settings of a stock SDK. With `key`, the string holds it: for the one answer that may say it. */
export function endpointFor(
  config: ControlConfig,
  listeners: readonly ListenerState[],
  id: DeviceId,
  key?: Secret,
): Static<typeof endpoint> {
  const host = config.hostNames[0] ?? 'localhost'
  const port = (name: string) => listeners.find((one) => one.name === name)?.port ?? 0
  const proof = key === undefined ? 'x509=true' : `SharedAccessKey=${key.use((bytes) => bytes.toString('base64'))}`
  const connectionString = `HostName=${host};DeviceId=${id};${proof}`
  return { host, mqttPort: port('mqtt'), httpsPort: port('https'), connectionString }
}

/** The fact that a certificate was issued, read from the certificate itself (PEM, leaf first). */
export function issuedFact(id: DeviceId, actor: string, pem: string, time: Instant): JsonFact {
  const leaf = new X509Certificate(pem)
  return {
    kind: 'certificate-issued',
    time,
    device: id,
    actor,
    serial: leaf.serialNumber.toLowerCase(),
    thumbprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    issuer: leaf.issuer.replaceAll('\n', ', '),
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
  }
}

/** Who acts, in one word: `operator:owner`. */
export function actorText(actor: { readonly kind: string; readonly id: string }): string {
  return `${actor.kind}:${actor.id}`
}
