import { isRevokedProof } from '#base'
import type { CloseAnswer, CloseRequest } from '#bus'
import type { Desk } from './desk.ts'
import type { Member } from './member.ts'

/**
 * Ends the sessions that `request` names, by whichever protocol they came, and waits until their sockets are gone; what lingers is cut. A
 * revocation is held against what each connection was proven with when it opened, so it does not matter under which name it lives.
 */
export async function closeSessions(desk: Desk, request: CloseRequest): Promise<CloseAnswer> {
  const found = [...namedBy(desk, request)]
  const transports: Record<string, number> = {}
  const gone: Promise<void>[] = []
  for (const connection of found) {
    // Taken before it ends: of several identities on one AMQP connection, those that stay must not lose their socket.
    const { transport } = connection
    transports[transport.kind] = (transports[transport.kind] ?? 0) + 1
    connection.end(request.reason)
    transport.cut()
    gone.push(transport.gone)
  }
  const banned = request.reason === 'deleted' || request.reason === 'revoked'
  if (banned) for (const device of 'device' in request ? [request.device] : request.devices) desk.ports.broker.forgetOwner(device)
  await Promise.all(gone)
  return { closed: found.filter((connection) => !connection.isOpen).length, of: found.length, transports }
}

function namedBy(desk: Desk, request: CloseRequest): Iterable<Member> {
  if ('device' in request) {
    const { device, certificateSerial: serial } = request
    return [...desk.of(device)].filter(({ principal }) => serial === undefined || principal?.authentication.serial === serial)
  }
  const { revoked, devices } = request
  const named = new Set<Member>()
  for (const device of devices) for (const connection of desk.of(device)) named.add(connection)
  // A whole fleet of live connections is looked through in milliseconds; nothing is kept by proof.
  if (revoked.serials.size + revoked.fingerprints.size + revoked.keys.size + revoked.keyIds.size > 0)
    for (const connection of desk.live()) {
      const proof = connection.principal?.authentication.proof
      if (proof !== undefined && isRevokedProof(revoked, proof)) named.add(connection)
    }
  return named
}
