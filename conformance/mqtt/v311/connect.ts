import type { Chapter } from '../suite.ts'

/** 3.1 and 3.2: CONNECT, but for wills, and CONNACK. */
export const connect: Chapter = {
  'MQTT-3.1.0-1': `
    # whoever begins with anything but CONNECT is cut off
    A > PINGREQ
    A closed
    B > PUBLISH ~/a x
    B closed
    C > bytes 20 02 00 00
    C closed`,

  'MQTT-3.1.0-2': `
    # a second CONNECT ends the connection
    A connects
    A > CONNECT clean id=A
    A closed`,

  'MQTT-3.1.2-1': `
    # a wrong protocol name is not processed
    A > CONNECT clean id=A protocol=MQTX
    A closed
    B > CONNECT clean id=B protocol=mqtt
    B closed
    C > CONNECT clean id=C protocol=MQTTT
    C closed`,

  'MQTT-3.1.2-2': `
    # an unknown protocol level gets return code 1 (levels above 5 are told so as MQTT 5 does)
    A > CONNECT clean id=A level=3
    A refused 1
    B > CONNECT clean id=B level=0
    B refused 1
    C > bytes 10 [ "MQIsdp" 03 02 003c id"C" ]
    C refused 1`,

  'MQTT-3.1.2-3': `
    # the reserved connect flag is looked at
    A > CONNECT id=A connectFlags=3
    A closed`,

  'MQTT-3.1.2-4': `
    # without Clean Session a session is made, kept and resumed
    A > CONNECT id=A
    A < CONNACK 0 sessionPresent=0
    A subscribes ~/a:1
    A leaves
    A resumes
    B connects
    B publishes ~/a hello qos=1
    A receives ~/a hello qos=1`,

  'MQTT-3.1.2-5': `
    # QoS 1 and 2 messages wait for a session whose client is away
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/1:1 ~/2:2
    A drops
    B connects
    B publishes ~/1 one qos=1
    B publishes ~/2 two qos=2
    A resumes
    A receives ~/1 one qos=1 dup=0
    A receives ~/2 two qos=2 dup=0
    A < nothing`,

  'MQTT-3.1.2-6': `
    # Clean Session throws away what was, and is thrown away itself
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/a:1
    A leaves
    B connects
    B publishes ~/a lost qos=1
    A connects
    B publishes ~/a lost qos=1
    A < nothing
    A subscribes ~/b:1
    A leaves
    B publishes ~/b lost qos=1
    A > CONNECT id=A
    A < CONNACK 0 sessionPresent=0
    B publishes ~/b lost qos=1
    A < nothing`,

  'MQTT-3.1.2-7': `
    # a retained message outlives the session of its publisher
    A connects
    A publishes ~/a kept qos=1 retain
    A leaves
    A connects
    A leaves
    B connects
    B subscribes ~/a:1
    B receives ~/a kept qos=1 retain`,

  'MQTT-3.1.2-18': `
    # a user name without its flag is no part of a CONNECT
    A > bytes 10 [ "MQTT" 04 02 003c id"A" "user" ]
    A closed`,

  'MQTT-3.1.2-19': `
    # a user name flag without a user name is malformed
    A > bytes 10 [ "MQTT" 04 82 003c id"A" ]
    A closed`,

  'MQTT-3.1.2-20': `
    # a password without its flag is no part of a CONNECT
    A > bytes 10 [ "MQTT" 04 82 003c id"A" "user" "password" ]
    A closed`,

  'MQTT-3.1.2-21': `
    # a password flag without a password is malformed
    A > bytes 10 [ "MQTT" 04 c2 003c id"A" "user" ]
    A closed`,

  'MQTT-3.1.2-22': `
    # a password without a user name is malformed
    A > bytes 10 [ "MQTT" 04 42 003c id"A" "password" ]
    A closed`,

  'MQTT-3.1.2-24': `
    # silence of one and a half times the keep alive ends the connection, as a network failure does
    W connects
    W subscribes ~/will:1
    A connects keepalive=1 will=~/will willPayload=silent willQos=1
    B connects keepalive=1
    pause 900
    B > PINGREQ
    A closed within=100..4000
    B < PINGRESP
    B < nothing
    W receives ~/will silent qos=1`,

  'MQTT-3.1.3-2': `
    # the client identifier names the session: another one is another session
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/a:1
    B > CONNECT id=B
    B < CONNACK 0 sessionPresent=0
    A leaves
    B publishes ~/a hello qos=1
    B < nothing
    A resumes
    A receives ~/a hello qos=1`,

  'MQTT-3.1.3-2 identity': `
    # the client identifier of another identity names another session: none is resumed, none taken over
    A > CONNECT id=same
    A < CONNACK 0
    A subscribes ~/a:1
    B is 2
    B > CONNECT id=same
    B < CONNACK 0 sessionPresent=0
    A publishes ~/a mine qos=1
    A receives ~/a mine qos=1
    B < nothing`,

  'MQTT-3.1.3-3': `
    # a CONNECT without a client identifier is malformed
    A > bytes 10 [ "MQTT" 04 02 003c ]
    A closed`,

  'MQTT-3.1.3-4': `
    # a client identifier is UTF-8
    A > bytes 10 [ "MQTT" 04 02 003c 0002 c328 ]
    A closed
    B > CONNECT clean id=温度-Å
    B < CONNACK 0`,

  'MQTT-3.1.3-5': `
    # 1 to 23 letters and digits are always good
    A > CONNECT clean exactId=0
    A < CONNACK 0
    B > CONNECT clean exactId=0123456789abcdefghijklm
    B < CONNACK 0
    C > CONNECT clean exactId=nopqrstuvwxyzABCDEFGHIJ
    C < CONNACK 0
    D > CONNECT clean exactId=KLMNOPQRSTUVWXYZ
    D < CONNACK 0`,

  'MQTT-3.1.3-6': `
    # an empty client identifier gets one of its own: two of them do not meet
    A > CONNECT clean
    A < CONNACK 0 sessionPresent=0
    B > CONNECT clean
    B < CONNACK 0 sessionPresent=0
    A subscribes ~/a:1
    B publishes ~/a hello qos=1
    A receives ~/a hello qos=1
    B < nothing`,

  'MQTT-3.1.3-8 MQTT-3.1.3-9 MQTT-3.1.3-7': `
    # an empty client identifier without Clean Session gets return code 2
    A > CONNECT
    A refused 2`,

  'MQTT-3.1.3-11': `
    # a user name is UTF-8
    A > bytes 10 [ "MQTT" 04 82 003c id"A" 0002 c328 ]
    A closed`,

  'MQTT-3.1.4-1 MQTT-3.2.2-6': `
    # a CONNECT that does not conform is closed without a word
    A > bytes 10 [ "MQTT" 04 02 003c id"A" 00 ]
    A closed
    B > bytes 10 [ "MQTT" 04 02 ]
    B closed
    C > bytes 10 [ 0005 "MQTT" 04 02 003c id"C" ]
    C closed
    D > bytes 10 00
    D closed`,

  'MQTT-3.1.4-2': `
    # a client that is connected already is disconnected
    A connects
    B connects id=A
    A closed
    B < nothing`,

  'MQTT-3.1.4-3': `
    # Clean Session of the second is obeyed when it takes over
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/a:1
    B > CONNECT id=A
    B < CONNACK 0 sessionPresent=1
    A closed
    C > CONNECT id=A clean
    C < CONNACK 0 sessionPresent=0
    B closed
    C publishes ~/a x qos=1
    C < nothing`,

  'MQTT-3.1.4-4': `
    # a good CONNECT gets exactly this
    A > CONNECT clean id=A
    A < bytes 20 02 00 00`,

  'MQTT-3.1.4-5': `
    # what comes with a refused CONNECT is not looked at; with an accepted one it need not wait
    W connects
    W subscribes ~/a:1
    A > bytes 10 [ "MQTT" 03 02 003c id"A" ] 31 [ "~/a" 'x' ]
    A refused 1
    W < nothing
    W subscribes ~/a:1
    W < nothing
    B > bytes 10 [ "MQTT" 04 02 003c id"B" ] 82 [ 0001 "~/b" 00 ] c000
    B < CONNACK 0
    B < SUBACK 1 0
    B < PINGRESP`,

  'MQTT-3.2.0-1': `
    # CONNACK comes first, whatever waits
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/a:1
    A leaves
    B connects
    B publishes ~/a hello qos=1
    C > bytes 10 [ "MQTT" 04 00 003c id"A" ]
    C < CONNACK 0 sessionPresent=1
    C receives ~/a hello qos=1
    C < nothing`,

  'MQTT-3.2.2-1': `
    # Clean Session: no session is present, though there was one
    A > CONNECT id=A
    A < CONNACK 0
    A leaves
    A > CONNECT clean id=A
    A < bytes 20 02 00 00`,

  'MQTT-3.2.2-2': `
    # a session that was kept is present
    A > CONNECT id=A
    A < CONNACK 0
    A leaves
    A > CONNECT id=A
    A < bytes 20 02 01 00`,

  'MQTT-3.2.2-3': `
    # a session that was not there is not present
    A > CONNECT id=A
    A < bytes 20 02 00 00`,

  'MQTT-3.2.2-4 MQTT-3.2.2-5': `
    # a refusal never says that a session is present, and is the end
    A > CONNECT id=A
    A < CONNACK 0
    A leaves
    A > CONNECT id=A level=3
    A < bytes 20 02 00 01
    A closed
    B > CONNECT
    B < bytes 20 02 00 02
    B closed`,
}
