import { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { reachable } from '../address.ts'
import { certificateFacts, uncoveredNames } from '../certificate-facts.ts'
import type { Sighting } from '../evidence.ts'
import type { Listener, ServerCertificateState } from '../ports.ts'
import { markProbe } from './probe-ports.io.ts'

/** The leaf certificate that a listener serves right now, in a fresh handshake. Throws when none can be had. */
export function fetchServedCertificate(
  target: { readonly host: string; readonly port: number; readonly serverName: string | null },
  signal: AbortSignal,
): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    // What is served is what we came to see, trusted or not.
    const options = { host: target.host, port: target.port, rejectUnauthorized: false }
    const socket = connect(target.serverName === null ? options : { ...options, servername: target.serverName })
    markProbe(socket)
    const end = (outcome: () => void) => {
      signal.removeEventListener('abort', abort)
      socket.destroy()
      outcome()
    }
    const abort = () => end(() => reject(new Error('the run was stopped')))
    signal.addEventListener('abort', abort, { once: true })
    socket.setTimeout(3_000, () => end(() => reject(new Error('timed out'))))
    socket.on('error', (error) => end(() => reject(error)))
    socket.on('close', () => end(() => reject(new Error('closed without a certificate'))))
    socket.on('secureConnect', () => {
      const raw = socket.getPeerX509Certificate()?.raw
      end(() => (raw === undefined ? reject(new Error('no certificate was served')) : resolve(new X509Certificate(raw))))
    })
    if (signal.aborted) abort()
  })
}

/** Looks at what each listener serves and puts it beside what the issuer made last. */
export async function collectServed(
  listeners: readonly Listener[],
  names: readonly string[],
  state: ServerCertificateState,
  signal: AbortSignal,
): Promise<{ readonly sightings: Sighting[]; readonly served: readonly X509Certificate[] }> {
  const served: X509Certificate[] = []
  const serverName = names.find((name) => /[a-z]/i.test(name) && !name.includes(':')) ?? null
  const each = listeners.map(async (listener): Promise<Sighting> => {
    const subject = { kind: 'listener', id: listener.name } as const
    try {
      const certificate = await fetchServedCertificate({ host: reachable(listener.host), port: listener.port, serverName }, signal)
      served.push(certificate)
      const facts = certificateFacts(certificate)
      const alternative = certificate.subjectAltName?.split(', ') ?? []
      return {
        method: 'served-certificate',
        subject,
        observed: { served: facts, names: alternative, uncovered: uncoveredNames(certificate, names), ...state },
      }
    } catch (error) {
      return { method: 'served-certificate', subject, problem: `unreachable: ${error instanceof Error ? error.message : 'unknown'}` }
    }
  })
  return { sightings: await Promise.all(each), served }
}
