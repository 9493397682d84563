import { X509Certificate } from 'node:crypto'

/** A certificate in words, for people; undefined for what is none. */
export function describe(leaf: Buffer): { readonly subject: string; readonly fingerprint: string; readonly issuer: string } | undefined {
  try {
    const certificate = new X509Certificate(leaf)
    const line = (text: string | undefined) => (text ?? '').replaceAll('\n', ', ').slice(0, 256)
    return {
      subject: line(certificate.subject),
      issuer: line(certificate.issuer),
      fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    }
  } catch {
    return undefined
  }
}

/** A name as a URL has it, with the port unless it is that of HTTPS. */
export function hostWithPort(name: string, port: number): string {
  const host = name.includes(':') ? `[${name}]` : name
  return port === 443 ? host : `${host}:${port}`
}

/** Whether a name is an address. */
export function isAddress(name: string): boolean {
  return name.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(name)
}
