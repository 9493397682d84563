import type { Clock } from '#base'
import type { Pki } from '#pki'

/** How often a staple is made anew; each is good for a day. */
const renewMs = 3_600_000

/** The staple of the server certificate, kept fresh. */
export interface Staples extends Disposable {
  current(): Buffer | undefined
  onChange(changed: () => void): void
}

/**
 * Makes a staple now, with every new server certificate and every hour. One that belongs to another certificate is never shown: a client that looks
 * would break off. A failure is told and tried again.
 */
export function openStaples(
  pki: Pick<Pki, 'staple' | 'serverCertificate' | 'onServerCertificate'>,
  clock: Clock,
  trouble: (what: string, error: unknown) => void,
): Staples {
  const listeners = new Set<() => void>()
  let staple: { readonly serial: string; readonly der: Buffer } | undefined
  let isOver = false
  const renew = async (): Promise<void> => {
    const { serial } = pki.serverCertificate()
    const made = await pki.staple()
    if (isOver || pki.serverCertificate().serial !== serial) return
    if (!made.ok) return trouble('the OCSP answer about the server certificate', made.error)
    staple = { serial, der: made.value }
    for (const changed of listeners) changed()
  }
  const renewLater = (): void => void renew().catch((error: unknown) => trouble('the OCSP answer about the server certificate', error))
  const stopListening = pki.onServerCertificate(renewLater)
  const stopClock = clock.every(renewMs, renewLater)
  renewLater()
  return {
    current: () => (staple?.serial === pki.serverCertificate().serial ? staple.der : undefined),
    onChange: (changed) => void listeners.add(changed),
    [Symbol.dispose]() {
      isOver = true
      stopListening()
      stopClock()
    },
  }
}
