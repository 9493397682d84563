import type { Chapter } from '../suite.ts'

/** 3.3.1 the flags of PUBLISH, 3.3.4 its actions. */
export const publish: Chapter = {
  'MQTT-3.3.1-1': `
    # what is sent again has DUP 1
    A connects sessionExpiryInterval=60
    A subscribes ~/a:2
    B connects
    B publishes ~/a one qos=1
    B publishes ~/a two qos=2
    A < PUBLISH ~/a one qos=1 dup=0 id=?one
    A < PUBLISH ~/a two qos=2 dup=0 id=?two
    A drops
    A resumes
    A < PUBLISH ~/a one qos=1 dup=1 id=?one
    A < PUBLISH ~/a two qos=2 dup=1 id=?two`,

  'MQTT-3.3.1-2': `
    # QoS 0 with DUP is malformed
    A connects
    A > PUBLISH ~/a x dup
    A closed 0x81|0x82`,

  'MQTT-3.3.1-3': `
    # DUP is not passed on
    A connects
    B connects
    B subscribes ~/a:2
    A > PUBLISH ~/a one qos=1 dup id=1
    A < PUBACK 1 0
    A > PUBLISH ~/a two qos=2 dup id=2
    A < PUBREC 2 0
    B receives ~/a one qos=1 dup=0
    B receives ~/a two qos=2 dup=0`,

  'MQTT-3.3.1-4': `
    # QoS 3 is malformed
    A connects
    A > PUBLISH ~/a x qos=3 id=1
    A closed 0x81`,

  'MQTT-3.3.1-5': `
    # the last retained message is the one that is kept, with its QoS and properties
    A connects
    A publishes ~/a first retain qos=1
    A publishes ~/a second retain qos=2 contentType=text
    B connects
    B subscribes ~/a:2
    B receives ~/a second retain qos=2 contentType=text
    B < nothing
    A publishes ~/a third retain
    C connects
    C subscribes ~/a:2
    C receives ~/a third retain qos=0
    A publishes ~/a "" retain`,

  'MQTT-3.3.1-6': `
    # an empty retained message reaches who listens and leaves nothing behind
    A connects
    A publishes ~/a kept retain qos=1
    B connects
    B subscribes ~/a:1,rh2
    A publishes ~/a "" retain qos=1
    B receives ~/a "" qos=1 retain=0
    C connects
    C subscribes ~/a:1
    C < nothing`,

  'MQTT-3.3.1-7': `
    # nothing is not retained
    A connects
    A publishes ~/a "" retain qos=1
    B connects
    B subscribes ~/#:1
    B < nothing`,

  'MQTT-3.3.1-8': `
    # what is not to be retained changes nothing of what is
    A connects
    A publishes ~/a kept retain qos=1
    A publishes ~/a passing qos=1
    A publishes ~/a "" qos=1
    B connects
    B subscribes ~/a:1
    B receives ~/a kept retain qos=1
    B < nothing
    A publishes ~/a "" retain`,

  'MQTT-3.3.1-9': `
    # Retain Handling 0 sends what is retained at every SUBSCRIBE, for wildcards too
    A connects
    A publishes ~/a/1 one retain qos=1
    A publishes ~/a/2 two retain qos=1
    B connects
    B subscribes ~/a/1:1,rh0
    B receives ~/a/1 one retain qos=1
    B subscribes ~/a/1:1,rh0
    B receives ~/a/1 one retain qos=1
    B subscribes ~/+/2:0,rh0
    B receives ~/a/2 two retain
    A publishes ~/a/1 "" retain
    A publishes ~/a/2 "" retain`,

  'MQTT-3.3.1-10': `
    # Retain Handling 1 sends it for a new subscription only
    A connects
    A publishes ~/a kept retain qos=1
    B connects
    B subscribes ~/a:1,rh1
    B receives ~/a kept retain qos=1
    B subscribes ~/a:1,rh1
    B < nothing
    B unsubscribes ~/a
    B subscribes ~/a:1,rh1
    B receives ~/a kept retain qos=1
    A publishes ~/a "" retain`,

  'MQTT-3.3.1-11': `
    # Retain Handling 2 sends nothing; 3 is a protocol error
    A connects
    A publishes ~/a kept retain qos=1
    B connects
    B subscribes ~/a:1,rh2
    B < nothing
    B > SUBSCRIBE 9 ~/a:0x30
    B closed 0x81|0x82
    A publishes ~/a "" retain`,

  'MQTT-3.3.1-12': `
    # without Retain As Published a live message has RETAIN 0
    A connects
    B connects
    B subscribes ~/a:1
    A publishes ~/a x retain qos=1
    B receives ~/a x qos=1 retain=0
    A publishes ~/a "" retain`,

  'MQTT-3.3.1-13': `
    # with it RETAIN is as it was published
    A connects
    B connects
    B subscribes ~/a:1,rap
    A publishes ~/a one retain qos=1
    B receives ~/a one qos=1 retain=1
    A publishes ~/a two qos=1
    B receives ~/a two qos=1 retain=0
    A publishes ~/a "" retain`,

  'MQTT-3.3.4-1': `
    # QoS 0 gets nothing, QoS 1 PUBACK, QoS 2 PUBREC; nobody listening is success too
    A connects
    A > PUBLISH ~/a x
    A < nothing
    A > PUBLISH ~/a x qos=1 id=1
    A < PUBACK 1 code=0|0x10
    A > PUBLISH ~/a x qos=2 id=1
    A < PUBREC 1 code=0|0x10`,

  'MQTT-3.3.4-2': `
    # of overlapping subscriptions the greatest QoS counts
    A connects
    A subscribes ~/a:0 ~/+:2 ~/#:1
    A publishes ~/a x qos=2
    A receives ~/a x qos=2
    A publishes ~/a marker
    A receives ~/a marker`,

  'MQTT-3.3.4-3': `
    # the identifiers of overlapping subscriptions are sent
    A connects
    A subscribes ~/a:1 subscriptionIdentifier=268435455
    A subscribes ~/+:1 subscriptionIdentifier=1
    A subscribes ~/#:1
    A publishes ~/a x qos=1
    A receives ~/a x qos=1 subscriptionIdentifier=1,268435455|268435455,1
    A publishes ~/b x qos=1
    A receives ~/b x qos=1 subscriptionIdentifier=1
    A publishes ~/b/c x qos=1
    A receives ~/b/c x qos=1 subscriptionIdentifier=absent`,

  'MQTT-3.3.4-4': `
    # one copy comes, with the identifiers of all matching subscriptions and of no other
    A connects
    A subscribes ~/a:1 subscriptionIdentifier=1
    A subscribes ~/+:1 subscriptionIdentifier=2
    A subscribes ~/b:1 subscriptionIdentifier=3
    A publishes ~/a x qos=1
    A receives ~/a x qos=1 subscriptionIdentifier=1,2|2,1
    A publishes ~/b marker qos=1
    A receives ~/b marker qos=1 subscriptionIdentifier=2,3|3,2`,

  'MQTT-3.3.4-6': `
    # a Subscription Identifier in PUBLISH is a protocol error; so is 0 in SUBSCRIBE
    A connects
    A > PUBLISH ~/a x subscriptionIdentifier=1
    A closed 0x82
    B connects
    B > SUBSCRIBE 1 ~/a subscriptionIdentifier=0
    B closed 0x82
    C connects
    C > SUBSCRIBE 1 ~/a subscriptionIdentifier=1 subscriptionIdentifier=2
    C closed 0x82`,
}
