import type { Chapter } from '../suite.ts'

/** 4.1 session state, 4.3 to 4.6 delivery, retry and order. */
export const delivery: Chapter = {
  'MQTT-4.1.0-1': `
    # a session without expiry lasts as long as its connection
    A connects sessionExpiryInterval=0
    A subscribes ~/a:2
    B connects
    B publishes ~/a x qos=2
    A < PUBLISH ~/a x qos=2 id=?m
    A > PUBREC ?m
    A < PUBREL ?m
    B publishes ~/a y qos=1
    A receives ~/a y qos=1
    A > PUBCOMP ?m`,

  'MQTT-4.1.0-2': `
    # the session ends with its expiry interval
    A connects sessionExpiryInterval=1
    A subscribes ~/a:1
    A drops
    B connects sessionExpiryInterval=60
    B drops
    pause 2200
    A > CONNECT id=A
    A < CONNACK 0 sessionPresent=0
    B resumes`,

  'MQTT-4.3.1-1': `
    # QoS 0 comes once, with DUP 0
    A connects sessionExpiryInterval=60
    A subscribes ~/a:0
    B connects
    B publishes ~/a x qos=1
    A receives ~/a x qos=0 dup=0
    A drops
    A resumes
    A < nothing`,

  'MQTT-4.3.2-1 MQTT-4.3.2-2': `
    # QoS 1: an unused identifier, DUP 0
    A connects
    A subscribes ~/a:1
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=1
    A < PUBLISH ~/a 1 qos=1 dup=0 id=?one
    A < PUBLISH ~/a 2 qos=1 dup=0 id=!?one id=?two
    A > PUBACK ?one
    B publishes ~/a 3 qos=1
    A < PUBLISH ~/a 3 qos=1 dup=0 id=!?two`,

  'MQTT-4.3.2-3': `
    # QoS 1: unacknowledged until PUBACK, so it comes again after a reconnect, and not after PUBACK
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    B connects
    B publishes ~/a x qos=1
    A < PUBLISH ~/a x qos=1 id=?m
    A drops
    A resumes sessionExpiryInterval=60
    A < PUBLISH ~/a x qos=1 dup id=?m
    A > PUBACK ?m
    A < nothing
    A drops
    A resumes
    A < nothing`,

  'MQTT-4.3.2-4': `
    # QoS 1: the server owns what it acknowledged, also when the publisher is gone
    B connects sessionExpiryInterval=60
    B subscribes ~/a:1
    B leaves
    A connects
    A > PUBLISH ~/a x qos=1 id=9
    A < PUBACK 9 0
    A drops
    B resumes
    B receives ~/a x qos=1`,

  'MQTT-4.3.2-5': `
    # QoS 1: after PUBACK the same identifier is a new message, DUP or not
    A connects
    B connects
    B subscribes ~/a:1
    A > PUBLISH ~/a 1 qos=1 id=1
    A < PUBACK 1 0
    A > PUBLISH ~/a 2 qos=1 id=1 dup
    A < PUBACK 1 0
    B receives ~/a 1 qos=1
    B receives ~/a 2 qos=1`,

  'MQTT-4.3.3-1 MQTT-4.3.3-2': `
    # QoS 2: an unused identifier, DUP 0
    A connects
    A subscribes ~/a:2
    B connects
    B publishes ~/a 1 qos=2
    A < PUBLISH ~/a 1 qos=2 dup=0 id=?one
    A > PUBREC ?one
    A < PUBREL ?one
    B publishes ~/a 2 qos=2
    A < PUBLISH ~/a 2 qos=2 dup=0 id=!?one`,

  'MQTT-4.3.3-3': `
    # QoS 2: unacknowledged until PUBREC, so it comes again after a reconnect
    A connects sessionExpiryInterval=60
    A subscribes ~/a:2
    B connects
    B publishes ~/a x qos=2
    A < PUBLISH ~/a x qos=2 id=?m
    A drops
    A resumes
    A < PUBLISH ~/a x qos=2 dup id=?m
    A > PUBREC ?m
    A < PUBREL ?m 0
    A > PUBCOMP ?m
    A < nothing`,

  'MQTT-4.3.3-4': `
    # QoS 2: PUBREC is answered by PUBREL; PUBREC that refuses is the end of it
    A connects
    A subscribes ~/a:2
    B connects
    B publishes ~/a 1 qos=2
    A < PUBLISH ~/a 1 qos=2 id=?one
    A > PUBREC ?one 0x10
    A < PUBREL ?one 0
    A > PUBCOMP ?one
    B publishes ~/a 2 qos=2
    A < PUBLISH ~/a 2 qos=2 id=?two
    A > PUBREC ?two 0x97
    A < nothing`,

  'MQTT-4.3.3-5': `
    # QoS 2: PUBREL is unacknowledged until PUBCOMP, so it comes again after a reconnect, and not after PUBCOMP
    A connects sessionExpiryInterval=60
    A subscribes ~/a:2
    B connects
    B publishes ~/a x qos=2
    A < PUBLISH ~/a x qos=2 id=?m
    A > PUBREC ?m
    A < PUBREL ?m 0
    A drops
    A resumes sessionExpiryInterval=60
    A < PUBREL ?m 0
    A > PUBCOMP ?m
    A < nothing
    A drops
    A resumes
    A < nothing`,

  'MQTT-4.3.3-6': `
    # QoS 2: after PUBREL the PUBLISH does not come again
    A connects sessionExpiryInterval=60
    A subscribes ~/a:2
    B connects
    B publishes ~/a x qos=2
    A < PUBLISH ~/a x qos=2 id=?m
    A > PUBREC ?m
    A < PUBREL ?m 0
    A drops
    A resumes
    A < PUBREL ?m 0
    A > PUBREC ?m
    A < PUBREL ?m 0
    A > PUBCOMP ?m
    A < nothing`,

  'MQTT-4.3.3-7': `
    # QoS 2: what was sent does not expire before its acknowledgement
    A connects sessionExpiryInterval=60
    A subscribes ~/a:2
    B connects
    B publishes ~/a x qos=2 messageExpiryInterval=1
    A < PUBLISH ~/a x qos=2 id=?m
    A drops
    pause 1500
    A resumes
    A < PUBLISH ~/a x qos=2 dup id=?m
    A > PUBREC ?m
    A < PUBREL ?m 0
    A > PUBCOMP ?m`,

  'MQTT-4.3.3-8': `
    # QoS 2: the server owns what it acknowledged, also when the publisher is gone
    B connects sessionExpiryInterval=60
    B subscribes ~/a:2
    B leaves
    A connects
    A > PUBLISH ~/a x qos=2 id=9
    A < PUBREC 9 0
    A drops
    B resumes
    B receives ~/a x qos=2`,

  'MQTT-4.3.3-9': `
    # QoS 2: after a refusal the same identifier is a new message
    A connects
    B connects
    B subscribes ~/a:2
    A > PUBLISH nowhere/a x qos=2 id=5
    A < PUBREC 5 0x87
    A > PUBLISH ~/a y qos=2 id=5
    A < PUBREC 5 0
    A > PUBREL 5
    A < PUBCOMP 5 0
    B receives ~/a y qos=2`,

  'MQTT-4.3.3-10': `
    # QoS 2: before PUBREL a repeat is answered and not delivered, also after a reconnect
    A connects sessionExpiryInterval=60
    B connects
    B subscribes ~/a:2
    A > PUBLISH ~/a once qos=2 id=5
    A < PUBREC 5 code=0|0x10
    A > PUBLISH ~/a once qos=2 id=5 dup
    A < PUBREC 5 code=0|0x10|0x91
    A drops
    A resumes
    A > PUBLISH ~/a once qos=2 id=5 dup
    A < PUBREC 5 code=0|0x10
    A > PUBREL 5
    A < PUBCOMP 5 0
    A publishes ~/a marker qos=1
    B receives ~/a once qos=2
    B receives ~/a marker qos=1`,

  'MQTT-4.3.3-11': `
    # QoS 2: PUBREL is answered by PUBCOMP with its identifier, also after a reconnect
    A connects sessionExpiryInterval=60
    A > PUBLISH ~/a x qos=2 id=77
    A < PUBREC 77 code=0|0x10
    A drops
    A resumes
    A > PUBREL 77
    A < PUBCOMP 77 0`,

  'MQTT-4.3.3-12': `
    # QoS 2: after PUBCOMP the same identifier is a new message
    A connects
    B connects
    B subscribes ~/a:2
    A > PUBLISH ~/a 1 qos=2 id=5
    A < PUBREC 5 0
    A > PUBREL 5
    A < PUBCOMP 5 0
    A > PUBLISH ~/a 2 qos=2 id=5
    A < PUBREC 5 0
    A > PUBREL 5
    A < PUBCOMP 5 0
    B receives ~/a 1 qos=2
    B receives ~/a 2 qos=2`,

  'MQTT-4.3.3-13': `
    # QoS 2: the exchange goes on when the message has expired
    A connects
    A > PUBLISH ~/a x qos=2 id=5 messageExpiryInterval=1
    A < PUBREC 5 code=0|0x10
    pause 1200
    A > PUBREL 5
    A < PUBCOMP 5 0`,

  'MQTT-4.4.0-1': `
    # nothing is sent again while the connection lasts; after it all that is unacknowledged, in order, with its identifier
    A connects sessionExpiryInterval=60 receiveMaximum=10
    A subscribes ~/a:2
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=2
    B publishes ~/a 3 qos=2
    B publishes ~/a 4 qos=1
    A < PUBLISH ~/a 1 qos=1 id=?one
    A < PUBLISH ~/a 2 qos=2 id=?two
    A < PUBLISH ~/a 3 qos=2 id=?three
    A < PUBLISH ~/a 4 qos=1 id=?four
    A > PUBREC ?two
    A < PUBREL ?two 0
    pause 500
    A < nothing
    A leaves
    B publishes ~/a 5 qos=1
    A resumes
    A << PUBREL ?two 0
    A < PUBLISH ~/a 1 qos=1 dup id=?one
    A < PUBLISH ~/a 3 qos=2 dup id=?three
    A < PUBLISH ~/a 4 qos=1 dup id=?four
    A < PUBLISH ~/a 5 qos=1 dup=0`,

  'MQTT-4.4.0-2': `
    # a refusal by the receiver ends the delivery, also after a reconnect
    A connects sessionExpiryInterval=60
    A subscribes ~/a:2
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=2
    A < PUBLISH ~/a 1 qos=1 id=?one
    A < PUBLISH ~/a 2 qos=2 id=?two
    A > PUBACK ?one 0x80
    A > PUBREC ?two 0x99
    A < nothing
    A drops
    A resumes
    A < nothing`,

  'MQTT-4.5.0-1': `
    # every session that subscribed gets the message, connected or not
    A connects
    A subscribes ~/a:1
    B connects sessionExpiryInterval=60
    B subscribes ~/+:1
    B leaves
    C connects
    C publishes ~/a x qos=1
    A receives ~/a x qos=1
    B resumes
    B receives ~/a x qos=1`,

  'MQTT-4.5.0-2': `
    # a client that does not acknowledge gets no more than its window, and loses nothing
    A connects receiveMaximum=1 sessionExpiryInterval=60
    A subscribes ~/a:1
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=1
    A < PUBLISH ~/a 1 qos=1
    A < nothing
    A drops
    A resumes
    A receives ~/a 1 qos=1 dup
    A receives ~/a 2 qos=1`,

  'MQTT-4.6.0-1': `
    # what the client sends again is taken as it was: each message once, in order
    A connects sessionExpiryInterval=60
    B connects
    B subscribes ~/a:2
    A > PUBLISH ~/a 1 qos=2 id=1
    A > PUBLISH ~/a 2 qos=2 id=2
    A < PUBREC 1 0
    A < PUBREC 2 0
    A drops
    A resumes
    A > PUBLISH ~/a 1 qos=2 id=1 dup
    A > PUBLISH ~/a 2 qos=2 id=2 dup
    A < PUBREC 1
    A < PUBREC 2
    A publishes ~/a marker qos=1
    B receives ~/a 1 qos=2
    B receives ~/a 2 qos=2
    B receives ~/a marker qos=1`,

  'MQTT-4.6.0-5': `
    # messages of one client keep their order, for each QoS, live and from the queue
    A connects
    A subscribes ~/a:2
    C connects sessionExpiryInterval=60
    C subscribes ~/a:2
    C drops
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=1
    B publishes ~/a 3 qos=2
    B publishes ~/a 4 qos=2
    A receives ~/a 1 qos=1
    A receives ~/a 2 qos=1
    A receives ~/a 3 qos=2
    A receives ~/a 4 qos=2
    C resumes
    C receives ~/a 1 qos=1
    C receives ~/a 2 qos=1
    C receives ~/a 3 qos=2
    C receives ~/a 4 qos=2`,

  'MQTT-4.6.0-6': `
    # every topic is ordered: what is sent again comes before what is new
    A connects sessionExpiryInterval=60 receiveMaximum=2
    A subscribes ~/#:1
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/b 2 qos=1
    B publishes ~/a 3 qos=1
    A < PUBLISH ~/a 1 qos=1
    A < PUBLISH ~/b 2 qos=1
    A drops
    B publishes ~/b 4 qos=1
    A resumes receiveMaximum=4
    A < PUBLISH ~/a 1 qos=1 dup
    A < PUBLISH ~/b 2 qos=1 dup
    A < PUBLISH ~/a 3 qos=1 dup=0
    A < PUBLISH ~/b 4 qos=1 dup=0`,
}
