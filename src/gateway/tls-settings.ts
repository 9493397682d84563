import type { TlsOptions } from 'node:tls'
import { limits } from '#base'
import type { ServerTls } from './ports.ts'

/**
 * Suites that we speak. `minVersion` alone would still offer RSA key exchange and CBC in TLS 1.2; these are ECDHE with an AEAD only.
 * The order is ours: AES-128-GCM first, the fastest on servers and on microcontrollers with an AES unit alike.
 */
export const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/** Seconds that a TLS session may be resumed; every CONNECT asks the registry all the same. */
const sessionTimeoutSeconds = 2 * 60 * 60

/**
 * How the device listeners speak TLS: 1.2 or 1.3, a client certificate asked for and taken whatever it is. Deciding in the application
 * lets us say who was refused and why; OpenSSL's own refusal is an anonymous reset, and self-signed leaves are legitimate here.
 */
export function tlsSettings(tls: ServerTls, ticketKeys: Buffer, handshakeMs: number): TlsOptions {
  return {
    ...serverSettings(tls),
    handshakeTimeout: handshakeMs,
    // Names for the CertificateRequest; verification is ours (`access`, `pki`).
    ca: tls.clientCa,
    requestCert: true,
    rejectUnauthorized: false,
    sessionTimeout: sessionTimeoutSeconds,
    ticketKeys,
  }
}

/** What every TLS server of ours has in common, whether or not it asks for certificates. */
export function serverSettings(tls: Pick<ServerTls, 'key' | 'cert'>): TlsOptions {
  return {
    key: tls.key,
    cert: tls.cert,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers,
    honorCipherOrder: true,
    handshakeTimeout: limits.handshakeMs,
  }
}
