import type { Chapter } from '../suite.ts'

/** 3.3.2 the topic name and the properties of PUBLISH; topic aliases of both directions. */
export const properties: Chapter = {
  'MQTT-3.3.2-1': `
    # a topic that is no UTF-8 is malformed, and so is one that is cut
    A connects
    A > bytes 30 [ 0002 c328 00 'x' ]
    A closed 0x81
    B connects
    B > bytes 30 [ 0009 'abc' ]
    B closed 0x81`,

  'MQTT-3.3.2-2 MQTT-4.7.0-1': `
    # wildcards in a topic name end the connection
    A connects
    A > PUBLISH ~/+ x
    A closed 0x81|0x82|0x90
    B connects
    B > PUBLISH ~/# x
    B closed 0x81|0x82|0x90
    C connects
    C > PUBLISH ~/a+ x qos=1 id=1
    C closed 0x81|0x82|0x90`,

  'MQTT-3.3.2-3': `
    # the topic name that arrives is the one that was published, not the filter
    A connects
    A subscribes ~/+/b:1
    A publishes ~/a/b x qos=1
    A receives ~/a/b x qos=1
    A publishes ~/a/c x qos=1
    A publishes ~/c/b marker qos=1
    A receives ~/c/b marker qos=1`,

  'MQTT-3.3.2-4': `
    # Payload Format Indicator is passed on, 0 as well; 2 is a protocol error
    A connects
    A subscribes ~/a:1
    A publishes ~/a x qos=1 payloadFormatIndicator=1
    A receives ~/a x qos=1 payloadFormatIndicator=1
    A publishes ~/a x qos=1 payloadFormatIndicator=0
    A receives ~/a x qos=1 payloadFormatIndicator=0
    A publishes ~/a x qos=1
    A receives ~/a x qos=1 payloadFormatIndicator=absent
    A > PUBLISH ~/a x payloadFormatIndicator=2
    A closed 0x81|0x82`,

  'MQTT-3.3.2-5': `
    # what expired in the queue is not delivered, and what is retained expires as well
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    A drops
    B connects
    B publishes ~/a short qos=1 messageExpiryInterval=1
    B publishes ~/a long qos=1 messageExpiryInterval=60
    B publishes ~/kept short qos=1 messageExpiryInterval=1 retain
    pause 2100
    A resumes
    A receives ~/a long qos=1
    A subscribes ~/kept:1
    A < nothing`,

  'MQTT-3.3.2-6': `
    # the interval that arrives is less the time in the queue
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    A drops
    B connects
    B publishes ~/a x qos=1 messageExpiryInterval=60
    pause 2100
    A resumes
    A receives ~/a x qos=1 messageExpiryInterval=56..58
    B publishes ~/a x qos=1 messageExpiryInterval=60
    A receives ~/a x qos=1 messageExpiryInterval=59..60`,

  'MQTT-3.3.2-7': `
    # an alias does not outlive its connection
    A connects sessionExpiryInterval=60
    A > PUBLISH ~/a x qos=1 id=1 topicAlias=1
    A < PUBACK 1 code=0|0x10
    A > PUBLISH "" x qos=1 id=2 topicAlias=1
    A < PUBACK 2 code=0|0x10
    A drops
    A resumes
    A > PUBLISH "" x qos=1 id=3 topicAlias=1
    A closed 0x82|0x94`,

  'MQTT-3.3.2-8': `
    # alias 0 is refused, and so is an empty topic without an alias
    A connects
    A > PUBLISH ~/a x topicAlias=0
    A closed 0x82|0x94
    B connects
    B > PUBLISH "" x
    B closed 0x82|0x94|0x90`,

  'MQTT-3.1.2-26 MQTT-3.3.2-11': `
    # the aliases that the server gives stay within the client's maximum, and stand for their topics
    A connects topicAliasMaximum=1
    A subscribes ~/#:1
    B connects
    B publishes ~/a/rather/long/topic 1 qos=1
    B publishes ~/a/rather/long/topic 2 qos=1
    B publishes ~/a/rather/long/topic 3 qos=1
    B publishes ~/another/long/topic 4 qos=1
    A receives ~/a/rather/long/topic 1 qos=1 topicAlias=absent|1
    A receives ~/a/rather/long/topic 2 qos=1 topicAlias=absent|1
    A receives ~/a/rather/long/topic 3 qos=1 topicAlias=1 sentTopic=""
    A receives ~/another/long/topic 4 qos=1 topicAlias=absent|1`,

  'MQTT-3.1.2-27': `
    # a client that said nothing of aliases, or 0, gets none
    A connects
    C connects topicAliasMaximum=0
    A subscribes ~/#:1
    C subscribes ~/#:1
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=1
    B publishes ~/a 3 qos=1
    A receives ~/a 1 qos=1 topicAlias=absent
    A receives ~/a 2 qos=1 topicAlias=absent
    A receives ~/a 3 qos=1 topicAlias=absent
    C receives ~/a 1 qos=1 topicAlias=absent
    C receives ~/a 2 qos=1 topicAlias=absent
    C receives ~/a 3 qos=1 topicAlias=absent`,

  'MQTT-3.3.2-10 MQTT-3.3.2-12': `
    # every alias up to the server's maximum is taken, and may change its topic
    A > CONNECT clean id=A
    A < CONNACK 0 topicAliasMaximum=16
    A subscribes ~/#:1
    A publishes ~/a 1 qos=1 topicAlias=1
    A publishes ~/b 2 qos=1 topicAlias=16
    A publishes "" 3 qos=1 topicAlias=1
    A publishes "" 4 topicAlias=16
    A publishes ~/c 5 qos=2 topicAlias=1
    A publishes "" 6 qos=1 topicAlias=1
    A receives ~/a 1 qos=1
    A receives ~/b 2 qos=1
    A receives ~/a 3 qos=1
    A receives ~/b 4 qos=0
    A receives ~/c 5 qos=1
    A receives ~/c 6 qos=1`,

  'MQTT-3.3.2-13': `
    # a Response Topic that is no UTF-8 is malformed
    A connects
    A > bytes 30 [ "~/a" [ 08 0002 c328 ] 'x' ]
    A closed 0x81`,

  'MQTT-3.3.2-14': `
    # a Response Topic with a wildcard is a protocol error
    A connects
    A > PUBLISH ~/a x responseTopic=~/+/answer
    A closed 0x81|0x82|0x90
    B connects
    B > PUBLISH ~/a x responseTopic=~/#
    B closed 0x81|0x82|0x90`,

  'MQTT-3.3.2-15': `
    # Response Topic is passed on
    A connects
    A subscribes ~/a:1
    A publishes ~/a x qos=1 responseTopic=~/answers/1
    A receives ~/a x qos=1 responseTopic=~/answers/1`,

  'MQTT-3.3.2-16': `
    # Correlation Data is passed on, byte by byte
    A connects
    A subscribes ~/a:1
    B connects
    B > bytes 32 [ "~/a" 0001 [ 09 0004 00ff80fe ] 'x' ]
    B < PUBACK 1 0
    A receives ~/a x qos=1 contains=09000400ff80fe`,

  'MQTT-3.3.2-17': `
    # User Properties are passed on, empty ones and equal ones too
    A connects
    A subscribes ~/a:1
    A publishes ~/a x qos=1 userProperty=k:v userProperty=: userProperty=k:v
    A receives ~/a x qos=1 contains=2600016b000176260000000026 contains=00002600016b000176`,

  'MQTT-3.3.2-18': `
    # User Properties keep their order, also from the queue
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    A drops
    B connects
    B publishes ~/a x qos=1 userProperty=b:1 userProperty=a:2 userProperty=b:3
    A resumes
    A receives ~/a x qos=1 contains=260001620001312600016100013226000162000133`,

  'MQTT-3.3.2-19': `
    # a Content Type that is no UTF-8 is malformed
    A connects
    A > bytes 30 [ "~/a" [ 03 0002 c328 ] 'x' ]
    A closed 0x81`,

  'MQTT-3.3.2-20': `
    # Content Type is passed on
    A connects
    A subscribes ~/a:1
    A publishes ~/a x qos=1 contentType="text/plain; charset=utf-8"
    A receives ~/a x qos=1 contentType="text/plain; charset=utf-8"`,
}
