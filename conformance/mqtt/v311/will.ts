import type { Chapter } from '../suite.ts'

/** 3.1.2.5 to 3.1.2.7 and 3.1.3.2: wills. */
export const will: Chapter = {
  'MQTT-3.1.2-8': `
    # the will is published when the connection ends without DISCONNECT: cut, or closed for a violation
    W connects
    W subscribes ~/will/+:1
    A connects will=~/will/a willPayload=gone willQos=1
    W < nothing
    A drops
    W receives ~/will/a gone qos=1
    B connects will=~/will/b willPayload=thrown-out willQos=1
    B > bytes 00 00
    B closed
    W receives ~/will/b thrown-out qos=1`,

  'MQTT-3.1.2-9': `
    # the will flag without topic or message is malformed
    A > bytes 10 [ "MQTT" 04 06 003c id"A" ]
    A closed
    B > bytes 10 [ "MQTT" 04 06 003c id"B" "~/will" ]
    B closed`,

  'MQTT-3.1.3-1 MQTT-3.1.2-9 used': `
    # client identifier, will topic and will message are read in their order, and the will QoS is used
    W connects
    W subscribes ~/will:2
    A > bytes 10 [ "MQTT" 04 16 003c id"A" "~/will" "message" ]
    A < CONNACK 0
    A drops
    W receives ~/will message qos=2`,

  'MQTT-3.1.2-10': `
    # a will is published once, and belongs to the connection that brought it
    W connects
    W subscribes ~/will:1
    A > CONNECT id=A will=~/will willPayload=once willQos=1
    A < CONNACK 0
    A drops
    W receives ~/will once qos=1
    A resumes
    A drops
    A resumes
    W < nothing`,

  'MQTT-3.1.2-11': `
    # without the will flag there is no will in the payload
    A > bytes 10 [ "MQTT" 04 02 003c id"A" "~/will" "message" ]
    A closed`,

  'MQTT-3.1.2-12': `
    # without the will flag nothing is published
    W connects
    W subscribes ~/#:1
    A connects
    A drops
    A connects
    W < nothing`,

  'MQTT-3.1.2-13': `
    # a will QoS without the will flag is malformed
    A > CONNECT id=A connectFlags=0x0a
    A closed
    B > CONNECT id=B connectFlags=0x12
    B closed`,

  'MQTT-3.1.2-14': `
    # a will QoS of 3 is malformed
    A > CONNECT clean id=A will=~/will willPayload=x willQos=3
    A closed`,

  'MQTT-3.1.2-15': `
    # will retain without the will flag is malformed
    A > CONNECT id=A connectFlags=0x22
    A closed`,

  'MQTT-3.1.2-16': `
    # without will retain the will is not retained
    W connects
    W subscribes ~/will:1
    A connects will=~/will willPayload=passing willQos=1
    A drops
    W receives ~/will passing qos=1 retain=0
    B connects
    B subscribes ~/will:1
    B < nothing`,

  'MQTT-3.1.2-17': `
    # with will retain the will is retained
    W connects
    W subscribes ~/will:1
    A connects will=~/will willPayload=staying willQos=1 willRetain=1
    A drops
    W receives ~/will staying qos=1 retain=0
    B connects
    B subscribes ~/will:1
    B receives ~/will staying qos=1 retain`,

  'MQTT-3.1.3-10': `
    # a will topic is UTF-8
    A > bytes 10 [ "MQTT" 04 06 003c id"A" 0002 c328 "x" ]
    A closed`,

  'MQTT-3.14.4-3': `
    # DISCONNECT discards the will
    W connects
    W subscribes ~/will:1
    A connects will=~/will willPayload=never willQos=1
    A leaves
    A connects
    W < nothing`,
}
