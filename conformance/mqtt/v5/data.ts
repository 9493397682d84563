import type { Chapter } from '../suite.ts'

/** 1.5 data representation, 2 packet format, 3.12 PING. */
export const data: Chapter = {
  'MQTT-1.5.4-1': `
    # an encoded surrogate is malformed, in a topic and in a client identifier
    A connects
    A > bytes 30 [ 0003 eda080 00 'x' ]
    A closed 0x81
    B > bytes 10 [ "MQTT" 05 02 003c 00 0003 eda080 ]
    B refused 0x81
    C connects
    C > bytes 30 [ 0002 c080 00 'x' ]
    C closed 0x81`,

  'MQTT-1.5.4-2': `
    # U+0000 is malformed wherever a string stands
    A connects
    A > bytes 30 [ 0003 610062 00 'x' ]
    A closed 0x81
    B connects
    B > bytes 30 [ "~/a" [ 03 0001 00 ] 'x' ]
    B closed 0x81
    C connects
    C > bytes 82 [ 0001 00 0001 00 00 ]
    C closed 0x81`,

  'MQTT-1.5.4-3': `
    # a byte order mark stays, in the topic and in properties
    A connects
    A subscribes ~/#:1
    A publishes "~/\uFEFFa" x qos=1 contentType="\uFEFFtext"
    A receives "~/\uFEFFa" x qos=1 contentType="\uFEFFtext" contains=efbbbf74657874`,

  'MQTT-1.5.5-1': `
    # a padded length is malformed, in the fixed header and before properties
    A connects
    A > bytes c0 80 00
    A closed 0x81
    B connects
    B > bytes 30 [ "~/a" 8000 'x' ]
    B closed 0x81
    C connects
    C > bytes 30 ffffffff01
    C closed 0x81`,

  'MQTT-1.5.7-1': `
    # both strings of a pair are strings
    A connects
    A > bytes 30 [ "~/a" [ 26 0001 61 0001 ff ] 'x' ]
    A closed 0x81
    B connects
    B > bytes 30 [ "~/a" [ 26 0001 ff 0001 61 ] 'x' ]
    B closed 0x81`,

  'MQTT-2.1.3-1': `
    # reserved flags are malformed, in every packet that has them
    A connects
    A > PINGREQ flags=1
    A closed 0x81
    B connects
    B > PUBACK 1 flags=2
    B closed 0x81
    C > CONNECT clean id=C flags=1
    C closed
    D connects
    D > bytes f1 00
    D closed 0x81`,

  'MQTT-2.2.1-2': `
    # QoS 0 comes without a packet identifier
    A connects
    A subscribes ~/a:2
    A publishes ~/a x
    A < PUBLISH ~/a x qos=0 id=absent`,

  'MQTT-2.2.1-3': `
    # identifier 0 ends the connection; one in use by QoS 2 is refused
    A connects
    A > PUBLISH ~/a x qos=1 id=0
    A closed 0x81|0x82
    B connects
    B > SUBSCRIBE 0 ~/a
    B closed 0x81|0x82
    C connects
    C > UNSUBSCRIBE 0 ~/a
    C closed 0x81|0x82
    D connects
    D > PUBLISH ~/a x qos=2 id=0
    D closed 0x81|0x82`,

  'MQTT-2.2.1-4': `
    # messages that wait for their acknowledgement have different identifiers, none of them 0
    A connects
    B connects
    B subscribes ~/a:2
    A publishes ~/a 1 qos=1
    A publishes ~/a 2 qos=2
    A publishes ~/a 3 qos=1
    B < PUBLISH ~/a 1 qos=1 id=1..65535 id=?one
    B < PUBLISH ~/a 2 qos=2 id=1..65535 id=!?one id=?two
    B < PUBLISH ~/a 3 qos=1 id=1..65535 id=!?one id=!?two`,

  'MQTT-2.2.1-5': `
    # the acknowledgement has the identifier of what it acknowledges
    A connects
    A > PUBLISH ~/a x qos=1 id=4711
    A < PUBACK 4711 code=0|0x10
    A > PUBLISH ~/a x qos=2 id=65535
    A < PUBREC 65535 code=0|0x10
    A > PUBREL 65535
    A < PUBCOMP 65535 0`,

  'MQTT-2.2.1-6': `
    # SUBACK and UNSUBACK have the identifier of their request
    A connects
    A > SUBSCRIBE 4711 ~/a:1
    A < SUBACK 4711 1
    A > UNSUBSCRIBE 65535 ~/a
    A < UNSUBACK 65535 0`,

  'MQTT-2.2.2-1': `
    # no properties is a length of zero
    A connects
    A > SUBSCRIBE 7 ~/a:1
    A < bytes 90 04 0007 00 01
    A > UNSUBSCRIBE 8 ~/a
    A < bytes b0 04 0008 00 00`,

  'MQTT-3.12.4-1': `
    # PINGREQ gets PINGRESP
    A connects
    A > PINGREQ
    A < bytes d0 00
    A > PINGREQ
    A > PINGREQ
    A < PINGRESP
    A < PINGRESP`,

  'MQTT-4.2-1': `
    # packets that are cut anywhere, and packets that come together, are read alike
    A connects
    A > bytes c0
    A > bytes 00 c0 00 c0
    A > bytes 00
    A < PINGRESP
    A < PINGRESP
    A < PINGRESP`,
}
