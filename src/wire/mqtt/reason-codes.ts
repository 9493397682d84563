/**
 * Every reason code of MQTT 5 by its name in the standard, in kebab-case (table 2-6). A few numbers have several names, because
 * the same number means a different yes in different packets.
 */
export const reasonCodes = {
  success: 0x00,
  'normal-disconnection': 0x00,
  'granted-qos-0': 0x00,
  'granted-qos-1': 0x01,
  'granted-qos-2': 0x02,
  'disconnect-with-will-message': 0x04,
  'no-matching-subscribers': 0x10,
  'no-subscription-existed': 0x11,
  'continue-authentication': 0x18,
  're-authenticate': 0x19,
  'unspecified-error': 0x80,
  'malformed-packet': 0x81,
  'protocol-error': 0x82,
  'implementation-specific-error': 0x83,
  'unsupported-protocol-version': 0x84,
  'client-identifier-not-valid': 0x85,
  'bad-user-name-or-password': 0x86,
  'not-authorized': 0x87,
  'server-unavailable': 0x88,
  'server-busy': 0x89,
  banned: 0x8a,
  'server-shutting-down': 0x8b,
  'bad-authentication-method': 0x8c,
  'keep-alive-timeout': 0x8d,
  'session-taken-over': 0x8e,
  'topic-filter-invalid': 0x8f,
  'topic-name-invalid': 0x90,
  'packet-identifier-in-use': 0x91,
  'packet-identifier-not-found': 0x92,
  'receive-maximum-exceeded': 0x93,
  'topic-alias-invalid': 0x94,
  'packet-too-large': 0x95,
  'message-rate-too-high': 0x96,
  'quota-exceeded': 0x97,
  'administrative-action': 0x98,
  'payload-format-invalid': 0x99,
  'retain-not-supported': 0x9a,
  'qos-not-supported': 0x9b,
  'use-another-server': 0x9c,
  'server-moved': 0x9d,
  'shared-subscriptions-not-supported': 0x9e,
  'connection-rate-exceeded': 0x9f,
  'maximum-connect-time': 0xa0,
  'subscription-identifiers-not-supported': 0xa1,
  'wildcard-subscriptions-not-supported': 0xa2,
} as const

/** A reason code by name. */
export type ReasonName = keyof typeof reasonCodes

const names = new Map<number, string>()
for (const [name, code] of Object.entries(reasonCodes)) if (!names.has(code)) names.set(code, name)

/** The standard's name of a reason code, for logs and for people; `reason-0xNN` for a number that the standard does not have. */
export function reasonName(code: number): string {
  return names.get(code) ?? `reason-0x${code.toString(16).padStart(2, '0')}`
}

/**
 * The MQTT 3.1.1 CONNACK return code (table 3.1) that says what an MQTT 5 reason code says, as well as five codes can.
 * 0x00 stays 0; what 3.1.1 has no word for becomes 3 (server unavailable) when trying again may help and 5 (not authorized) when not.
 */
export function returnCodeOf(reasonCode: number): number {
  switch (reasonCode) {
    case reasonCodes.success:
      return 0
    case reasonCodes['unsupported-protocol-version']:
      return 1
    case reasonCodes['client-identifier-not-valid']:
      return 2
    case reasonCodes['server-unavailable']:
    case reasonCodes['server-busy']:
    case reasonCodes['unspecified-error']:
    case reasonCodes['implementation-specific-error']:
    case reasonCodes['quota-exceeded']:
    case reasonCodes['use-another-server']:
    case reasonCodes['server-moved']:
    case reasonCodes['connection-rate-exceeded']:
      return 3
    case reasonCodes['bad-user-name-or-password']:
      return 4
    default:
      return 5
  }
}

/** The reason code of a 3.1.1 CONNACK return code, or `undefined` for the numbers that 3.1.1 reserves. */
export function reasonOfReturnCode(returnCode: number): number | undefined {
  switch (returnCode) {
    case 0:
      return reasonCodes.success
    case 1:
      return reasonCodes['unsupported-protocol-version']
    case 2:
      return reasonCodes['client-identifier-not-valid']
    case 3:
      return reasonCodes['server-unavailable']
    case 4:
      return reasonCodes['bad-user-name-or-password']
    case 5:
      return reasonCodes['not-authorized']
    default:
      return undefined
  }
}

const publishReasons: ReadonlySet<number> = new Set([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99])
const releaseReasons: ReadonlySet<number> = new Set([0x00, 0x92])

/** Which reason codes each packet may carry, by who sends it where that matters. Tables 3-1 to 3-9 of MQTT 5. */
export const permittedReasons = {
  connack: new Set([
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
  ]),
  puback: publishReasons,
  pubrec: publishReasons,
  pubrel: releaseReasons,
  pubcomp: releaseReasons,
  suback: new Set([0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]),
  unsuback: new Set([0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]),
  'client-disconnect': new Set([0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]),
  // 0x8c is not in table 3-10 but in table 2-6 for this packet; we take it from a server.
  'server-disconnect': new Set([
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b,
    0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ]),
  'client-auth': new Set([0x18, 0x19]),
  'server-auth': new Set([0x00, 0x18]),
} satisfies Record<string, ReadonlySet<number>>
