import type { Chapter } from '../suite.ts'

/** 1.5, 2.2 and 2.3: strings, flags and packet identifiers. */
export const packets: Chapter = {
  'MQTT-1.5.3-1': `
    # ill-formed UTF-8 in a string closes the connection, wherever it stands
    A > bytes 10 [ "MQTT" 04 02 003c 0003 eda080 ]
    A closed
    B connects
    B > bytes 30 [ 0004 61c32862 78 ]
    B closed
    C connects
    C > bytes 82 [ 0001 0003 61ff62 00 ]
    C closed
    D connects
    D > bytes a2 [ 0001 0004 f4908080 ]
    D closed
    E connects
    E > bytes 30 [ 0002 c080 78 ]
    E closed`,

  'MQTT-1.5.3-2': `
    # so does U+0000
    A > bytes 10 [ "MQTT" 04 02 003c 0003 610062 ]
    A closed
    B connects
    B > bytes 30 [ 0003 610062 78 ]
    B closed
    C connects
    C > bytes 82 [ 0001 0003 610062 00 ]
    C closed`,

  'MQTT-1.5.3-3': `
    # U+FEFF is a character of its topic, and comes out as it went in
    A connects
    A > bytes 82 [ 0001 "~/\u{feff}a" 00 "~/a" 00 ]
    A < SUBACK 1 0 0
    B connects
    B > bytes 30 [ "~/\u{feff}a" 'with' ]
    A < PUBLISH "~/\u{feff}a" with contains=efbbbf61
    B publishes ~/a without
    A < PUBLISH ~/a without
    A < nothing`,

  'MQTT-2.2.2-1 MQTT-2.2.2-2': `
    # a packet whose reserved flags are not those of the table closes the connection
    A > bytes 11 [ "MQTT" 04 02 003c id"A" ]
    A closed
    B connects
    B > bytes 41 02 0001
    B closed
    C connects
    C > bytes 52 02 0001
    C closed
    D connects
    D > bytes 72 02 0001
    D closed
    E connects
    E > bytes c1 00
    E closed
    F connects
    F > bytes e8 00
    F closed
    G connects
    G > bytes a0 [ 0001 "~/a" ]
    G closed`,

  'MQTT-2.3.1-1': `
    # the identifier 0 closes the connection
    A connects
    A > SUBSCRIBE 0 ~/a:1
    A closed
    B connects
    B > UNSUBSCRIBE 0 ~/a
    B closed
    C connects
    C > PUBLISH ~/a x qos=1 id=0
    C closed
    D connects
    D > PUBLISH ~/a x qos=2 id=0
    D closed`,

  'MQTT-2.3.1-4': `
    # what the hub sends has identifiers that differ while they are in use, and keeps them when it is sent again
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/a:1
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=1
    A < PUBLISH ~/a 1 qos=1 id=?one
    A < PUBLISH ~/a 2 qos=1 id=!?one
    A drops
    A resumes
    A < PUBLISH ~/a 1 qos=1 id=?one
    A < PUBLISH ~/a 2 qos=1 id=!?one`,

  'MQTT-2.3.1-5': `
    # QoS 0 has no identifier: what follows the topic is the payload
    A connects
    A subscribes ~/a:2
    B connects
    B > bytes 30 [ "~/a" 0001 ]
    A < PUBLISH ~/a qos=0 id=absent contains=0001`,

  'MQTT-2.3.1-6': `
    # PUBACK, PUBREC and PUBCOMP carry the identifier of their PUBLISH
    A connects
    A > PUBLISH ~/a x qos=1 id=0x1234
    A < bytes 40 02 12 34
    A > PUBLISH ~/a x qos=2 id=65535
    A < bytes 50 02 ff ff
    A > PUBREL 65535
    A < bytes 70 02 ff ff`,

  'MQTT-2.3.1-6 sender': `
    # and PUBREL that of the PUBREC
    A connects
    A subscribes ~/a:2
    B connects
    B publishes ~/a x qos=2
    A < PUBLISH ~/a x qos=2 id=?m
    A > PUBREC ?m
    A < PUBREL ?m
    A > PUBCOMP ?m
    A < nothing`,

  'MQTT-2.3.1-7': `
    # SUBACK and UNSUBACK carry the identifier of their request
    A connects
    A > SUBSCRIBE 513 ~/a:0
    A < bytes 90 03 02 01 00
    A > UNSUBSCRIBE 65535 ~/a
    A < bytes b0 02 ff ff`,
}
