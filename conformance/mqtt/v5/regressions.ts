import type { Chapter } from '../suite.ts'

/** What happened to other brokers (docs/regressions.md, A and B) and shows on the wire. */
export const regressions: Chapter = {
  'CVE-2017-7651': `
    # a huge length before authentication is the end, at once
    A > bytes 10 ffffff7f
    A closed within=0..3000`,

  'CVE-2023-0809': `
    # a first packet that is not CONNECT is the end, at once
    A > bytes 30 ffffff7f
    A closed within=0..3000`,

  'CVE-2023-28366': `
    # one identifier of QoS 2 repeated is one message, however often
    A connects
    B connects
    B subscribes ~/a:2
    A > PUBLISH ~/a x qos=2 id=1
    A < PUBREC 1 0
    A > PUBLISH ~/a x qos=2 id=1
    A < PUBREC 1
    A > PUBLISH ~/a y qos=2 id=1 dup
    A < PUBREC 1
    A > PUBREL 1
    A < PUBCOMP 1 0
    A > PUBREL 1
    A < PUBCOMP 1 0x92
    A publishes ~/a marker qos=1
    B receives ~/a x qos=2
    B receives ~/a marker qos=1`,

  'mosquitto-2.0.12-properties': `
    # more user properties than the limit are the end
    A connects
    A > PUBLISH ~/a x ${'userProperty=a:b '.repeat(65)}
    A closed 0x81|0x95|0x97`,

  'CVE-2021-34432': `
    # an empty topic without an alias is the end
    A connects
    A > PUBLISH "" x qos=1 id=1
    A closed 0x82|0x90`,

  'NanoMQ-2270': `
    # QoS above 0 without an identifier is the end
    A connects
    A > bytes 32 [ "~/a" ]
    A closed 0x81
    B connects
    B > bytes 34 [ "~/a" 00 ]
    B closed 0x81`,

  'NanoMQ-1042': `
    # SUBSCRIBE without its options byte is the end
    A connects
    A > bytes 82 [ 0001 00 "~/a" 01 "~/b" ]
    A closed 0x81`,

  'NanoMQ-1181': `
    # lengths that point past the packet do not read the next one
    A connects
    A > bytes 30 [ "~/a" 7f ] c000
    A closed 0x81
    B connects
    B > bytes 30 [ "~/a" [ 08 00ff 'x' ] ] c000
    B closed 0x81
    C connects
    C > bytes 30 [ 00ff 'x' ] c000
    C closed 0x81`,

  'CVE-2026-25627': `
    # a length larger than the WebSocket frame waits for the next frame
    A via wss
    A connects
    A subscribes ~/a:1
    A > bytes 30 22
    A > bytes 0002 'x'
    A > text 'x'
    A closed`,

  'CVE-2021-28166': `
    # what only a server says is the end
    A connects
    A > bytes 20 03 00 00 00
    A closed 0x81|0x82
    B connects
    B > bytes 90 04 0001 00 00
    B closed 0x81|0x82
    C connects
    C > bytes b0 04 0001 00 00
    C closed 0x81|0x82
    D connects
    D > bytes d0 00
    D closed 0x81|0x82`,

  'mosquitto-1.6.6': `
    # a topic of very many levels is the end
    A connects
    A > PUBLISH ~/${'/'.repeat(60_000)} x
    A closed 0x81|0x82|0x90
    B connects
    B > SUBSCRIBE 1 ~/${'/'.repeat(60_000)}:1
    B closed 0x81|0x82|0x8f`,

  'CVE-2018-12543': `
    # topics that begin with $ are refused like others, and nothing falls over
    A connects
    A > PUBLISH $SYS x qos=1 id=1
    A < PUBACK 1 0x87
    A > PUBLISH $ x qos=1 id=2
    A < PUBACK 2 0x87
    A > SUBSCRIBE 3 $SYS/#:1 $:1
    A < SUBACK 3 0x87 0x87
    A < nothing`,

  'mosquitto-2.0.19': `
    # a shared and a normal subscription of one filter are two; ending one leaves the other
    A connects
    A subscribes ~/a:1 $share/g/~/a:1
    B connects
    A unsubscribes $share/g/~/a
    B publishes ~/a one qos=1
    A receives ~/a one qos=1
    A subscribes $share/g/~/a:1
    A unsubscribes ~/a
    B publishes ~/a two qos=1
    A receives ~/a two qos=1
    A unsubscribes $share/g/~/a
    B publishes ~/a three qos=1
    A < nothing`,

  'CVE-2026-8741': `
    # a takeover between PUBREC and PUBREL: the message counts once, and the release is the newcomer's
    A connects sessionExpiryInterval=60
    S connects
    S subscribes ~/a:2
    A > PUBLISH ~/a once qos=2 id=1
    A < PUBREC 1 0
    B > CONNECT id=A sessionExpiryInterval=60
    B < CONNACK 0 sessionPresent=1
    A closed 0x8e
    B > PUBLISH ~/a once qos=2 id=1 dup
    B < PUBREC 1
    B > PUBREL 1
    B < PUBCOMP 1 0
    B > PUBLISH ~/a again qos=2 id=1
    B < PUBREC 1 0
    S receives ~/a once qos=2
    S receives ~/a again qos=2`,

  'CVE-2017-7650': `
    # a client identifier of wildcards opens nothing
    A > CONNECT clean exactId=+/#
    A < CONNACK 0
    A > SUBSCRIBE 1 devices/+/a:1 devices/#:1
    A < SUBACK 1 0x87 0x87
    A > PUBLISH devices/+/a x qos=1 id=1
    A closed 0x81|0x82|0x90`,

  'mosquitto-3551': `
    # another identity with the same client identifier neither ends nor gets the session
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    B is 2
    B > CONNECT clean id=A
    B < CONNACK 0 sessionPresent=0
    A publishes ~/a mine qos=1
    A receives ~/a mine qos=1
    B < nothing
    A drops
    A resumes`,

  'CVE-2026-49186': `
    # wildcards around the policy are refused, and nothing of another device arrives
    A connects
    A > SUBSCRIBE 1 #:1 +/#:1 devices/#:1 devices/+/+/a:1 ~2/#:1 $share/g/#:1 $share/g/~2/a:1
    A < SUBACK 1 0x87 0x87 0x87 0x87 0x87 0x87 0x87
    B is 2
    B connects
    B publishes ~2/a secret qos=1
    A < nothing`,

  'mosquitto-2.0.16': `
    # a will may not go where its client may not
    A > CONNECT clean id=A will=~2/a willPayload=x
    A refused 0x87`,
}
