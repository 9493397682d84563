import { encodeName } from '#wire/x509'
import type { ProfileName } from './profile.ts'

const organization = 'Thingwall'

/** The subject of a certificate (DER): a device has its common name alone, as IoT Hub compares it; ours carry the product's name. */
export function subjectOf(profile: ProfileName, commonName: string): Buffer {
  return encodeName(profile === 'device' ? { commonName } : { commonName, organization })
}
