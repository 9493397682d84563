import type { Chapter } from '../suite.ts'

/** 3.2 CONNACK. */
export const connack: Chapter = {
  'MQTT-3.2.0-1': `
    # CONNACK comes before the messages that wait
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    A drops
    B connects
    B publishes ~/a hello qos=1
    A > CONNECT id=A
    A < CONNACK 0 sessionPresent=1
    A receives ~/a hello qos=1`,

  'MQTT-3.2.0-2': `
    # nothing brings a second CONNACK
    A connects
    A > PINGREQ
    A > SUBSCRIBE 1 ~/a
    A < PINGRESP
    A < SUBACK 1 0
    A > CONNECT clean id=A
    A closed 0x82`,

  'MQTT-3.2.2-1': `
    # the flags of CONNACK are 0 and 1 and nothing else
    A > CONNECT clean id=A sessionExpiryInterval=60
    A < bytes 20 .. 00 00
    A drops
    A > CONNECT id=A
    A < bytes 20 .. 01 00
    B > CONNECT clean id=B authenticationMethod=NONE-SUCH
    B < bytes 20 .. 00 8c`,

  'MQTT-3.2.2-2': `
    # Clean Start 1 gets Session Present 0, also where there was a session
    A connects sessionExpiryInterval=60
    A drops
    A > CONNECT clean id=A
    A < CONNACK 0 sessionPresent=0`,

  'MQTT-3.2.2-3': `
    # Session Present tells whether there was a session
    A > CONNECT id=A sessionExpiryInterval=60
    A < CONNACK 0 sessionPresent=0
    A drops
    A > CONNECT id=A sessionExpiryInterval=60
    A < CONNACK 0 sessionPresent=1`,

  'MQTT-3.2.2-6': `
    # a refusal has Session Present 0, also where there is a session
    A connects sessionExpiryInterval=60
    A leaves
    A > CONNECT id=A authenticationMethod=NONE-SUCH
    A < CONNACK 0x8c sessionPresent=0
    A closed`,

  'MQTT-3.2.2-7': `
    # a refusal is the end
    A > CONNECT clean id=A authenticationMethod=NONE-SUCH
    A refused 0x8c
    B > CONNECT clean id=B will=nowhere/w willPayload=x
    B refused 0x87`,

  'MQTT-3.2.2-8': `
    # every refusal has a code of the table
    A > CONNECT clean id=A level=7
    A refused 0x84
    B > CONNECT clean id=B user=x pass=y
    B refused 0x86|0x87
    C > CONNECT clean id=C will=nowhere/w willPayload=x
    C refused 0x87`,

  'MQTT-3.2.2-9': `
    # all of QoS is served, so no Maximum QoS is said
    A > CONNECT clean id=A
    A < CONNACK 0 maximumQoS=absent retainAvailable=absent wildcardSubscriptionAvailable=absent
    A publishes ~/a x qos=2`,

  'MQTT-3.2.2-10': `
    # every requested QoS is taken
    A connects
    A subscribes ~/a:0 ~/b:1 ~/c:2`,

  'MQTT-3.2.2-12': `
    # no will QoS exceeds what is served: all three are taken
    A connects will=~/w willPayload=x willQos=2
    A leaves
    A connects will=~/w willPayload=x willQos=1
    A leaves`,

  'MQTT-3.2.2-13': `
    # retained messages are served, so a retained will is taken
    A connects will=~/w willPayload=x willRetain
    A leaves`,

  'MQTT-3.2.2-15': `
    # whoever sends more than the Maximum Packet Size is told and closed
    A > CONNECT clean id=A
    A < CONNACK 0 maximumPacketSize=294912
    A > PUBLISH ~/a x*294912
    A closed 0x95`,

  'MQTT-3.2.2-17 MQTT-3.3.2-9': `
    # an alias above the maximum ends the connection
    A > CONNECT clean id=A
    A < CONNACK 0 topicAliasMaximum=16
    A > PUBLISH ~/a x topicAlias=17
    A closed 0x94`,

  'MQTT-3.2.2-19 MQTT-3.2.2-20': `
    # the reason goes rather than CONNACK
    A > CONNECT clean id=A authenticationMethod=NONE-SUCH
    A < CONNACK 0x8c reasonString=present
    A closed
    B > CONNECT clean id=B authenticationMethod=NONE-SUCH maximumPacketSize=30
    B < CONNACK 0x8c reasonString=absent
    B closed`,

  'MQTT-3.1.2-21 MQTT-3.2.2-21': `
    # the Server Keep Alive is told where it differs: 0 becomes ours
    A > CONNECT clean id=A keepalive=0
    A < CONNACK 0 serverKeepAlive=1177
    B > CONNECT clean id=B keepalive=65535
    B < CONNACK 0 serverKeepAlive=1177`,

  'MQTT-3.2.2-22': `
    # without a Server Keep Alive the one of CONNECT holds
    A > CONNECT clean id=A keepalive=1
    A < CONNACK 0 serverKeepAlive=absent
    A closed 0x8d within=1000..4000`,
}
