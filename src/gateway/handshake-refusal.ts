import type { Desk } from './desk.ts'
import { handshakeRefusal } from './handshake-words.ts'

/** The far end of a socket; its parts are undefined once it is closed. */
export type Peer = {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
}

/** Whether the peer is a probe of this very process, on this machine. A closed socket has forgotten its own address; then loopback counts. */
export function isOwnProbe(desk: Desk, { remoteAddress, remotePort, localAddress }: Peer): boolean {
  const isHere = localAddress === undefined ? /^(127\.|::1$|::ffff:127\.)/.test(remoteAddress ?? '') : remoteAddress === localAddress
  return isHere && desk.ports.isProbePort(remotePort)
}

/** Counts and records a peer that did not get as far as MQTT. `why` is a refusal of ours, or the error that TLS gave. `isTrustProbe`: it asked for the new root. */
export function refuseHandshake(
  desk: Desk,
  listener: string,
  peer: Peer,
  why: NodeJS.ErrnoException | { readonly code: string; readonly message: string },
  isTrustProbe = false,
): void {
  if (isOwnProbe(desk, peer)) return
  const { code, message } = why instanceof Error ? handshakeRefusal(why) : why
  if (isTrustProbe && code === 'gateway/peer-alert') desk.ports.trustRefused?.()
  const address = peer.remoteAddress ?? 'unknown'
  desk.counters.refused.set(code, (desk.counters.refused.get(code) ?? 0) + 1)
  desk.facts.tellLimited(`refused ${code} ${address}`, { kind: 'refused', time: desk.ports.clock.now(), code, message, address, listener })
}
