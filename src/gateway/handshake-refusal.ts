import type { Desk } from './desk.ts'
import { handshakeRefusal } from './tls-settings.ts'

/** Counts and records a peer that did not get as far as MQTT. `why` is a refusal of ours, or the error that TLS gave. */
export function refuseHandshake(
  desk: Desk,
  listener: string,
  address: string | undefined,
  why: NodeJS.ErrnoException | { readonly code: string; readonly message: string },
): void {
  const { code, message } = why instanceof Error ? handshakeRefusal(why) : why
  desk.counters.refused.set(code, (desk.counters.refused.get(code) ?? 0) + 1)
  desk.facts.tellLimited(`refused ${code} ${address ?? ''}`, {
    kind: 'refused',
    time: desk.ports.clock.now(),
    code,
    message,
    address: address ?? 'unknown',
    listener,
  })
}
