import type { Template } from '../profile.ts'
import type { PkiPorts } from '../ports.ts'
import { shardOf } from './revoked-serials.ts'
import { listPrefix, responderPath } from './site.ts'

/** Where clients may ask about a certificate that is about to be made; nothing while nobody knows where we are reached. */
export function pointersOf({ publicUrl }: Pick<PkiPorts, 'publicUrl'>, keyId: string, serial: string): Pick<Template, 'pointers'> {
  const url = publicUrl?.()
  if (url === undefined) return {}
  return { pointers: { crl: `${url}${listPrefix}${keyId}/${shardOf(serial)}.crl`, ocsp: url + responderPath } }
}
