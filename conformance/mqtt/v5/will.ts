import type { Chapter } from '../suite.ts'

/** The will: 3.1.2.5 to 3.1.2.7, 3.1.3.2 to 3.1.3.4. */
export const will: Chapter = {
  'MQTT-3.1.2-7': `
    # the will waits with the session and comes when the connection is lost
    B connects
    B subscribes ~/w:1
    A connects will=~/w willPayload=bye willQos=1
    B < nothing
    A drops
    B receives ~/w bye qos=1`,

  'MQTT-3.1.2-8 at-once': `
    # without a delay the will comes when the connection ends, whatever ended it
    B connects
    B subscribes ~/w:1
    A connects will=~/w willPayload=dropped willQos=1
    A drops
    B receives ~/w dropped qos=1
    C connects will=~/w willPayload=error willQos=1
    C > bytes c1 00
    C closed 0x81
    B receives ~/w error qos=1
    D connects will=~/w willPayload=asked willQos=1
    D > DISCONNECT 0x04
    D closed
    B receives ~/w asked qos=1
    E connects will=~/w willPayload=silent willQos=1 keepalive=1
    E closed 0x8d within=1000..4000
    B receives ~/w silent qos=1`,

  'MQTT-3.1.2-8 delayed': `
    # the will waits for its delay, or for the end of the session if that is sooner
    B connects
    B subscribes ~/w:1
    A connects sessionExpiryInterval=60 will=~/w willPayload=delay willQos=1 will.willDelayInterval=1
    A drops
    B < PUBLISH ~/w delay within=800..4000
    C connects sessionExpiryInterval=1 will=~/w willPayload=session willQos=1 will.willDelayInterval=3600
    C drops
    B < PUBLISH ~/w session within=800..4000
    D connects will=~/w willPayload=none willQos=1 will.willDelayInterval=3600
    D drops
    B < PUBLISH ~/w none within=0..4000`,

  'MQTT-3.1.2-8 new-session': `
    # a new connection that ends the session sends the will at once
    B connects
    B subscribes ~/w:1
    A connects sessionExpiryInterval=60 will=~/w willPayload=bye willQos=1 will.willDelayInterval=3600
    A drops
    A connects
    B receives ~/w bye qos=1`,

  'MQTT-3.1.2-9': `
    # a will that is not there is malformed
    A > bytes 10 [ "MQTT" 05 06 003c 00 id"A" ]
    A refused 0x81
    B > bytes 10 [ "MQTT" 05 06 003c 00 id"B" 00 "~/w" ]
    B refused 0x81`,

  'MQTT-3.1.2-10': `
    # a will is published once, and not after a goodbye
    B connects
    B subscribes ~/w:1
    A connects sessionExpiryInterval=60 will=~/w willPayload=once willQos=1
    A drops
    B receives ~/w once qos=1
    A resumes sessionExpiryInterval=60
    A drops
    C connects will=~/w willPayload=never willQos=1
    C leaves
    B publishes ~/w marker qos=1
    B receives ~/w marker qos=1`,

  'MQTT-3.1.2-11': `
    # will QoS without a will is malformed
    A > CONNECT clean id=A connectFlags=0x0a
    A refused 0x81`,

  'MQTT-3.1.2-12': `
    # will QoS 0, 1 and 2 are taken, 3 is malformed
    B connects
    B subscribes ~/w:2
    A connects will=~/w willPayload=0 willQos=0
    A drops
    B receives ~/w 0 qos=0
    A connects will=~/w willPayload=1 willQos=1
    A drops
    B receives ~/w 1 qos=1
    A connects will=~/w willPayload=2 willQos=2
    A drops
    B receives ~/w 2 qos=2
    C > CONNECT clean id=C will=~/w willPayload=3 willQos=3
    C refused 0x81`,

  'MQTT-3.1.2-13': `
    # will retain without a will is malformed
    A > CONNECT clean id=A connectFlags=0x22
    A refused 0x81`,

  'MQTT-3.1.2-14': `
    # a will without retain is not kept
    B connects
    B subscribes ~/w:1,rap
    A connects will=~/w willPayload=bye willQos=1
    A drops
    B receives ~/w bye qos=1 retain=0
    C connects
    C subscribes ~/w:1
    C < nothing`,

  'MQTT-3.1.2-15': `
    # a will with retain is kept
    B connects
    B subscribes ~/w:1,rap
    A connects will=~/w willPayload=bye willQos=1 willRetain
    A drops
    B receives ~/w bye qos=1 retain=1
    C connects
    C subscribes ~/w:1
    C receives ~/w bye qos=1 retain=1
    B publishes ~/w "" retain`,

  'MQTT-3.1.3-9': `
    # whoever is back within the delay is not dead
    B connects
    B subscribes ~/w:1
    A connects sessionExpiryInterval=60 will=~/w willPayload=dead willQos=1 will.willDelayInterval=1
    A drops
    A resumes sessionExpiryInterval=60
    pause 1500
    B publishes ~/w marker qos=1
    B receives ~/w marker qos=1`,

  'MQTT-3.1.3-10': `
    # user properties of a will keep their order, and its other properties come along
    B connects
    B subscribes ~/w:1
    A connects will=~/w willPayload=bye will.userProperty=b:1 will.userProperty=a:2 will.userProperty=b:3 will.contentType=text
    A drops
    B < PUBLISH ~/w bye contentType=text contains=260001620001312600016100013226000162000133 user.b=1,3`,

  'MQTT-3.1.3-11': `
    # a will topic that is no UTF-8 is malformed, and so is one with a wildcard
    A > bytes 10 [ "MQTT" 05 06 003c 00 id"A" 00 0002 c328 "x" ]
    A refused 0x81
    B > CONNECT clean id=B will=~/# willPayload=x
    B refused 0x81|0x82|0x90`,

  'MQTT-3.14.4-3': `
    # a goodbye with 0x00 discards the will, also when it waits for nothing but its delay
    B connects
    B subscribes ~/w:1
    A connects sessionExpiryInterval=60 will=~/w willPayload=dead willQos=1 will.willDelayInterval=1
    A > DISCONNECT 0x00
    A closed
    pause 1500
    B publishes ~/w marker qos=1
    B receives ~/w marker qos=1`,
}
