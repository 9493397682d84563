import type { Chapter } from '../suite.ts'

const each = (count: number, line: (id: number) => string): string =>
  Array.from({ length: count }, (_, index) => `    ${line(index + 1)}`).join('\n')

/** 4.8 subscriptions that several sessions share, 4.9 flow control. */
export const shared: Chapter = {
  'MQTT-4.8.2-1': `
    # a share name of no characters is refused; a filter that does not begin with $share/ is not shared
    A connects
    A > SUBSCRIBE 1 $share//~/a:1
    A closed 0x81|0x82|0x8f`,

  'MQTT-4.8.2-2': `
    # a share name with a wildcard, or without a filter behind it, is refused
    A connects
    A > SUBSCRIBE 1 $share/g+/~/a:1
    A closed 0x81|0x82|0x8f
    B connects
    B > SUBSCRIBE 1 $share/#/~/a:1
    B closed 0x81|0x82|0x8f
    C connects
    C > SUBSCRIBE 1 $share/g:1
    C closed 0x81|0x82|0x8f
    D connects
    D > SUBSCRIBE 1 $share/g/:1
    D closed 0x81|0x82|0x8f`,

  'MQTT-4.8.2-3': `
    # the granted QoS of the member counts, and one member gets the message
    A connects
    A subscribes $share/g/~/a:0
    B connects
    B publishes ~/a 1 qos=2
    A receives ~/a 1 qos=0
    A unsubscribes $share/g/~/a
    C connects
    C subscribes $share/g/~/a:1
    B publishes ~/a 2 qos=2
    C receives ~/a 2 qos=1
    A < nothing`,

  'MQTT-4.8.2-4': `
    # QoS 2 that began is completed to the same member
    A connects sessionExpiryInterval=60
    A subscribes $share/g/~/a:2
    P connects
    P publishes ~/a x qos=2
    A < PUBLISH ~/a x qos=2 id=?m
    B connects
    B subscribes $share/g/~/a:2
    A > PUBREC ?m
    A < PUBREL ?m 0
    A drops
    A resumes
    A < PUBREL ?m 0
    A > PUBCOMP ?m
    A < nothing
    B < nothing`,

  'MQTT-4.8.2-5': `
    # if the session of the member ends with QoS 2 on its way, nobody else gets the message
    A connects sessionExpiryInterval=60
    A subscribes $share/g/~/a:2
    P connects
    P publishes ~/a x qos=2
    A < PUBLISH ~/a x qos=2 id=?m
    B connects
    B subscribes $share/g/~/a:2
    A > PUBREC ?m
    A < PUBREL ?m
    A > DISCONNECT 0x00 sessionExpiryInterval=0
    A closed
    P publishes ~/a marker qos=1
    B receives ~/a marker qos=1`,

  'MQTT-4.8.2-6': `
    # what a member refused goes to nobody else
    A connects
    A subscribes $share/g/~/a:2
    P connects
    P publishes ~/a one qos=1
    P publishes ~/a two qos=2
    A < PUBLISH ~/a one qos=1 id=?one
    A < PUBLISH ~/a two qos=2 id=?two
    B connects
    B subscribes $share/g/~/a:2
    A > PUBACK ?one 0x80
    A > PUBREC ?two 0x83
    A < nothing
    A leaves
    P publishes ~/a marker qos=1
    B receives ~/a marker qos=1`,

  'MQTT-4.9.0-1 MQTT-3.3.4-9': `
    # no more than Receive Maximum messages wait for their acknowledgement, QoS 1 and 2 together
    A connects receiveMaximum=2
    A subscribes ~/a:2
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=2
    B publishes ~/a 3 qos=1
    B publishes ~/a 4 qos=2
    A < PUBLISH ~/a 1 qos=1 id=?one
    A < PUBLISH ~/a 2 qos=2 id=?two
    A < nothing
    A > PUBREC ?two
    A < PUBREL ?two 0
    A < nothing
    A > PUBCOMP ?two
    A < PUBLISH ~/a 3 qos=1 id=?three
    A < nothing
    A > PUBACK ?one
    A < PUBLISH ~/a 4 qos=2 id=?four
    A > PUBREC ?four 0x80
    A > PUBACK ?three
    A < nothing`,

  'MQTT-3.3.4-7': `
    # a client that exceeds the Receive Maximum with QoS 2 that it never releases is told and closed
    A > CONNECT clean id=A
    A < CONNACK 0 receiveMaximum=256
${each(256, (id) => `A > PUBLISH ~/a x qos=2 id=${id}`)}
${each(256, (id) => `A < PUBREC ${id} code=0|0x10`)}
    A > PUBLISH ~/a x qos=2 id=257
    A closed 0x93`,

  'MQTT-4.9.0-2': `
    # with a quota of 0 nothing above QoS 0 comes until a message is acknowledged
    A connects receiveMaximum=1
    A subscribes ~/a:1
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=1
    A < PUBLISH ~/a 1 qos=1 id=?one
    A < nothing
    A > PUBACK ?one
    A receives ~/a 2 qos=1`,

  'MQTT-4.9.0-3 MQTT-3.3.4-10': `
    # with a quota of 0 everything else goes on
    A connects receiveMaximum=1
    A subscribes ~/a:1 ~/b:0
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=1
    A < PUBLISH ~/a 1 qos=1 id=?one
    A > PINGREQ
    A < PINGRESP
    A > SUBSCRIBE 1 ~/c:1
    A < SUBACK 1 1
    A > UNSUBSCRIBE 2 ~/c
    A < UNSUBACK 2 0
    A > PUBLISH ~/c x qos=1 id=3
    A < PUBACK 3 code=0|0x10
    A > PUBLISH ~/c x qos=2 id=4
    A < PUBREC 4 code=0|0x10
    A > PUBREL 4
    A < PUBCOMP 4 0
    A > PUBACK ?one
    A receives ~/a 2 qos=1`,
}
