import type { Chapter } from '../suite.ts'

/** 3.8 to 3.14: SUBSCRIBE, UNSUBSCRIBE, PINGREQ and DISCONNECT. */
export const subscribe: Chapter = {
  'MQTT-3.8.1-1': `
    # SUBSCRIBE with other flags closes the connection
    A connects
    A > SUBSCRIBE 1 ~/a:1 flags=0
    A closed
    B connects
    B > SUBSCRIBE 1 ~/a:1 flags=3
    B closed`,

  'MQTT-3.8.3-1': `
    # a filter is UTF-8
    A connects
    A > bytes 82 [ 0001 0002 c328 01 ]
    A closed`,

  'MQTT-3.8.3-2': `
    # wildcards are served
    A connects
    A subscribes ~/+/x:1 ~/#:1
    B connects
    B publishes ~/y/x hello qos=1
    A receives ~/y/x hello qos=1`,

  'MQTT-3.8.3-3': `
    # SUBSCRIBE without a filter is a violation
    A connects
    A > bytes 82 02 0001
    A closed`,

  'MQTT-3.8.3-4': `
    # QoS 3 and reserved bits close the connection
    A connects
    A > SUBSCRIBE 1 ~/a:0x03
    A closed
    B connects
    B > SUBSCRIBE 1 ~/a:0x04
    B closed
    C connects
    C > SUBSCRIBE 1 ~/a:0x81
    C closed
    D connects
    D > bytes 82 [ 0001 "~/a" ]
    D closed`,

  'MQTT-3.8.4-1 MQTT-3.8.4-2': `
    # SUBACK answers, with the identifier
    A connects
    A > SUBSCRIBE 10 ~/a:1
    A > SUBSCRIBE 11 ~/b:1
    A < SUBACK 10 1
    A < SUBACK 11 1`,

  'MQTT-3.8.4-3': `
    # the same filter again replaces the subscription; what is retained comes again, and the flow goes on
    A connects
    A subscribes ~/a:1
    B connects
    B publishes ~/a kept qos=1 retain
    A receives ~/a kept qos=1 retain=0
    A subscribes ~/a:0
    A receives ~/a kept qos=0 retain=1
    B publishes ~/a next qos=1
    A receives ~/a next qos=0
    A < nothing
    A unsubscribes ~/a
    B publishes ~/a last qos=1
    A < nothing`,

  'MQTT-3.8.4-4': `
    # several filters are as several SUBSCRIBEs with one SUBACK
    A connects
    A publishes ~/a 1 qos=1 retain
    A publishes ~/b 2 qos=1 retain
    B connects
    B > SUBSCRIBE 7 ~/a:1 ~/b:0 ~/a:0
    B < SUBACK 7 1 0 0
    B < PUBLISH ~/a 1 retain
    B < PUBLISH ~/b 2 retain
    B < PUBLISH ~/a 1 retain
    B < nothing`,

  'MQTT-3.8.4-5 MQTT-3.9.3-1 MQTT-3.9.3-2': `
    # a code for each filter, in order: what was granted, or 0x80
    A connects
    A > SUBSCRIBE 5 ~2/a:1 ~/c:2 ~/a:0 ~2/#:0 ~/b:1
    A < SUBACK 5 0x80 2 0 0x80 1`,

  'MQTT-3.8.4-6': `
    # the lower of the QoS published and granted
    A connects
    A subscribes ~/0:0 ~/1:1 ~/2:2
    B connects
    B publishes ~/0 a qos=2
    B publishes ~/1 b qos=0
    B publishes ~/1 c qos=2
    B publishes ~/2 d qos=1
    B publishes ~/2 e qos=2
    A receives ~/0 a qos=0
    A receives ~/1 b qos=0
    A receives ~/1 c qos=1
    A receives ~/2 d qos=1
    A receives ~/2 e qos=2
    A < nothing`,

  'MQTT-3.10.1-1': `
    # UNSUBSCRIBE with other flags closes the connection
    A connects
    A > UNSUBSCRIBE 1 ~/a flags=0
    A closed
    B connects
    B > UNSUBSCRIBE 1 ~/a flags=6
    B closed`,

  'MQTT-3.10.3-1': `
    # a filter is UTF-8
    A connects
    A > bytes a2 [ 0001 0002 c328 ]
    A closed`,

  'MQTT-3.10.3-2': `
    # UNSUBSCRIBE without a filter is a violation
    A connects
    A > bytes a2 02 0001
    A closed`,

  'MQTT-3.10.4-1': `
    # filters are compared character by character, not matched
    A connects
    A subscribes ~/+/x:1
    A unsubscribes ~/a/x
    A unsubscribes ~/#
    A unsubscribes ~/+/X
    B connects
    B publishes ~/a/x still qos=1
    A receives ~/a/x still qos=1
    A unsubscribes ~/+/x
    B publishes ~/a/x gone qos=1
    A < nothing`,

  'MQTT-3.10.4-2': `
    # after UNSUBSCRIBE nothing new comes
    A connects
    A subscribes ~/a:1 ~/b:1
    B connects
    B publishes ~/a 1 qos=1
    A receives ~/a 1 qos=1
    A unsubscribes ~/a
    B publishes ~/a 2 qos=1
    B publishes ~/b 3 qos=1
    A receives ~/b 3 qos=1
    A < nothing`,

  'MQTT-3.10.4-3': `
    # what was being delivered is completed
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/a:2
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=2
    A < PUBLISH ~/a 1 qos=1 id=?one
    A < PUBLISH ~/a 2 qos=2 id=?two
    A unsubscribes ~/a
    A > PUBREC ?two
    A < PUBREL ?two
    A drops
    A resumes
    A < PUBLISH ~/a 1 qos=1 id=?one dup
    A < PUBREL ?two
    A > PUBACK ?one
    A > PUBCOMP ?two
    A < nothing`,

  'MQTT-3.10.4-4 MQTT-3.10.4-5': `
    # UNSUBACK answers, with the identifier, also where there was nothing
    A connects
    A subscribes ~/a:0
    A > UNSUBSCRIBE 21 ~/a
    A > UNSUBSCRIBE 22 ~/a
    A < UNSUBACK 21
    A < UNSUBACK 22`,

  'MQTT-3.10.4-6': `
    # several filters are as several UNSUBSCRIBEs with one UNSUBACK
    A connects
    A subscribes ~/a:0 ~/b:0 ~/c:0
    A > UNSUBSCRIBE 9 ~/a ~/nothing ~/c
    A < UNSUBACK 9
    B connects
    B publishes ~/a 1
    B publishes ~/b 2
    B publishes ~/c 3
    A < PUBLISH ~/b 2
    A < nothing`,

  'MQTT-3.12.4-1': `
    # PINGREQ gets PINGRESP
    A connects
    A > PINGREQ
    A < bytes d0 00
    A > bytes c000 c000
    A < bytes d0 00
    A < bytes d0 00`,

  'MQTT-3.14.1-1': `
    # DISCONNECT with reserved bits is a violation, so that the will is published
    W connects
    W subscribes ~/will:1
    A connects will=~/will willPayload=wrong willQos=1
    A > bytes e1 00
    A closed
    W receives ~/will wrong qos=1`,

  'MQTT-3.14.4-1 MQTT-3.14.4-2': `
    # after DISCONNECT the hub closes what the client has not, and what comes after it is not looked at
    W connects
    W subscribes ~/a:0
    A connects
    A > bytes e000 30 [ "~/a" 'x' ]
    A closed
    W < nothing`,
}
