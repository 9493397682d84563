import type { Chapter } from '../suite.ts'

/** 3.3 PUBLISH. */
export const publish: Chapter = {
  'MQTT-3.3.1-1': `
    # what is sent again has DUP, what is sent first has not
    A > CONNECT id=A
    A < CONNACK 0
    A subscribes ~/a:1
    B connects
    B publishes ~/a x qos=1
    A < PUBLISH ~/a x qos=1 dup=0
    A drops
    A resumes
    A < PUBLISH ~/a x qos=1 dup=1`,

  'MQTT-3.3.1-2': `
    # QoS 0 with DUP is malformed, and never sent
    A connects
    A > bytes 38 [ "~/a" 'x' ]
    A closed
    B connects
    B subscribes ~/a:0
    B > PUBLISH ~/a x qos=1 dup id=1
    B < PUBLISH ~/a x qos=0 dup=0
    B < PUBACK 1`,

  'MQTT-3.3.1-3': `
    # DUP of a publisher is its own affair
    A connects
    A subscribes ~/a:1
    B connects
    B > PUBLISH ~/a x qos=1 dup id=1
    B < PUBACK 1
    A receives ~/a x qos=1 dup=0`,

  'MQTT-3.3.1-4': `
    # QoS 3 closes the connection
    A connects
    A > bytes 36 [ "~/a" 0001 'x' ]
    A closed`,

  'MQTT-3.3.1-5': `
    # a retained message keeps its QoS
    A connects
    A publishes ~/0 zero qos=0 retain
    A publishes ~/1 one qos=1 retain
    A publishes ~/2 two qos=2 retain
    A subscribes ~/0:2
    A receives ~/0 zero qos=0 retain
    A subscribes ~/1:2
    A receives ~/1 one qos=1 retain
    A subscribes ~/2:2
    A receives ~/2 two qos=2 retain
    A < nothing`,

  'MQTT-3.3.1-6': `
    # of each topic the last one comes
    A connects
    A publishes ~/a old qos=1 retain
    A publishes ~/a new qos=1 retain
    B connects
    B subscribes ~/+:1
    B receives ~/a new qos=1 retain
    B < nothing`,

  'MQTT-3.3.1-7': `
    # a retained QoS 0 message replaces what was retained
    A connects
    A publishes ~/a old qos=1 retain
    A publishes ~/a new qos=0 retain
    B connects
    B subscribes ~/a:1
    B receives ~/a new qos=0 retain
    B < nothing`,

  'MQTT-3.3.1-8 MQTT-3.3.1-9': `
    # RETAIN tells what a new subscription brought from what came to one that stood
    A connects
    A publishes ~/a before qos=1 retain
    B connects
    B subscribes ~/a:1
    B receives ~/a before qos=1 retain=1
    A publishes ~/a after qos=1 retain
    B receives ~/a after qos=1 retain=0`,

  'MQTT-3.3.1-10 MQTT-3.3.1-11': `
    # an empty retained message is passed on, removes and is not kept
    A connects
    A publishes ~/a x qos=1 retain
    B connects
    B subscribes ~/a:1
    B receives ~/a x qos=1 retain
    A > PUBLISH ~/a qos=1 id=9 retain
    A < PUBACK 9
    B receives ~/a payload= qos=1 retain=0
    C connects
    C subscribes ~/a:1
    C < nothing`,

  'MQTT-3.3.1-12': `
    # without RETAIN nothing is stored or removed
    A connects
    A publishes ~/a kept qos=1 retain
    A publishes ~/a passing qos=1
    A > PUBLISH ~/a qos=1 id=9
    A < PUBACK 9
    A publishes ~/b passing qos=1
    B connects
    B subscribes ~/+:1
    B receives ~/a kept qos=1 retain
    B < nothing`,

  'MQTT-3.3.2-1': `
    # a topic is UTF-8, and ends within its packet
    A connects
    A > bytes 30 [ 0002 c328 78 ]
    A closed
    B connects
    B > bytes 30 [ 0005 6162 ]
    B closed
    C connects
    C > bytes 30 [ 00 ]
    C closed`,

  'MQTT-3.3.2-2': `
    # a topic with a wildcard closes the connection
    A connects
    A > PUBLISH ~/+ x
    A closed
    B connects
    B > PUBLISH ~/# x qos=1 id=1
    B closed
    C connects
    C > PUBLISH ~/a+b x
    C closed`,

  'MQTT-3.3.2-3': `
    # what is delivered has the topic that was published, which matches the filter
    A connects
    A subscribes ~/+/c:0 ~/d/#:0
    B connects
    B publishes ~/b/c one
    B publishes ~/b/d two
    B publishes ~/d three
    B publishes ~/d/e/f four
    A < PUBLISH ~/b/c one
    A < PUBLISH ~/d three
    A < PUBLISH ~/d/e/f four
    A < nothing`,

  'MQTT-3.3.4-1': `
    # QoS 0 gets no answer, QoS 1 PUBACK, QoS 2 PUBREC
    A connects
    A > PUBLISH ~/a x
    A < nothing
    A > PUBLISH ~/a x qos=1 id=1
    A < PUBACK 1
    A > PUBLISH ~/a x qos=2 id=2
    A < PUBREC 2
    A > PUBREL 2
    A < PUBCOMP 2
    A < nothing`,

  'MQTT-3.3.5-1': `
    # overlapping subscriptions: the highest QoS among them is respected
    A connects
    A subscribes ~/a/+:0 ~/a/#:2 ~/a/b:1
    B connects
    B publishes ~/a/b x qos=2
    A receives ~/a/b x qos=2
    A < nothing`,

  'MQTT-3.3.5-2': `
    # a PUBLISH that the policy denies is acknowledged, and goes nowhere
    A is 2
    A connects
    A subscribes ~2/a:1
    A publishes ~2/a marker qos=1 retain
    A receives ~2/a marker qos=1
    B connects
    B publishes ~2/a stolen qos=1 retain
    B publishes ~2/a stolen qos=2
    B publishes ~2/a stolen
    A < nothing
    A subscribes ~2/a:1
    A receives ~2/a marker qos=1 retain`,
}
