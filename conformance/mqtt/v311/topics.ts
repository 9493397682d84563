import type { Chapter } from '../suite.ts'

/** 4.7 topics and filters, 6 WebSockets, 7 conformance. */
export const topics: Chapter = {
  'MQTT-4.7.1-1': `
    # wildcards are for filters alone, also not in a will topic
    A connects
    A > bytes 30 [ "#" 'x' ]
    A closed
    B > CONNECT clean id=B will=~/+ willPayload=x
    B closed`,

  'MQTT-4.7.1-2': `
    # the number sign stands alone on the last level, and stands for its parent too
    A connects
    A > SUBSCRIBE 1 ~/a#:0
    A closed
    B connects
    B > SUBSCRIBE 1 ~/#/a:0
    B closed
    C connects
    C subscribes ~/a/#:0
    D connects
    D publishes ~/a parent
    C < PUBLISH ~/a parent
    D publishes ~/a/b/c deep
    C < PUBLISH ~/a/b/c deep`,

  'MQTT-4.7.1-3': `
    # the plus sign stands alone on its level, and stands for one level, an empty one too
    A connects
    A > SUBSCRIBE 1 ~/a+:0
    A closed
    B connects
    B > SUBSCRIBE 1 ~/+a/b:0
    B closed
    C connects
    C subscribes ~/+/b:0
    D connects
    D publishes ~/a/b one
    D publishes ~//b two
    D publishes ~/a/b/c three
    D publishes ~/b four
    D > PUBLISH ~/a/+b five
    D closed
    C < PUBLISH ~/a/b one
    C < PUBLISH ~//b two
    C < nothing`,

  'MQTT-4.7.2-1': `
    # no client gets a filter that begins with a wildcard or a dollar sign, nor publishes below a dollar sign
    A connects
    A > SUBSCRIBE 1 #:0 +/#:0 +/a:0 $SYS/#:0 $a/b:0
    A < SUBACK 1 0x80 0x80 0x80 0x80 0x80
    A publishes $SYS/a x qos=1
    A publishes $a/b x qos=1
    A < nothing`,

  'MQTT-4.7.3-1': `
    # an empty topic or filter closes the connection
    A connects
    A > bytes 30 [ 0000 'x' ]
    A closed
    B connects
    B > bytes 82 [ 0001 0000 01 ]
    B closed
    C connects
    C > bytes a2 [ 0001 0000 ]
    C closed`,

  'MQTT-4.7.3-2': `
    # U+0000 closes the connection
    A connects
    A > bytes 32 [ 0003 610062 0001 ]
    A closed
    B connects
    B > bytes a2 [ 0001 0003 610062 ]
    B closed`,

  'MQTT-4.7.3-3': `
    # a topic of 65,535 bytes is read as any other
    A connects
    A > PUBLISH a*65535 x qos=1 id=1
    A < PUBACK 1
    A > SUBSCRIBE 2 a*65535:0
    A < SUBACK 2 0x80`,

  'MQTT-4.7.3-4': `
    # nothing is normalized: case, slashes, spaces and composition count
    A connects
    A subscribes ~/Ab:0 ~/x/:0 ~/é:0 ~/%41:0
    A > bytes 82 [ 0001 "~/a b" 00 ]
    A < SUBACK 1 0
    B connects
    B publishes ~/ab 1
    B publishes ~/x 2
    B publishes ~/e\u0301 3
    B publishes ~/ab 4
    B publishes ~/A 5
    A < nothing
    B publishes ~/Ab 6
    B publishes ~/x/ 7
    B publishes ~/é 8
    B > bytes 30 [ "~/a b" 39 ]
    B < nothing
    B publishes ~/%41 10
    A < PUBLISH ~/Ab 6
    A < PUBLISH ~/x/ 7
    A < PUBLISH ~/é 8
    A < PUBLISH "~/a b" 9
    A < PUBLISH ~/%41 10`,

  'MQTT-4.7.3-4 nats': `
    # the wildcards of another protocol are text in this one, and so are its separators
    A connects
    A subscribes ~/*:0 ~/>:0 ~/a.b:0
    B connects
    B publishes ~/a 1
    B publishes ~/a/b 2
    A < nothing
    B publishes ~/* 3
    B publishes ~/> 4
    B publishes ~/a.b 5
    A < PUBLISH ~/* 3
    A < PUBLISH ~/> 4
    A < PUBLISH ~/a.b 5`,

  'MQTT-6.0.0-1': `
    # over a WebSocket a text frame closes the connection
    A via wss
    A connects
    A > text c000
    A closed
    B via wss
    B > text 10 [ "MQTT" 04 02 003c id"B" ]
    B closed`,

  'MQTT-6.0.0-2': `
    # frames and packets need not coincide
    A via wss
    A > bytes 10 [ "MQTT" 04 02 003c id"A" ] c0
    A < CONNACK 0
    A > bytes 00 c000 c0
    A > bytes 00
    A < PINGRESP
    A < PINGRESP
    A < PINGRESP`,

  'MQTT-6.0.0-4': `
    # the hub chooses the subprotocol "mqtt"
    A via wss
    A connects
    A speaks mqtt`,

  'MQTT-7.0.0-2': `
    # a client needs nothing but this specification, and a certificate
    A connects
    A subscribes ~/a:2
    A publishes ~/a x qos=2
    A receives ~/a x qos=2
    A leaves`,

  'MQTT-7.1.1-1': `
    # what goes in comes out whole and in order, over TLS and over WebSockets in TLS
    A connects
    A subscribes ~/a:1
    B via wss
    B connects
    B > PUBLISH ~/a x*200000 qos=1 id=1
    B > PUBLISH ~/a y*200000 qos=1 id=2
    B < PUBACK 1
    B < PUBACK 2
    A receives ~/a x*200000 qos=1
    A receives ~/a y*200000 qos=1`,
}
