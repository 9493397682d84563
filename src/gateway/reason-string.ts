import { type AcknowledgePacket, type DisconnectPacket, type SubackPacket, encode, reasonCodes } from '#wire/mqtt'
import type { AcknowledgeType } from '#wire/mqtt'
import { type EndReason, endSentence } from './end-reason.ts'

/*
 * Why a client is told no, in words: the code of docs/errors.md, or for the end of a connection the reason that its record has, and a
 * sentence. MQTT 5 alone has a place for them, and success never has any.
 */

type Explained = AcknowledgePacket<AcknowledgeType> | SubackPacket | DisconnectPacket

/**
 * The bytes of an MQTT 5 packet with its Reason String, where there is one and the client takes packets of `takesBytes` so large: the reason
 * goes rather than the packet [MQTT-3.4.2-2, MQTT-3.5.2-2, MQTT-3.9.2-1, MQTT-3.14.2-3].
 */
export function encodeExplained(packet: Explained, reasonString: string | undefined, takesBytes: number): Buffer {
  const bare = encode(packet, 5)
  if (reasonString === undefined) return bare
  const told = encode({ ...packet, properties: { reasonString } }, 5)
  return told.length > takesBytes ? bare : told
}

const retainedFull = { code: 'gateway/retained-full', message: 'The message was taken, but there is no room to retain it.' }
const tooManyFilters = { code: 'gateway/too-many-filters', message: 'The session holds as many filters as it may.' }
const topicDenied = { code: 'access/no-rule', message: 'No rule of the policy allows this topic.' }
const filterDenied = { code: 'access/no-rule', message: 'No rule of the policy allows this filter.' }
const topicAlias = { code: 'gateway/topic-alias', message: 'The topic alias stands for nothing, or is larger than Topic Alias Maximum.' }
const tooManyUnreleased = { code: 'gateway/receive-maximum', message: 'More QoS 2 messages are unreleased than Receive Maximum allows.' }
const outOfPlace = { code: 'wire/mqtt-protocol-error', message: 'This packet is not allowed here.' }

/** A code and its sentence as a Reason String has them. */
export const inWords = ({ code, message }: { readonly code: string; readonly message: string }): string => `${code}: ${message}`

/** Why a PUBLISH is answered with this reason code; undefined where the code says all. */
export function publishReason(reasonCode: number): string | undefined {
  if (reasonCode === reasonCodes['not-authorized']) return inWords(topicDenied)
  return reasonCode === reasonCodes['quota-exceeded'] ? inWords(retainedFull) : undefined
}

/** Why filters of a SUBSCRIBE were refused, whichever they were; undefined when none was. */
export function subscribeReason(codes: readonly number[]): string | undefined {
  const why = [
    ...(codes.includes(reasonCodes['not-authorized']) ? [inWords(filterDenied)] : []),
    ...(codes.includes(reasonCodes['quota-exceeded']) ? [inWords(tooManyFilters)] : []),
  ]
  return why.length === 0 ? undefined : why.join(' ')
}

/** Why we end a connection with this reason code; what is known better, such as what a decoder found, is said instead of it. */
export function endReasonString(reason: EndReason, reasonCode: number): string {
  if (reasonCode === reasonCodes['topic-alias-invalid']) return inWords(topicAlias)
  if (reasonCode === reasonCodes['receive-maximum-exceeded']) return inWords(tooManyUnreleased)
  return reason === 'malformed' ? inWords(outOfPlace) : `${reason}: ${endSentence(reason)}`
}
