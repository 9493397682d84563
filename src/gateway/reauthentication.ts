import type { Principal, Reauthenticated } from '#access'
import type { DeviceId } from '#base'
import { type AuthPacket, reasonCodes } from '#wire/mqtt'
import type { Desk } from './desk.ts'
import { inWords } from './reason-string.ts'

/** What an AUTH packet on a live connection asks for; undefined: something that it cannot ask (edge.md 1.9), a protocol error. */
export function askedAgain(
  packet: AuthPacket,
  methodAtConnect: string | undefined,
): { readonly method: string; readonly data: Buffer } | undefined {
  const { authenticationMethod: method, authenticationData: data } = packet.properties ?? {}
  if (packet.reasonCode !== reasonCodes['re-authenticate'] || method === undefined || method !== methodAtConnect) return undefined
  return { method, data: data ?? Buffer.alloc(0) }
}

/** What follows from the answer: an AUTH packet with this code and perhaps a newer principal, or the end with this code and why. */
export function afterReauthentication(
  outcome: Reauthenticated,
  device: DeviceId,
): { readonly ends: boolean; readonly code: number; readonly principal?: Principal; readonly why?: string } {
  if (outcome.kind === 'later') return { ends: false, code: reasonCodes['continue-authentication'] }
  if (outcome.kind === 'no')
    return { ends: true, code: reasonCodes[outcome.protocolError ? 'protocol-error' : 'not-authorized'], why: inWords(outcome.refusal) }
  // A session belongs to one identity; whoever is somebody else now has to connect anew.
  if (outcome.principal.device !== device) return { ends: true, code: reasonCodes['not-authorized'] }
  return { ends: false, code: reasonCodes.success, principal: outcome.principal }
}

/** The outcome where whoever was asked could not say: the log has why. */
export function notJudgedAgain(desk: Desk, error: unknown): Reauthenticated {
  desk.ports.trouble?.('a credential could not be judged again', error)
  return { kind: 'later' }
}
