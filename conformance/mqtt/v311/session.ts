import type { Chapter } from '../suite.ts'

/** 4.1 to 4.6: session state, delivery by QoS, order. */
export const session: Chapter = {
  'MQTT-4.1.0-1': `
    # a session keeps subscriptions, what is in flight in both directions, and what waits
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/a:2 ~/b:1
    B connects
    B publishes ~/a 1 qos=2
    A < PUBLISH ~/a 1 qos=2 id=?one
    A > PUBLISH ~/c mine qos=2 id=77
    A < PUBREC 77
    A drops
    B publishes ~/b 2 qos=1
    A resumes
    A < PUBLISH ~/a 1 qos=2 id=?one dup
    A receives ~/b 2 qos=1
    A > PUBREL 77
    A < PUBCOMP 77
    A > PUBREC ?one
    A < PUBREL ?one
    A > PUBCOMP ?one
    B publishes ~/b 3 qos=1
    A receives ~/b 3 qos=1`,

  'MQTT-4.1.0-2': `
    # a session that is not kept lasts as long as its connection
    A connects
    A subscribes ~/a:2
    B connects
    B publishes ~/a 1 qos=2
    A < PUBLISH ~/a 1 qos=2 id=?one
    A < nothing
    A > PUBREC ?one
    A < PUBREL ?one
    A > PUBCOMP ?one
    B publishes ~/a 2 qos=1
    A receives ~/a 2 qos=1`,

  'MQTT-4.3.1-1': `
    # QoS 0: once, with QoS 0 and DUP 0
    A connects
    A subscribes ~/a:2
    B connects
    B publishes ~/a x qos=0
    A < PUBLISH ~/a x qos=0 dup=0 id=absent
    A < nothing`,

  'MQTT-4.3.2-1': `
    # QoS 1 of the hub: DUP 0 first, unacknowledged until PUBACK, then its own no more
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/a:1
    B connects
    B publishes ~/a x qos=1
    A < PUBLISH ~/a x qos=1 dup=0 id=?m
    A < nothing
    A drops
    A resumes
    A < PUBLISH ~/a x qos=1 dup=1 id=?m
    A > PUBACK ?m
    A < nothing
    A drops
    A resumes
    A < nothing`,

  'MQTT-4.3.2-2': `
    # QoS 1 to the hub: PUBACK, after which the same identifier is a new message
    A connects
    A subscribes ~/a:1
    B connects
    B > PUBLISH ~/a one qos=1 id=5
    B < PUBACK 5
    B > PUBLISH ~/a two qos=1 id=5 dup
    B < PUBACK 5
    A receives ~/a one qos=1
    A receives ~/a two qos=1`,

  'MQTT-4.3.3-1': `
    # QoS 2 of the hub: PUBLISH until PUBREC, then PUBREL until PUBCOMP, and no PUBLISH after PUBREL
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/a:2
    B connects
    B publishes ~/a x qos=2
    A < PUBLISH ~/a x qos=2 dup=0 id=?m
    A drops
    A resumes
    A < PUBLISH ~/a x qos=2 dup=1 id=?m
    A > PUBREC ?m
    A < PUBREL ?m
    A drops
    A resumes
    A < PUBREL ?m
    A > PUBREC ?m
    A < PUBREL ?m
    A > PUBCOMP ?m
    A < nothing
    A drops
    A resumes
    A < nothing`,

  'MQTT-4.3.3-2': `
    # QoS 2 to the hub: PUBREC each time, delivered once, PUBCOMP each time, then the identifier is free
    A connects
    A subscribes ~/a:2
    B connects
    B > PUBLISH ~/a one qos=2 id=5
    B < PUBREC 5
    B > PUBLISH ~/a one qos=2 id=5 dup
    B < PUBREC 5
    B > PUBREL 5
    B < PUBCOMP 5
    B > PUBREL 5
    B < PUBCOMP 5
    A receives ~/a one qos=2
    A < nothing
    B > PUBLISH ~/a two qos=2 id=5
    B < PUBREC 5
    B > PUBREL 5
    B < PUBCOMP 5
    A receives ~/a two qos=2`,

  'MQTT-4.3.3-2 resumed': `
    # the identifier of a message whose PUBREL has not come is remembered across connections
    A connects
    A subscribes ~/a:2
    B > CONNECT id=B
    B < CONNACK 0
    B > PUBLISH ~/a one qos=2 id=5
    B < PUBREC 5
    B drops
    B resumes
    B > PUBLISH ~/a one qos=2 id=5 dup
    B < PUBREC 5
    B > PUBREL 5
    B < PUBCOMP 5
    A receives ~/a one qos=2
    A < nothing`,

  'MQTT-4.4.0-1': `
    # unacknowledged PUBLISH and PUBREL come again at resumption, under their identifiers
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/a:2
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=2
    B publishes ~/a 3 qos=2
    A < PUBLISH ~/a 1 qos=1 id=?one
    A < PUBLISH ~/a 2 qos=2 id=?two
    A < PUBLISH ~/a 3 qos=2 id=?three
    A > PUBREC ?three
    A < PUBREL ?three
    A drops
    A resumes
    A < PUBLISH ~/a 1 qos=1 id=?one dup
    A < PUBLISH ~/a 2 qos=2 id=?two dup
    A < PUBREL ?three
    A < nothing`,

  'MQTT-4.5.0-1': `
    # a message goes to every session that matches, connected or not
    A connects
    A subscribes ~/a:1
    B > CONNECT id=B
    B < CONNACK 0
    B subscribes ~/#:1
    B drops
    C connects
    C subscribes ~/+:0 ~/b:0
    D connects
    D publishes ~/a x qos=1
    A receives ~/a x qos=1
    C receives ~/a x qos=0
    B resumes
    B receives ~/a x qos=1
    D < nothing`,

  'MQTT-4.6.0-1': `
    # what comes again comes in its first order
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/#:1
    B connects
    B publishes ~/z 1 qos=1
    B publishes ~/a 2 qos=1
    B publishes ~/m 3 qos=1
    A < PUBLISH ~/z 1 qos=1 id=?one
    A < PUBLISH ~/a 2 qos=1 id=?two
    A < PUBLISH ~/m 3 qos=1 id=?three
    A drops
    B publishes ~/b 4 qos=1
    A resumes
    A < PUBLISH ~/z 1 qos=1 id=?one dup
    A < PUBLISH ~/a 2 qos=1 id=?two dup
    A < PUBLISH ~/m 3 qos=1 id=?three dup
    A < PUBLISH ~/b 4 qos=1 dup=0`,

  'MQTT-4.6.0-2': `
    # PUBACKs come in the order of their PUBLISHes, a denied one among them
    A connects
    A > PUBLISH ~/a 1 qos=1 id=9
    A > PUBLISH devices/nobody/x 2 qos=1 id=3
    A > PUBLISH ~/b 3 qos=1 id=7
    A < PUBACK 9
    A < PUBACK 3
    A < PUBACK 7`,

  'MQTT-4.6.0-3': `
    # PUBRECs come in the order of their PUBLISHes
    A connects
    A > PUBLISH ~/a 1 qos=2 id=9
    A > PUBLISH ~/a 2 qos=2 id=3
    A > PUBLISH ~/b 3 qos=2 id=7
    A < PUBREC 9
    A < PUBREC 3
    A < PUBREC 7
    A > PUBREL 9
    A > PUBREL 3
    A > PUBREL 7
    A < PUBCOMP 9
    A < PUBCOMP 3
    A < PUBCOMP 7`,

  'MQTT-4.6.0-4': `
    # PUBRELs come in the order of their PUBRECs
    A connects
    A subscribes ~/a:2
    B connects
    B publishes ~/a 1 qos=2
    B publishes ~/a 2 qos=2
    B publishes ~/a 3 qos=2
    A < PUBLISH ~/a 1 id=?one
    A < PUBLISH ~/a 2 id=?two
    A < PUBLISH ~/a 3 id=?three
    A > PUBREC ?three
    A > PUBREC ?one
    A > PUBREC ?two
    A < PUBREL ?three
    A < PUBREL ?one
    A < PUBREL ?two`,

  'MQTT-4.6.0-5 MQTT-4.6.0-6': `
    # messages of one client, topic and QoS come in the order in which they were sent
    A connects
    A subscribes ~/#:2
    B connects
    B > PUBLISH ~/1 1 qos=1 id=1
    B > PUBLISH ~/1 2 qos=1 id=2
    B > PUBLISH ~/1 3 qos=1 id=3
    B < PUBACK 1
    B < PUBACK 2
    B < PUBACK 3
    A receives ~/1 1 qos=1
    A receives ~/1 2 qos=1
    A receives ~/1 3 qos=1
    B > PUBLISH ~/0 1
    B > PUBLISH ~/0 2
    B > PUBLISH ~/0 3
    A receives ~/0 1
    A receives ~/0 2
    A receives ~/0 3
    B publishes ~/2 1 qos=2
    B publishes ~/2 2 qos=2
    A < PUBLISH ~/2 1 qos=2 id=?one
    A < PUBLISH ~/2 2 qos=2 id=!?one`,

  'MQTT-3.6.1-1': `
    # PUBREL with other flags closes the connection
    A connects
    A > PUBLISH ~/a x qos=2 id=1
    A < PUBREC 1
    A > PUBREL 1 flags=0
    A closed
    B connects
    B > PUBREL 1 flags=3
    B closed`,

  'MQTT-4.8.0-1': `
    # a violation closes the connection on which it came, and no other
    A connects
    A subscribes ~/a:1
    B connects
    B > bytes f0 00
    B closed
    C connects
    C > bytes d0 00
    C closed
    D connects
    D > bytes 30 ff ff ff ff 01
    D closed
    A publishes ~/a alive qos=1
    A receives ~/a alive qos=1`,
}
