import type { Chapter } from '../suite.ts'

/** 3.8 SUBSCRIBE to 3.11 UNSUBACK. */
export const subscribe: Chapter = {
  'MQTT-3.8.1-1': `
    # SUBSCRIBE with other flags is malformed
    A connects
    A > SUBSCRIBE 1 ~/a:1 flags=0
    A closed 0x81`,

  'MQTT-3.8.3-1': `
    # a filter that is no UTF-8 is malformed
    A connects
    A > bytes 82 [ 0001 00 0002 c328 00 ]
    A closed 0x81`,

  'MQTT-3.8.3-2': `
    # SUBSCRIBE without a filter is a protocol error
    A connects
    A > SUBSCRIBE 1
    A closed 0x81|0x82
    B connects
    B > bytes 82 [ 0001 00 "~/a" ]
    B closed 0x81`,

  'MQTT-3.8.3-3': `
    # No Local: what the client itself said does not return, what others say does
    A connects
    A subscribes ~/a:1,nl
    A publishes ~/a mine qos=1
    A publishes ~/a mine
    B connects
    B publishes ~/a other qos=1
    A receives ~/a other qos=1`,

  'MQTT-3.8.3-4': `
    # No Local on a shared subscription is a protocol error
    A connects
    A > SUBSCRIBE 1 $share/g/~/a:1,nl
    A closed 0x82`,

  'MQTT-3.8.3-5': `
    # reserved options are malformed, and so is QoS 3
    A connects
    A > SUBSCRIBE 1 ~/a:0x41
    A closed 0x81|0x82
    B connects
    B > SUBSCRIBE 1 ~/a:0x81
    B closed 0x81|0x82
    C connects
    C > SUBSCRIBE 1 ~/a:0x03
    C closed 0x81|0x82`,

  'MQTT-3.8.4-1': `
    # SUBSCRIBE is answered, and from then on messages come
    A connects
    A > SUBSCRIBE 1 ~/a:1
    A < SUBACK 1 1
    B connects
    B publishes ~/a x qos=1
    A receives ~/a x qos=1`,

  'MQTT-3.8.4-2': `
    # the answer has the identifier of the request
    A connects
    A > SUBSCRIBE 65535 ~/a:1
    A > SUBSCRIBE 1 ~/b:1
    A < SUBACK 65535 1
    A < SUBACK 1 1`,

  'MQTT-3.8.4-3': `
    # the same filter again replaces: one copy comes, with the new QoS, options and identifier
    A connects
    A subscribes ~/a:2 subscriptionIdentifier=1
    A subscribes ~/a:1,nl subscriptionIdentifier=2
    A publishes ~/a mine qos=2
    B connects
    B publishes ~/a x qos=2
    A receives ~/a x qos=1 subscriptionIdentifier=2
    A subscribes ~/a:0
    B publishes ~/a y qos=2
    A receives ~/a y qos=0 subscriptionIdentifier=absent
    A < nothing`,

  'MQTT-3.8.4-4': `
    # replacing sends what is retained again and loses nothing that is on its way
    A connects receiveMaximum=1
    B connects
    B publishes ~/a kept qos=1 retain
    A subscribes ~/a:1
    A receives ~/a kept qos=1 retain=1
    B publishes ~/a one qos=1
    B publishes ~/a two qos=1
    A < PUBLISH ~/a one qos=1 id=?m
    A subscribes ~/a:1
    A > PUBACK ?m
    A receives ~/a two qos=1 retain=0
    A receives ~/a kept qos=1 retain=1
    B publishes ~/a "" retain`,

  'MQTT-3.8.4-5': `
    # several filters, one answer, each of them effective
    A connects
    A > SUBSCRIBE 1 ~/a:0 ~/b:1 ~/a:2
    A < SUBACK 1 0 1 2
    B connects
    B publishes ~/a x qos=2
    A receives ~/a x qos=2
    B publishes ~/b x qos=2
    A receives ~/b x qos=1
    A < nothing`,

  'MQTT-3.8.4-6': `
    # a code for each filter, whatever comes of it
    A connects
    A > SUBSCRIBE 1 ~/a:1 nowhere/a:1 ~/b:2 #:0
    A < SUBACK 1 1 0x87 2 0x87`,

  'MQTT-3.8.4-7': `
    # a code below 0x80 grants, one above does not
    A connects
    A > SUBSCRIBE 1 ~2/a:1 ~/a:1
    A < SUBACK 1 0x87 1
    B is 2
    B connects
    B publishes ~2/a secret qos=1
    A < nothing`,

  'MQTT-3.8.4-8': `
    # the lesser of both QoS counts
    A connects
    A subscribes ~/0:0 ~/1:1 ~/2:2
    B connects
    B publishes ~/0 x qos=2
    A receives ~/0 x qos=0
    B publishes ~/1 x qos=2
    A receives ~/1 x qos=1
    B publishes ~/1 x qos=0
    A receives ~/1 x qos=0
    B publishes ~/2 x qos=2
    A receives ~/2 x qos=2
    B publishes ~/2 x qos=1
    A receives ~/2 x qos=1
    B publishes ~/2 x qos=0
    A receives ~/2 x qos=0`,

  'MQTT-3.9.2-1 MQTT-3.9.2-2': `
    # SUBACK says why, and the reason goes rather than the packet
    A connects maximumPacketSize=30
    A > SUBSCRIBE 1 nowhere/a:1
    A < SUBACK 1 0x87 reasonString=absent
    B connects
    B > SUBSCRIBE 1 ~/a:1 nowhere/a:1
    B < SUBACK 1 1 0x87 reasonString="access/no-rule: No rule of the policy allows this filter."
    B > SUBSCRIBE 2 ~/a:1
    B < SUBACK 2 1 reasonString=absent`,

  'MQTT-3.9.3-1': `
    # the codes are in the order of the filters
    A connects
    A > SUBSCRIBE 1 ~/a:2 nowhere/b:1 ~/c:0 ~/d:1 nowhere/e:0
    A < SUBACK 1 2 0x87 0 1 0x87`,

  'MQTT-3.9.3-2': `
    # a filter that may not be has a code of the table
    A connects
    A > SUBSCRIBE 1 ~/a:0 ~/a:1 ~/a:2 $SYS/a:1
    A < SUBACK 1 0 1 2 0x87|0,1,2,0x8f`,

  'MQTT-3.10.1-1': `
    # UNSUBSCRIBE with other flags is malformed
    A connects
    A > UNSUBSCRIBE 1 ~/a flags=0
    A closed 0x81`,

  'MQTT-3.10.3-1': `
    # a filter that is no UTF-8 is malformed
    A connects
    A > bytes a2 [ 0001 00 0002 c328 ]
    A closed 0x81`,

  'MQTT-3.10.3-2': `
    # UNSUBSCRIBE without a filter is a protocol error
    A connects
    A > UNSUBSCRIBE 1
    A closed 0x81|0x82`,

  'MQTT-3.10.4-1': `
    # filters are compared character by character, not as patterns
    A connects
    A subscribes ~/a:1 ~/+:1
    A > UNSUBSCRIBE 1 ~/#
    A < UNSUBACK 1 0x11
    A > UNSUBSCRIBE 2 ~/+
    A < UNSUBACK 2 0
    B connects
    B publishes ~/b gone qos=1
    B publishes ~/a here qos=1
    A receives ~/a here qos=1`,

  'MQTT-3.10.4-2': `
    # after it no message comes
    A connects
    A subscribes ~/a:1 ~/marker:1
    A unsubscribes ~/a
    B connects
    B publishes ~/a x qos=1
    B publishes ~/a x
    B publishes ~/marker x qos=1
    A receives ~/marker x qos=1`,

  'MQTT-3.10.4-3': `
    # a delivery that began is completed
    A connects sessionExpiryInterval=60
    A subscribes ~/a:2
    B connects
    B publishes ~/a one qos=1
    B publishes ~/a two qos=2
    A < PUBLISH ~/a one qos=1 id=?one
    A < PUBLISH ~/a two qos=2 id=?two
    A unsubscribes ~/a
    A drops
    A resumes
    A < PUBLISH ~/a one qos=1 dup id=?one
    A < PUBLISH ~/a two qos=2 dup id=?two
    A > PUBACK ?one
    A > PUBREC ?two
    A < PUBREL ?two 0
    A > PUBCOMP ?two`,

  'MQTT-3.10.4-4': `
    # UNSUBSCRIBE is answered
    A connects
    A subscribes ~/a:1
    A > UNSUBSCRIBE 1 ~/a
    A < UNSUBACK 1 0`,

  'MQTT-3.10.4-5': `
    # also when nothing was subscribed, with the identifier of the request
    A connects
    A > UNSUBSCRIBE 4711 ~/a
    A < UNSUBACK 4711 0x11`,

  'MQTT-3.10.4-6': `
    # several filters, one answer, each of them effective
    A connects
    A subscribes ~/a:1 ~/b:1 ~/c:1
    A > UNSUBSCRIBE 1 ~/a ~/b ~/a
    A < UNSUBACK 1 0 0 0x11
    B connects
    B publishes ~/a x qos=1
    B publishes ~/b x qos=1
    B publishes ~/c x qos=1
    A receives ~/c x qos=1`,

  'MQTT-3.11.2-1 MQTT-3.11.2-2': `
    # UNSUBACK never exceeds what the client takes
    A connects maximumPacketSize=30
    A > UNSUBSCRIBE 1 ~/a
    A < UNSUBACK 1 0x11 reasonString=absent`,

  'MQTT-3.11.3-1': `
    # the codes are in the order of the filters
    A connects
    A subscribes ~/b:1
    A > UNSUBSCRIBE 1 ~/a ~/b ~/c
    A < UNSUBACK 1 0x11 0 0x11`,

  'MQTT-3.11.3-2': `
    # every filter has a code of the table
    A connects
    A subscribes ~/a:1
    A > UNSUBSCRIBE 1 ~/a nowhere/a
    A < UNSUBACK 1 0 0x11`,
}
