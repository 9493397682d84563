/** Statements without a transcript, and why: what the hub cannot be tried with, and where it is shown otherwise. */
export const reasons: Readonly<Record<string, string>> = {
  'MQTT-2.3.1-2': "a client's choice; the hub is no client",
  'MQTT-2.3.1-3': "a client's duty; the hub is no client, and keeps its own identifiers: MQTT-2.3.1-4",
  'MQTT-3.1.2-23': "a client's duty; what the hub does when it is neglected: MQTT-3.1.2-24",
  'MQTT-4.5.0-2': "a client's duty; the hub acknowledges what its policy denies all the same: MQTT-3.3.5-2",
  'MQTT-4.8.0-2':
    'a passing error cannot be made from outside: `src/gateway/connection.test.ts` "a journal without room ends the connection and acknowledges nothing"',
  'MQTT-6.0.0-3':
    'a client\'s duty; who does not offer it is turned away: `conformance/hostile.test.ts` "a WebSocket upgrade with thousands of headers or a monstrous sub-protocol is refused"',
  'MQTT-7.0.0-1': 'the hub opens no connections to other servers',
  'MQTT-7.1.2-1': "a client's duty",
}
