import type { Chapter } from '../suite.ts'

/** 3.1 CONNECT: who may come in, and how. */
export const connect: Chapter = {
  'MQTT-3.1.0-1': `
    # the first packet must be CONNECT
    A > PINGREQ
    A closed
    B > PUBLISH ~/a x
    B closed
    C > AUTH 0x19 authenticationMethod=x
    C closed`,

  'MQTT-3.1.0-2': `
    # a second CONNECT is a protocol error
    A connects
    A > CONNECT clean id=A
    A closed 0x82`,

  'MQTT-3.1.2-1': `
    # another protocol name is the end
    A > CONNECT clean id=A protocol=MQTX
    A closed
    B > CONNECT clean id=B protocol=mqtt
    B closed`,

  'MQTT-3.1.2-2': `
    # a version that nobody serves is told so
    A > CONNECT clean id=A level=6
    A refused 0x84
    B > bytes 10 [ "MQIsdp" 03 02 003c id"B" ]
    B refused 1`,

  'MQTT-3.1.2-3': `
    # the reserved connect flag ends the connection
    A > CONNECT clean id=A connectFlags=3
    A refused 0x81`,

  'MQTT-3.1.2-4': `
    # Clean Start 1 forgets the subscriptions and the queue
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1 ~/b:1
    A leaves
    B connects
    B publishes ~/a lost qos=1
    A connects sessionExpiryInterval=60
    B publishes ~/a gone qos=1
    A subscribes ~/b:1
    B publishes ~/b marker qos=1
    A receives ~/b marker qos=1`,

  'MQTT-3.1.2-5': `
    # an existing session is resumed with its subscriptions and its queue
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    A leaves
    B connects
    B publishes ~/a hello qos=1
    A resumes sessionExpiryInterval=60
    A receives ~/a hello qos=1 retain=0
    B publishes ~/a again qos=1
    A receives ~/a again qos=1`,

  'MQTT-3.1.2-6': `
    # Clean Start 0 without a session makes one, which lives on
    A > CONNECT id=A sessionExpiryInterval=60
    A < CONNACK 0 sessionPresent=0
    A drops
    A resumes`,

  'MQTT-3.1.2-20 MQTT-3.1.2-22': `
    # one and a half keep alive of silence is the end; whoever pings in time stays
    A connects keepalive=1
    B connects keepalive=1
    pause 900
    B > PINGREQ
    A closed 0x8d within=100..4000
    B < PINGRESP
    B < nothing`,

  'MQTT-3.1.2-23': `
    # the session outlives the connection by its expiry, however the connection ended
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    A drops
    A resumes sessionExpiryInterval=60
    A leaves
    A resumes
    A leaves
    A > CONNECT id=A
    A < CONNACK 0 sessionPresent=0`,

  'MQTT-3.1.2-24': `
    # what is too large for the client does not reach it; the rest does
    A connects maximumPacketSize=120
    A subscribes ~/a:1
    B connects
    B publishes ~/a x*400 qos=1
    B publishes ~/a x*400
    B publishes ~/a small qos=1
    A receives ~/a small qos=1`,

  'MQTT-3.1.2-24 connack': `
    # a client that takes less than CONNACK is refused, in a packet that it takes
    A > CONNECT clean id=A maximumPacketSize=10
    A refused 0x95`,

  'MQTT-3.1.2-25': `
    # what was dropped for its size counts as sent: it takes no part of the window and never comes back
    A connects maximumPacketSize=120 receiveMaximum=1 sessionExpiryInterval=60
    A subscribes ~/a:2
    B connects
    B publishes ~/a x*400 qos=1
    B publishes ~/a x*400 qos=2
    B publishes ~/a small qos=1
    A receives ~/a small qos=1
    A drops
    A resumes
    B publishes ~/a marker qos=1
    A receives ~/a marker qos=1`,

  'MQTT-3.1.2-28': `
    # no Response Information without asking; 2 is a protocol error
    A > CONNECT clean id=A
    A < CONNACK 0 responseInformation=absent
    B > CONNECT clean id=B requestResponseInformation=0
    B < CONNACK 0 responseInformation=absent
    C > CONNECT clean id=C requestResponseInformation=1
    C < CONNACK 0 responseInformation=present
    D > CONNECT clean id=D requestResponseInformation=2
    D refused 0x81|0x82`,

  'MQTT-3.1.2-29': `
    # reasons come only to who has not switched them off; CONNACK and DISCONNECT have them all the same
    A connects
    A > PUBLISH nowhere/a x qos=1 id=1
    A < PUBACK 1 0x87 reasonString=present
    B connects requestProblemInformation=0
    B > PUBLISH nowhere/a x qos=1 id=1
    B < PUBACK 1 0x87 reasonString=absent
    B > PUBLISH nowhere/a x qos=2 id=2
    B < PUBREC 2 0x87 reasonString=absent
    B > SUBSCRIBE 3 nowhere/a:1
    B < SUBACK 3 0x87 reasonString=absent
    B > UNSUBSCRIBE 4 nowhere/a
    B < UNSUBACK 4 0x11 reasonString=absent
    B > PUBREL 5
    B < PUBCOMP 5 0x92 reasonString=absent
    B > PUBLISH ~/a x subscriptionIdentifier=1
    B < DISCONNECT 0x82 reasonString=present
    B closed`,

  'MQTT-3.1.2-30': `
    # with an authentication method nothing but AUTH is heard before CONNACK
    A > CONNECT clean id=A authenticationMethod=NONE-SUCH
    A > PUBLISH ~/a retained qos=0 retain
    A refused 0x8c
    B connects
    B subscribes ~/a:1
    B < nothing`,

  'MQTT-3.1.3-1': `
    # fields in another order are other fields
    A connects
    A subscribes ~/client:1
    B > bytes 10 [ "MQTT" 05 06 003c 00 id"B" 00 "~/client" "will" ]
    B < CONNACK 0
    B drops
    A < PUBLISH ~/client will
    C > bytes 10 [ "MQTT" 05 06 003c 00 00 "~/client" "will" id"C" ]
    C refused 0x81|0x82`,

  'MQTT-3.1.3-2': `
    # the client identifier names the session: another one has its own
    A connects sessionExpiryInterval=60
    A leaves
    B > CONNECT id=B
    B < CONNACK 0 sessionPresent=0
    A resumes
    C is 2
    C > CONNECT id=A
    C < CONNACK 0 sessionPresent=0`,

  'MQTT-3.1.3-3': `
    # CONNECT without a client identifier is malformed
    A > bytes 10 [ "MQTT" 05 02 003c 00 ]
    A refused 0x81`,

  'MQTT-3.1.3-4': `
    # a client identifier that is no UTF-8 is malformed
    A > bytes 10 [ "MQTT" 05 02 003c 00 0002 c328 ]
    A refused 0x81`,

  'MQTT-3.1.3-5': `
    # letters and digits, 1 to 23 of them
    A > CONNECT clean exactId=0123456789abcdefghijklm
    A < CONNACK 0
    B > CONNECT clean exactId=nopqrstuvwxyzABCDEFGHIJ
    B < CONNACK 0
    C > CONNECT clean exactId=KLMNOPQRSTUVWXYZ
    C < CONNACK 0
    D > CONNECT clean exactId=z
    D < CONNACK 0`,

  'MQTT-3.1.3-6 MQTT-3.2.2-16': `
    # who has no client identifier gets one that nobody else has
    A > CONNECT clean id=
    A < CONNACK 0 assignedClientIdentifier=?first
    B > CONNECT clean id=
    B < CONNACK 0 assignedClientIdentifier=!?first
    A < nothing`,

  'MQTT-3.1.3-7': `
    # the assigned identifier serves like a chosen one
    A > CONNECT id= sessionExpiryInterval=60
    A < CONNACK 0 sessionPresent=0 assignedClientIdentifier=?mine
    A subscribes ~/a:1
    A drops
    A > CONNECT id=?mine sessionExpiryInterval=60
    A < CONNACK 0 sessionPresent=1 assignedClientIdentifier=absent`,

  'MQTT-3.1.3-8': `
    # an identifier that is refused ends the connection
    A > CONNECT clean exactId=x*300 user=localhost/lane0-1/?api-version=2021-04-12
    A refused 0x85|0x87`,

  'MQTT-3.1.3-12': `
    # a user name that is no UTF-8 is malformed
    A > bytes 10 [ "MQTT" 05 82 003c 00 id"A" 0002 c328 ]
    A refused 0x81`,

  'MQTT-3.1.2-16': `
    # a user name without its flag is malformed
    A > bytes 10 [ "MQTT" 05 02 003c 00 id"A" "user" ]
    A refused 0x81`,

  'MQTT-3.1.2-17': `
    # the flag of a user name without one is malformed
    A > bytes 10 [ "MQTT" 05 82 003c 00 id"A" ]
    A refused 0x81`,

  'MQTT-3.1.2-18': `
    # a password without its flag is malformed
    A > bytes 10 [ "MQTT" 05 82 003c 00 id"A" "user" "pass" ]
    A refused 0x81`,

  'MQTT-3.1.2-19': `
    # the flag of a password without one is malformed
    A > bytes 10 [ "MQTT" 05 c2 003c 00 id"A" "user" ]
    A refused 0x81`,

  'MQTT-3.1.4-1': `
    # CONNECT that does not keep its format ends the connection
    A > CONNECT clean id=A sessionExpiryInterval=1 sessionExpiryInterval=1
    A refused 0x82
    B > CONNECT clean id=B receiveMaximum=0
    B refused 0x82
    C > CONNECT clean id=C maximumPacketSize=0
    C refused 0x82
    D > CONNECT clean id=D topicAlias=1
    D refused 0x81|0x82
    E > CONNECT clean id=E authenticationData=x
    E refused 0x82
    F > bytes 10 [ "MQTT" 05 02 003c 05 11 00 ]
    F refused 0x81`,

  'MQTT-3.1.4-2': `
    # CONNECT that its identity does not allow ends the connection
    A > CONNECT clean id=A user=somebody pass=secret
    A refused 0x86|0x87`,

  'MQTT-3.1.4-3': `
    # whoever comes later has the session; the first one is told
    A connects
    B > CONNECT clean id=A
    B < CONNACK 0 sessionPresent=0
    A closed 0x8e
    B < nothing`,

  'MQTT-3.1.4-4': `
    # a takeover with Clean Start 0 keeps the session, one with Clean Start 1 does not
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    B > CONNECT id=A sessionExpiryInterval=60
    B < CONNACK 0 sessionPresent=1
    A closed 0x8e
    B publishes ~/a mine qos=1
    B receives ~/a mine qos=1
    C > CONNECT clean id=A
    C < CONNACK 0 sessionPresent=0
    B closed 0x8e
    C publishes ~/a lost qos=1
    C < nothing`,

  'MQTT-3.1.4-5': `
    # CONNECT is answered by CONNACK, before what was sent behind it
    A > CONNECT clean id=A
    A > SUBSCRIBE 1 ~/a:1
    A > PINGREQ
    A < CONNACK 0
    A < SUBACK 1 1
    A < PINGRESP`,

  'MQTT-3.1.4-6': `
    # what follows a refused CONNECT does not happen
    A > CONNECT clean id=A pass=x user=y
    A > PUBLISH ~/a retained retain
    A > SUBSCRIBE 1 ~/a:1
    A refused 0x86|0x87
    B connects
    B subscribes ~/a:1
    B < nothing`,
}
