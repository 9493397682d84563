import { request } from 'node:https'
import { Fault, type Secret } from '#base'
import type { EstSend } from './client.ts'

/** Milliseconds that an external authority may take, and bytes that it may say. */
const answerMs = 20_000
const answerBytes = 256 * 1024

/** Where an external authority is, whom we trust to be it, and how we show who we are: a certificate, or a user with a password, or both. */
export type EstServer = {
  /** Such as `https://ca.example/.well-known/est/` or with a label at its end; a slash is added where it lacks. */
  readonly url: string
  /** PEM of the only authorities that may vouch for the server. */
  readonly trustPem: string
  readonly certificate?: { readonly certificatePem: string; readonly keyPem: Secret }
  readonly user?: { readonly name: string; readonly password: Secret }
}

/** Speaks to an external authority over HTTPS. No redirect is followed. Throws the Fault `pki/est-server-away` when it gives no whole answer in 20 seconds. */
export function estSender({ url, trustPem, certificate, user }: EstServer): EstSend {
  const base = new URL(url.endsWith('/') ? url : `${url}/`)
  if (base.protocol !== 'https:') throw new Fault('pki/est-server-away', 'An EST server is asked over https only.')
  const proof =
    certificate === undefined ? {} : { cert: certificate.certificatePem, key: certificate.keyPem.use((bytes) => bytes.toString('utf8')) }
  return (method, operation, body) =>
    new Promise((resolve, reject) => {
      const away = (error: unknown) => reject(new Fault('pki/est-server-away', 'The external authority gave no answer.', error))
      const basic =
        user === undefined
          ? {}
          : {
              authorization: `Basic ${user.password.use((bytes) => Buffer.from(`${user.name}:${bytes.toString('utf8')}`).toString('base64'))}`,
            }
      const headers = {
        ...basic,
        ...(body === undefined
          ? {}
          : { 'content-type': body.type, 'content-transfer-encoding': 'base64', 'content-length': Buffer.byteLength(body.text) }),
      }
      const signal = AbortSignal.timeout(answerMs)
      const outgoing = request(new URL(operation, base), { method, headers, ca: trustPem, ...proof, agent: false, signal }, (response) => {
        const parts: Buffer[] = []
        let length = 0
        response.on('data', (part: Buffer) => {
          length += part.length
          if (length > answerBytes) outgoing.destroy(new Error('the answer is too long'))
          else parts.push(part)
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }))
        response.on('error', away)
      })
      outgoing.on('error', away)
      outgoing.end(body?.text)
    })
}
