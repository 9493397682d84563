import type { TpmDevice } from '../test/swtpm-device.ts'

/** A certificate of an endorsement key as its manufacturer would give it, and that one's root. */
export type EndorsementCertificate = { readonly der: Buffer; readonly rootPem: string }

/** Plays the manufacturer with OpenSSL: a root by this name certifies the endorsement key (TCG EK Credential Profile: a key for encryption alone). */
export async function makeEndorsementCertificate(device: TpmDevice, maker: string): Promise<EndorsementCertificate> {
  const openssl = (...words: readonly string[]) => device.tool('openssl', ...words)
  await device.exclusive(() => device.tool('tpm2_readpublic', '-Q', '-c', '0x81010001', '-f', 'pem', '-o', 'ek.pem'))
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const ca = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign']
  await openssl('req', '-x509', ...key, ...ca, '-keyout', 'maker.key', '-out', 'root.pem', '-subj', `/CN=${maker}`, '-days', '30')
  await openssl('req', '-new', ...key, '-keyout', 'unused.key', '-subj', '/CN=TPM 1', '-out', 'unused.csr')
  device.write('ek.ext', Buffer.from('basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyAgreement\nextendedKeyUsage=2.23.133.8.1\n'))
  const by = ['-CA', 'root.pem', '-CAkey', 'maker.key', '-extfile', 'ek.ext', '-force_pubkey', 'ek.pem', '-days', '30']
  await openssl('x509', '-req', '-in', 'unused.csr', ...by, '-outform', 'DER', '-out', 'ek.der')
  return { der: device.read('ek.der'), rootPem: device.read('root.pem').toString() }
}
