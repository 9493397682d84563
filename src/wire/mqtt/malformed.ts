import { reasonCodes } from './reason-codes.ts'

/**
 * The decoder's no: the peer broke the standard or a limit of ours, and the connection must close [MQTT-4.13.1-1].
 * It is a `Refusal` (code and message) that also says which `clause` was broken and which reason code an MQTT 5 peer should be told.
 * `clause` is the standard's number of the statement (`MQTT-3.1.0-1`) in MQTT 5, with `3.1.1/` before it where only 3.1.1 has the
 * rule, and a plain section (`MQTT-3.1.2.11.3`) where the standard numbers none.
 */
export type Malformed = {
  readonly type: 'malformed'
  readonly code: string
  readonly clause: string
  readonly reasonCode: number
  readonly message: string
}

/** Bytes that cannot be parsed (0x81). */
export function malformed(clause: string, message: string): Malformed {
  return { type: 'malformed', code: 'wire/mqtt-malformed', clause, reasonCode: reasonCodes['malformed-packet'], message }
}

/** Bytes that parse into something that is not allowed here (0x82). */
export function protocolError(clause: string, message: string): Malformed {
  return { type: 'malformed', code: 'wire/mqtt-protocol-error', clause, reasonCode: reasonCodes['protocol-error'], message }
}

/** A packet larger than we take, refused by its length alone (0x95). */
export function tooLarge(message: string): Malformed {
  return {
    type: 'malformed',
    code: 'wire/mqtt-packet-too-large',
    clause: 'MQTT-3.2.2-15',
    reasonCode: reasonCodes['packet-too-large'],
    message,
  }
}

/** More parts in one packet than we take (0x97). */
export function tooMany(clause: string, message: string): Malformed {
  return { type: 'malformed', code: 'wire/mqtt-quota-exceeded', clause, reasonCode: reasonCodes['quota-exceeded'], message }
}

/** A CONNECT for a protocol that we do not speak (0x84, or return code 1). */
export function unsupportedVersion(clause: string, message: string): Malformed {
  const reasonCode = reasonCodes['unsupported-protocol-version']
  return { type: 'malformed', code: 'wire/mqtt-unsupported-version', clause, reasonCode, message }
}

/** A client identifier that cannot be one (0x85, or return code 2). */
export function badClientId(clause: string, message: string): Malformed {
  const reasonCode = reasonCodes['client-identifier-not-valid']
  return { type: 'malformed', code: 'wire/mqtt-client-id-invalid', clause, reasonCode, message }
}

/** A topic name that cannot be one (0x90). */
export function badTopicName(clause: string, message: string): Malformed {
  return { type: 'malformed', code: 'wire/mqtt-topic-name-invalid', clause, reasonCode: reasonCodes['topic-name-invalid'], message }
}

/** A topic filter that cannot be one (0x8f). */
export function badTopicFilter(clause: string, message: string): Malformed {
  return { type: 'malformed', code: 'wire/mqtt-topic-filter-invalid', clause, reasonCode: reasonCodes['topic-filter-invalid'], message }
}
