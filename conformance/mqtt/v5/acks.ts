import type { Chapter } from '../suite.ts'

/** 3.4 PUBACK to 3.7 PUBCOMP. */
export const acks: Chapter = {
  'MQTT-3.4.2-1': `
    # PUBACK has a code of its table; one from elsewhere is malformed
    A connects
    A > PUBLISH ~/a x qos=1 id=1
    A < PUBACK 1 0|0x10
    A > PUBLISH nowhere/a x qos=1 id=2
    A < PUBACK 2 0x87
    A subscribes ~/a:1
    A publishes ~/a x qos=1
    A < PUBLISH ~/a x qos=1 id=?m
    A > PUBACK ?m 0x92
    A closed 0x81|0x82`,

  'MQTT-3.4.2-2 MQTT-3.4.2-3': `
    # PUBACK says why, and the reason goes rather than the packet
    A connects
    A > PUBLISH nowhere/a x qos=1 id=1
    A < PUBACK 1 0x87 reasonString="access/no-rule: No rule of the policy allows this topic."
    A > PUBLISH ~/a x qos=1 id=2
    A < PUBACK 2 0 reasonString=absent
    B connects maximumPacketSize=30
    B > PUBLISH nowhere/a x qos=1 id=1
    B < PUBACK 1 0x87 reasonString=absent`,

  'MQTT-3.5.2-1': `
    # PUBREC has a code of its table; one from elsewhere is malformed
    A connects
    A > PUBLISH ~/a x qos=2 id=1
    A < PUBREC 1 0|0x10
    A > PUBLISH nowhere/a x qos=2 id=2
    A < PUBREC 2 0x87
    A subscribes ~/b:2
    A publishes ~/b x qos=2
    A < PUBLISH ~/b x qos=2 id=?m
    A > PUBREC ?m 0x92
    A closed 0x81|0x82`,

  'MQTT-3.5.2-2 MQTT-3.5.2-3': `
    # PUBREC says why, and the reason goes rather than the packet
    A connects
    A > PUBLISH nowhere/a x qos=2 id=1
    A < PUBREC 1 0x87 reasonString="access/no-rule: No rule of the policy allows this topic."
    A > PUBLISH ~/a x qos=2 id=2
    A < PUBREC 2 0 reasonString=absent
    B connects maximumPacketSize=30
    B > PUBLISH nowhere/a x qos=2 id=1
    B < PUBREC 1 0x87 reasonString=absent`,

  'MQTT-3.6.1-1': `
    # PUBREL with other flags is malformed
    A connects
    A > PUBREL 1 flags=0
    A closed 0x81
    B connects
    B > PUBREL 1 flags=0x0a
    B closed 0x81`,

  'MQTT-3.6.2-1': `
    # PUBREL has a code of its table: 0x00 for what is released, 0x92 for what nobody knows; one from elsewhere is malformed
    A connects
    A subscribes ~/a:2
    A publishes ~/a x qos=2
    A < PUBLISH ~/a x qos=2 id=?m
    A > PUBREC ?m
    A < PUBREL ?m 0
    A > PUBCOMP ?m
    A > PUBREC ?m
    A < PUBREL ?m 0x92
    A > PUBREL 9 0x10
    A closed 0x81|0x82`,

  'MQTT-3.6.2-2 MQTT-3.6.2-3': `
    # PUBREL never exceeds what the client takes
    A connects maximumPacketSize=30
    A > PUBREC 7
    A < PUBREL 7 0x92 reasonString=absent`,

  'MQTT-3.7.2-1': `
    # PUBCOMP has a code of its table; one from elsewhere is malformed
    A connects
    A publishes ~/a x qos=2
    A > PUBREL 4711
    A < PUBCOMP 4711 0x92
    A > PUBCOMP 1 0x10
    A closed 0x81|0x82`,

  'MQTT-3.7.2-2 MQTT-3.7.2-3': `
    # PUBCOMP never exceeds what the client takes
    A connects maximumPacketSize=30
    A > PUBREL 7
    A < PUBCOMP 7 0x92 reasonString=absent`,
}
