import type { Chapter } from '../suite.ts'

/** 3.15 AUTH and 4.12 enhanced authentication, as a hub answers whose devices have certificates; 6 WebSocket. */
export const auth: Chapter = {
  'MQTT-3.15.1-1': `
    # AUTH with other flags is malformed
    A connects
    A > AUTH 0x19 authenticationMethod=x flags=1
    A closed 0x81`,

  'MQTT-3.15.2-1': `
    # AUTH with a code from elsewhere is malformed
    A connects
    A > AUTH 0x01 authenticationMethod=x
    A closed 0x81|0x82
    B connects
    B > AUTH 0x00 authenticationMethod=x
    B closed 0x82`,

  'MQTT-4.12.0-1': `
    # a method that nobody serves is told so
    A > CONNECT clean id=A authenticationMethod=NONE-SUCH authenticationData=x
    A refused 0x8c`,

  'MQTT-4.12.0-4': `
    # a credential that proves nothing ends the connection, whatever came behind it
    A > CONNECT clean id=A authenticationMethod=K8S-SAT authenticationData=nonsense
    A > AUTH 0x18 authenticationMethod=K8S-SAT authenticationData=more
    A refused 0x87|0x8c`,

  'MQTT-4.12.0-6': `
    # without a method there is none in CONNACK, and no AUTH
    A > CONNECT clean id=A
    A < CONNACK 0 authenticationMethod=absent authenticationData=absent`,

  'MQTT-4.12.0-7': `
    # AUTH from a client that named no method is a protocol error
    A connects
    A > AUTH 0x19 authenticationMethod=x
    A closed 0x82
    B connects
    B > AUTH 0x18 authenticationMethod=x
    B closed 0x82`,

  'MQTT-6.0.0-1': `
    # a text frame ends the connection
    A via wss
    A connects
    A < nothing
    A > text 'hello'
    A closed
    B via wss
    B > text 10 [ "MQTT" 05 02 003c 00 id"B" ]
    B closed`,

  'MQTT-6.0.0-2': `
    # frames and packets need not begin together
    A via wss
    A > bytes 10 0d 0004 'MQ'
    A > bytes 'TT' 05 02 003c 00
    A > bytes 0000 c0 00 c0
    A > bytes 00
    A < CONNACK 0
    A < PINGRESP
    A < PINGRESP
    B via wss
    B connects
    B publishes ~/a x qos=1`,

  'MQTT-6.0.0-3': `
    # who does not offer the subprotocol is not served
    A via bare-wss
    A denied`,

  'MQTT-6.0.0-4': `
    # the subprotocol is mqtt
    A via wss
    A connects
    A speaks mqtt`,
}
