import { Type } from 'typebox'
import { type Result, ok, parseDeviceId, refuse } from '#base'
import type { Device } from '#hub'
import { type RevocationReason, revocationReasons } from '#pki'
import { issueAll, tellIssued } from '../issue.ts'
import { actorOf, keepReceipt } from '../receipts.ts'
import { type Route, bare, route } from '../route.ts'
import { certificate, closeReceipt, devicePath } from '../schema.ts'
import { certificateView, receiptView } from '../views.ts'
import { notFound } from './devices.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const

/** Certificates of devices: look, issue, revoke. */
export function certificateRoutes({ ports }: Parts): readonly Route[] {
  const { devices, pki, clock } = ports
  const named = ({ id }: { readonly id: string }) => `device:${id}`
  const find = (id: string): Result<Device> => {
    const found = devices.find(id)
    return found === undefined ? notFound(id) : ok(found)
  }
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/devices/{id}/certificates',
      summary: 'Every certificate that this hub issued to a device.',
      access: { grants: ['device.read'] },
      resource: named,
      params: devicePath,
      answer: {
        status: 200,
        is: Type.Object({ certificates: Type.Array(certificate) }, { ...closed, title: 'Certificates' }),
        description: 'Newest first.',
      },
      async handle(call) {
        // Not asked of the registry: the certificates of a deleted device are still worth seeing.
        const id = parseDeviceId(call.params.id)
        if (!id.ok) return id
        const records = await pki.certificatesOf(call.grant('device.read'), id.value)
        if (records.length === 0 && devices.find(id.value) === undefined) return notFound(id.value)
        return ok({ certificates: records.map((one) => certificateView(one, clock.now())).filter((one) => one !== undefined) })
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/devices/{id}/certificates',
      summary: 'Issues a certificate, for a key of the device (`csr`, PEM) or with a key made here. Earlier ones stay good until they end.',
      access: { grants: ['certificate.issue'] },
      resource: named,
      params: devicePath,
      body: Type.Object({ csr: Type.Optional(Type.String({ maxLength: 16_384 })) }, { ...closed, title: 'CertificateInput' }),
      answer: {
        status: 201,
        is: Type.Object(
          { certificatePem: Type.String(), privateKeyPem: Type.Optional(Type.String()) },
          { ...closed, title: 'IssuedCertificate' },
        ),
        description: 'Issued. A private key is in this answer only.',
      },
      async handle(call) {
        const found = find(call.params.id)
        if (!found.ok) return found
        const { id, authentication } = found.value
        if (authentication.type !== 'certificateAuthority')
          return refuse('control/issue-self-signed', 'A device that proves itself in another way gets no certificate from us.')
        const { csr } = call.body
        const grant = call.grant('certificate.issue')
        const issued = await issueAll(ports, grant, [csr === undefined ? { deviceId: id, generate: true } : { deviceId: id, csr }])
        if (!issued.ok) return issued
        const [one] = issued.value
        if (one === undefined) throw new Error('bug: a request without an answer')
        tellIssued(ports, grant, [id], [one])
        const { certificatePem, privateKeyPem } = one
        return ok({ certificatePem, ...(privateKeyPem === undefined ? {} : { privateKeyPem }) })
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/devices/{id}/revoke',
      summary:
        'Revokes every certificate of a device, ends its sessions, and says how many and how fast. A device that brings its own certificate, or has shared keys, is disabled.',
      access: { grants: ['certificate.issue', 'session.close', 'device.write'] },
      resource: named,
      params: devicePath,
      body: Type.Object({ reason: Type.Optional(Type.String({ maxLength: 128 })) }, { ...closed, title: 'Revoke' }),
      answer: {
        status: 200,
        is: Type.Object({ certificates: Type.Integer({ minimum: 0 }), receipt: closeReceipt }, { ...closed, title: 'Revoked' }),
        description: 'Revoked.',
      },
      async handle(call) {
        const found = find(call.params.id)
        if (!found.ok) return found
        const { id, authentication } = found.value
        const words = call.body.reason ?? ''
        const grant = call.grant('session.close')
        if (authentication.type !== 'certificateAuthority') {
          // Nobody can revoke a certificate that somebody else signed, nor a key; what can be taken is the right to come in with it.
          const disabled = await devices.update(call.grant('device.write'), id, {
            status: 'disabled',
            statusReason: `revoked ${words}`.trim(),
          })
          if (!disabled.ok) return disabled
          ports.tell({
            kind: 'revoked',
            time: clock.now(),
            device: id,
            actor: actorOf(grant),
            reason: words,
            thumbprint: authentication.type === 'selfSigned' ? authentication.primaryThumbprint : null,
          })
          const receipt = disabled.value.receipt ?? (await ports.bus.closeSessions({ device: id, reason: 'revoked' }))
          await keepReceipt(ports, grant, id, 'revoked', receipt)
          return ok({ certificates: 0, receipt: receiptView(receipt) })
        }
        const revoked = await pki.revoke(call.grant('certificate.issue'), { deviceId: id }, reasonOf(words))
        if (!revoked.ok) return revoked
        ports.tell({ kind: 'revoked', time: clock.now(), device: id, actor: actorOf(grant), reason: words, thumbprint: null })
        const { proofs, devices: named } = revoked.value
        const receipt = await ports.bus.closeSessions({ revoked: proofs, devices: named, reason: 'revoked' })
        await keepReceipt(ports, grant, id, 'revoked', receipt)
        return ok({ certificates: revoked.value.serials.length, receipt: receiptView(receipt) })
      },
    }),
  ]
}

/** The reason in the words of RFC 5280, when it is one of them; what operators write in their own words goes into the journal. */
function reasonOf(words: string): RevocationReason {
  return revocationReasons.find((reason) => reason === words) ?? 'unspecified'
}
