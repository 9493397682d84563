import type { Principal } from '#access'
import type { Connection } from './connection.ts'
import type { Desk } from './desk.ts'
import { Holders, TakeoverHistory, judgeTakeover } from './takeover.ts'
import type { Transport } from './transport.ts'

/** What is remembered of takeovers. */
export class Takeovers {
  readonly history = new TakeoverHistory()
  readonly holders = new Holders()
}

// A peer chooses its client identifier; a record does not have to carry all of it.
const shown = (clientId: string): string => clientId.slice(0, 256)
const thumbprintOf = (principal: Principal): string | null => principal.authentication.thumbprint || null

/**
 * Writes what it means that `fresh`, which is about to be opened with `principal`, meets a live session of the same identity and client
 * identifier, or the client identifier of somebody else. Called before the session is taken over.
 */
export function tellTakeover(desk: Desk, fresh: Pick<Connection, 'id' | 'transport'>, principal: Principal, expirySeconds: number): void {
  if (fresh.transport.isProbe) return
  const { clientId } = principal.subject
  const { device, expiresAt } = principal
  const { address } = fresh.transport
  const thumbprint = thumbprintOf(principal)
  const time = desk.ports.clock.now()
  const now = desk.ports.clock.monotonic()
  const who = { time, device, clientId: shown(clientId), connection: fresh.id, address, thumbprint }
  for (const old of desk.of(device)) {
    const held = old.clientId === clientId ? old.principal : undefined
    if (held === undefined) continue
    const silentMs = Math.max(0, now - old.lastHeard)
    const before = { address: old.transport.address, thumbprint: thumbprintOf(held), expiresAt: held.expiresAt }
    const { takeovers, swaps } = desk.takeovers.history.note(`${device}\0${clientId}`, before.address, address, now)
    // A connection is given up after one and a half times its keep alive.
    const judged = judgeTakeover({ address, thumbprint, expiresAt }, { ...before, silentMs, keepAliveMs: old.patienceMs / 1.5 }, swaps)
    const former = { device, connection: old.id, address: before.address, thumbprint: before.thumbprint }
    // Certainty is news, so it is a sort of its own.
    const sort = `${judged.kind} ${judged.kind === 'clone-suspected' && judged.certain} ${device} ${clientId}`
    if (judged.kind === 'theft-suspected') desk.facts.tellLimited(sort, { ...who, ...judged, former, refused: false })
    else desk.facts.tellLimited(sort, { ...who, ...judged, former, takeovers })
  }
  const holder = desk.takeovers.holders.other(clientId, device, now)
  if (holder !== undefined) {
    const { expirySeconds: _, ...former } = holder
    const why = 'other-identity' as const
    desk.facts.tellLimited(`theft ${clientId} ${device}`, { ...who, kind: 'theft-suspected', former, why, refused: false })
  }
  desk.takeovers.holders.entered(clientId, { device, connection: fresh.id, address, thumbprint, expirySeconds })
}

/** Writes that a CONNECT was denied which used the client identifier of somebody's session with a key that is not the holder's. */
export function tellRefusedTakeover(desk: Desk, fresh: { readonly id: string; readonly transport: Transport }, clientId: string): void {
  const holder = clientId === '' || fresh.transport.isProbe ? undefined : desk.takeovers.holders.other(clientId, undefined, desk.tick)
  if (holder === undefined) return
  const [leaf] = fresh.transport.certificates()
  const thumbprint = (leaf === undefined ? undefined : desk.ports.describeCertificate(leaf)?.fingerprint) ?? null
  // The holder itself, whose certificate has expired while it was connected.
  if (thumbprint === holder.thumbprint) return
  const { expirySeconds: _, ...former } = holder
  const { address } = fresh.transport
  desk.facts.tellLimited(`theft ${clientId} ${address}`, {
    kind: 'theft-suspected',
    time: desk.ports.clock.now(),
    device: holder.device,
    clientId: shown(clientId),
    connection: fresh.id,
    address,
    thumbprint,
    former,
    why: 'wrong-key',
    refused: true,
  })
}
