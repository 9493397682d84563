import type { Chapter } from '../suite.ts'

/** 3.14 DISCONNECT, 4.13 errors. */
export const farewell: Chapter = {
  'MQTT-3.14.0-1': `
    # before CONNACK there is no DISCONNECT: a bad CONNECT gets CONNACK or nothing
    A > CONNECT clean id=A level=9
    A refused 0x84
    B > PINGREQ
    B closed
    C > bytes 10 [ "MQTT" 05 03 003c 00 id"C" ]
    C < bytes 20 .. 00 81
    C closed`,

  'MQTT-3.14.1-1': `
    # DISCONNECT with reserved flags is malformed
    A connects
    A > DISCONNECT flags=1
    A closed 0x81`,

  'MQTT-3.14.2-1': `
    # DISCONNECT has a code of its table; one from elsewhere is malformed
    A connects
    A > DISCONNECT 0x01
    A closed 0x81|0x82
    B connects
    B > DISCONNECT 0x8e
    B closed 0x81|0x82
    C connects
    C > DISCONNECT 0x80
    C closed`,

  'MQTT-3.14.2-2': `
    # the server's DISCONNECT has no expiry; the client's changes it, but not from 0
    A connects sessionExpiryInterval=60
    B > CONNECT id=A sessionExpiryInterval=60
    B < CONNACK 0
    A < DISCONNECT 0x8e sessionExpiryInterval=absent
    A closed
    B > DISCONNECT 0x00 sessionExpiryInterval=0
    B closed
    A > CONNECT id=A
    A < CONNACK 0 sessionPresent=0
    A > DISCONNECT 0x00 sessionExpiryInterval=60
    A closed 0x82`,

  'MQTT-3.14.2-3 MQTT-3.14.2-4': `
    # DISCONNECT says why, and the reason goes rather than the packet
    A connects
    A > PUBLISH ~/a x subscriptionIdentifier=1
    A < DISCONNECT 0x82 reasonString=present
    A closed
    B connects maximumPacketSize=30
    B > PUBLISH ~/a x subscriptionIdentifier=1
    B < DISCONNECT 0x82 reasonString=absent
    B closed`,

  'MQTT-3.14.4-1': `
    # nothing is heard after the client's DISCONNECT, nothing is said after the server's
    A connects
    A > bytes e0 00 c0 00
    A closed
    B connects
    C > CONNECT clean id=B
    C < CONNACK 0
    B closed 0x8e`,

  'MQTT-3.14.4-2': `
    # the connection ends after DISCONNECT
    A connects
    A > DISCONNECT 0x00
    A closed
    B connects
    B > bytes c1 00
    B closed 0x81`,

  'MQTT-4.13.1-1': `
    # a malformed packet or a protocol error ends the connection, and says why
    A connects
    A > bytes 00 00
    A closed 0x81
    B connects
    B > bytes 20 03 00 00 00
    B closed 0x82
    C connects
    C > bytes d0 00
    C closed 0x81|0x82
    D connects
    D > bytes 30 03 0001
    D > bytes ff
    D closed 0x81
    E connects
    E > PUBLISH ~/a x contentType=a contentType=b
    E closed 0x82
    F connects
    F > PUBLISH ~/a x receiveMaximum=1
    F closed 0x81|0x82`,

  'MQTT-4.13.2-1': `
    # a code of 0x80 and more ends the connection, in CONNACK and in DISCONNECT
    A > CONNECT clean id=A authenticationMethod=NONE-SUCH
    A refused 0x8c
    B connects
    B > bytes c1 00
    B closed 0x81
    C connects
    C > DISCONNECT 0x80
    C closed`,
}
