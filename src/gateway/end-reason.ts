import { never } from '#base'
import { reasonCodes } from '#wire/mqtt'

/** Why a connection ended; in the journal, and for MQTT 5 in DISCONNECT. */
export type EndReason =
  | 'client-disconnected'
  | 'peer-left'
  | 'keep-alive-timeout'
  | 'taken-over'
  | 'malformed'
  | 'unsupported'
  | 'too-slow'
  | 'server-shutting-down'
  | 'revoked'
  | 'disabled'
  | 'deleted'
  | 'credential'
  | 'credential-expired'
  | 'policy-changed'
  | 'operator'

/** Whether the reason means that the device may not speak any more; then its will is not published either. */
export function isBanned(reason: EndReason): boolean {
  return reason === 'revoked' || reason === 'disabled' || reason === 'deleted' || reason === 'credential'
}

/** The DISCONNECT code that tells an MQTT 5 client why we end the connection. */
export function disconnectCode(reason: EndReason): number {
  switch (reason) {
    case 'keep-alive-timeout':
      return reasonCodes['keep-alive-timeout']
    case 'taken-over':
      return reasonCodes['session-taken-over']
    case 'server-shutting-down':
      return reasonCodes['server-shutting-down']
    case 'revoked':
    case 'disabled':
    case 'deleted':
    case 'credential':
    case 'operator':
    case 'policy-changed':
      return reasonCodes['administrative-action']
    case 'too-slow':
      return reasonCodes['quota-exceeded']
    case 'client-disconnected':
    case 'credential-expired':
    case 'peer-left':
    case 'malformed':
    case 'unsupported':
      return reasonCodes['unspecified-error']
    default:
      return never(reason)
  }
}

/** The same for people, in one sentence. */
export function endSentence(reason: EndReason): string {
  switch (reason) {
    case 'keep-alive-timeout':
      return 'Nothing was heard for one and a half times the keep alive.'
    case 'taken-over':
      return 'The same client has connected again.'
    case 'server-shutting-down':
      return 'The hub is going down.'
    case 'revoked':
    case 'disabled':
    case 'deleted':
    case 'credential':
      return 'This client may not be connected any more.'
    case 'operator':
      return 'An operator has ended the connection.'
    case 'policy-changed':
      return 'By the new policy this client may not be connected, or not hold one of its subscriptions.'
    case 'too-slow':
      return 'The client or the disk took less than what was sent.'
    case 'client-disconnected':
    case 'credential-expired':
    case 'peer-left':
    case 'malformed':
    case 'unsupported':
      return 'The connection could not go on.'
    default:
      return never(reason)
  }
}
