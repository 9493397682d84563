const client = "a client's duty, of which a server sees nothing"
const inOneStep = 'every method that is served takes what CONNECT holds, and asks for no more'

/** Why a statement of MQTT 5 has no transcript; docs/divergences.md has the same. */
export const reasons: Readonly<Record<string, string>> = {
  'MQTT-3.2.2-4': client,
  'MQTT-3.2.2-5': client,
  'MQTT-3.2.2-11': 'Maximum QoS is never less than 2',
  'MQTT-3.2.2-14': 'retained messages are always available',
  'MQTT-3.2.2-18': 'topic aliases are always available',
  'MQTT-3.3.4-5': 'a message is sent in one copy, whatever subscriptions match',
  'MQTT-3.3.4-8': client,
  'MQTT-4.6.0-2': client,
  'MQTT-4.6.0-3': client,
  'MQTT-4.6.0-4': client,
  'MQTT-4.12.0-2': inOneStep,
  'MQTT-4.12.0-3': inOneStep,
}
