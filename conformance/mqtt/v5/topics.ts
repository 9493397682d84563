import type { Chapter } from '../suite.ts'

/** 4.7 topic names and filters. */
export const topics: Chapter = {
  'MQTT-4.7.1-1': `
    # '#' stands alone in its level, and last
    A connects
    A subscribes ~/a/#:1
    A publishes ~/a parent qos=1
    A receives ~/a parent qos=1
    A publishes ~/a/b/c deep qos=1
    A receives ~/a/b/c deep qos=1
    A > SUBSCRIBE 1 ~/#/a:1
    A closed 0x81|0x82|0x8f
    B connects
    B > SUBSCRIBE 1 ~/a#:1
    B closed 0x81|0x82|0x8f`,

  'MQTT-4.7.1-2': `
    # '+' takes a whole level, an empty one too
    A connects
    A subscribes ~/+/b/+:1
    A publishes ~/a/b/c one qos=1
    A receives ~/a/b/c one qos=1
    A publishes ~//b/ two qos=1
    A receives ~//b/ two qos=1
    A publishes ~/a/b no qos=1
    A publishes ~/a/b/c/d no qos=1
    A publishes ~/b/b/b marker qos=1
    A receives ~/b/b/b marker qos=1
    A > SUBSCRIBE 1 ~/a+:1
    A closed 0x81|0x82|0x8f
    B connects
    B > SUBSCRIBE 1 ~/+a/b:1
    B closed 0x81|0x82|0x8f`,

  'MQTT-4.7.3-1': `
    # an empty filter is refused, and so is an empty topic
    A connects
    A > bytes 82 [ 0001 00 0000 01 ]
    A closed 0x81|0x82|0x8f
    B connects
    B > bytes a2 [ 0001 00 0000 ]
    B closed 0x81|0x82|0x8f
    C connects
    C > bytes 30 [ 0000 00 'x' ]
    C closed 0x81|0x82|0x90`,

  'MQTT-4.7.3-2': `
    # U+0000 in a topic or a filter is malformed
    A connects
    A > bytes 30 [ 0003 2f002f 00 'x' ]
    A closed 0x81
    B connects
    B > bytes 82 [ 0001 00 0003 2f002f 00 ]
    B closed 0x81
    C connects
    C > bytes a2 [ 0001 00 0003 2f002f ]
    C closed 0x81`,

  'MQTT-4.7.3-3': `
    # a long topic is carried; its length has two bytes, so more than 65,535 cannot be said
    A connects
    A subscribes ~/#:1
    A publishes ~/${'long'.repeat(8_000)} x qos=1
    A receives ~/${'long'.repeat(8_000)} x qos=1`,

  'MQTT-4.7.3-4': `
    # nothing is normalized: case, slashes, composed and decomposed characters are what they are
    A connects
    A subscribes ~/é:1 ~/a//b:1 ~/A:1 ~/a/:1
    A publishes ~/e\u0301 no qos=1
    A publishes ~/a/b no qos=1
    A publishes ~/a no qos=1
    A publishes ~/a/b/../b no qos=1
    A publishes ~/é one qos=1
    A receives ~/é one qos=1
    A publishes ~/a//b two qos=1
    A receives ~/a//b two qos=1
    A publishes ~/a/ three qos=1
    A receives ~/a/ three qos=1`,
}
