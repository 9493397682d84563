import type { Packet } from 'mqtt-packet'

const reasons = ['reasonString', 'userProperties']

/** Which properties a server may put where (2.2.2.2), as the decoder calls them. */
const properties: Readonly<Partial<Record<Packet['cmd'], readonly string[]>>> = {
  connack: [
    ...reasons,
    'sessionExpiryInterval',
    'receiveMaximum',
    'maximumQoS',
    'retainAvailable',
    'maximumPacketSize',
    'assignedClientIdentifier',
    'topicAliasMaximum',
    'wildcardSubscriptionAvailable',
    'subscriptionIdentifiersAvailable',
    'sharedSubscriptionAvailable',
    'serverKeepAlive',
    'responseInformation',
    'serverReference',
    'authenticationMethod',
    'authenticationData',
  ],
  publish: [
    'payloadFormatIndicator',
    'messageExpiryInterval',
    'contentType',
    'responseTopic',
    'correlationData',
    'subscriptionIdentifier',
    'topicAlias',
    'userProperties',
  ],
  puback: reasons,
  pubrec: reasons,
  pubrel: reasons,
  pubcomp: reasons,
  suback: reasons,
  unsuback: reasons,
  disconnect: [...reasons, 'serverReference'],
  auth: [...reasons, 'authenticationMethod', 'authenticationData'],
}

/**
 * What holds for every packet of the hub, in whichever transcript, and is more than the decoder asks: flags, sizes, topic names,
 * identifiers, and which property may stand where. Returns the rule that is broken.
 */
export function brokenRule(raw: Buffer, packet: Packet, version: 4 | 5, maximumPacketSize: number): string | undefined {
  const [first = 0] = raw
  if (raw.length > maximumPacketSize) return 'more than the maximum packet size [MQTT-3.1.2-24]'
  if (packet.cmd === 'publish') {
    if (((first >> 1) & 3) === 3) return 'QoS 3 [MQTT-3.3.1-4]'
    if (packet.qos === 0 && packet.dup) return 'DUP with QoS 0 [MQTT-3.3.1-2]'
    if (packet.qos > 0 && packet.messageId === 0) return 'packet identifier 0 [MQTT-2.2.1-4]'
    if (/[+#]/.test(packet.topic)) return 'a wildcard in a topic name [MQTT-3.3.2-2]'
    if (packet.topic === '' && packet.properties?.topicAlias === undefined) return 'an empty topic name [MQTT-4.7.3-1]'
  } else if ((first & 0x0f) !== (packet.cmd === 'pubrel' ? 2 : 0)) return 'reserved flags [MQTT-2.1.3-1]'
  if (version === 4 && (packet.cmd === 'disconnect' || packet.cmd === 'auth')) return `${packet.cmd}, which 3.1.1 has not`
  const given = 'properties' in packet && packet.properties !== undefined ? Object.keys(packet.properties) : []
  const strange = given.find((name) => properties[packet.cmd]?.includes(name) !== true)
  return strange === undefined ? undefined : `${strange} in ${packet.cmd} [2.2.2.2]`
}
