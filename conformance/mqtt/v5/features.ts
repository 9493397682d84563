import type { Chapter } from '../suite.ts'

/** What the specification describes without a number, and what we chose where it leaves a choice. */
export const features: Chapter = {
  'request and response': `
    # a request names where the answer goes, and the answer names the request
    A > CONNECT clean id=A requestResponseInformation=1
    A < CONNACK 0 responseInformation=present
    A subscribes ~/answers/A:1
    B connects
    B subscribes ~/requests:1
    A publishes ~/requests question qos=1 responseTopic=~/answers/A correlationData=17
    B receives ~/requests question qos=1 responseTopic=~/answers/A correlationData=17
    B publishes ~/answers/A answer qos=1 correlationData=17
    A receives ~/answers/A answer qos=1 correlationData=17 responseTopic=absent`,

  'expiry bounded': `
    # a session for ever is one for seven days, and the client is told
    A > CONNECT clean id=A sessionExpiryInterval=4294967295
    A < CONNACK 0 sessionExpiryInterval=604800
    B > CONNECT clean id=B sessionExpiryInterval=60
    B < CONNACK 0 sessionExpiryInterval=absent`,

  'expiry at DISCONNECT': `
    # DISCONNECT may make the session live longer, or end it
    A connects sessionExpiryInterval=1
    A > DISCONNECT 0x00 sessionExpiryInterval=60
    A closed
    pause 2200
    A resumes sessionExpiryInterval=60
    A > DISCONNECT 0x04 sessionExpiryInterval=0
    A closed
    A > CONNECT id=A
    A < CONNACK 0 sessionPresent=0`,

  'will of the taken over': `
    # a takeover is the end of a connection like others: the will is sent unless its delay keeps it
    B connects
    B subscribes ~/w:1
    A connects sessionExpiryInterval=60 will=~/w willPayload=first willQos=1
    C > CONNECT id=A sessionExpiryInterval=60 will=~/w willPayload=second willQos=1 will.willDelayInterval=1
    C < CONNACK 0 sessionPresent=1
    A closed 0x8e
    B receives ~/w first qos=1
    D > CONNECT id=A sessionExpiryInterval=60
    D < CONNACK 0 sessionPresent=1
    C closed 0x8e
    pause 1500
    B publishes ~/w marker qos=1
    B receives ~/w marker qos=1`,

  'will when DISCONNECT asks': `
    # 0x04 sends the will; when the session ends with it the delay ends too
    B connects
    B subscribes ~/w:1
    A connects sessionExpiryInterval=60 will=~/w willPayload=bye willQos=1 will.willDelayInterval=3600
    A > DISCONNECT 0x04 sessionExpiryInterval=0
    A closed
    B < PUBLISH ~/w bye qos=1 within=0..4000`,

  'will expiry': `
    # a will has the message properties that it was given
    B connects
    B subscribes ~/w:1
    A connects will=~/w willPayload=bye willQos=1 will.messageExpiryInterval=60 will.responseTopic=~/r will.correlationData=7 will.payloadFormatIndicator=1
    A drops
    B receives ~/w bye qos=1 messageExpiryInterval=59..60 responseTopic=~/r correlationData=7 payloadFormatIndicator=1 willDelayInterval=absent`,

  'retained with identifier': `
    # a retained message comes with the identifier of its subscription, and less its age
    A connects
    A publishes ~/a kept qos=2 retain messageExpiryInterval=60 userProperty=k:v
    B connects
    B subscribes ~/a:1 subscriptionIdentifier=7
    B receives ~/a kept qos=1 retain subscriptionIdentifier=7 messageExpiryInterval=58..60 user.k=v
    A publishes ~/a "" retain`,

  'queue with identifier': `
    # identifiers and options of a subscription hold for its queue
    A connects sessionExpiryInterval=60
    A subscribes ~/a:2,rap subscriptionIdentifier=9
    A drops
    B connects
    B publishes ~/a kept qos=2 retain
    A resumes
    A receives ~/a kept qos=2 retain subscriptionIdentifier=9
    B publishes ~/a "" retain`,

  'queue and window': `
    # a queue longer than the window comes whole and in order
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    A drops
    B connects
    B publishes ~/a 1 qos=1
    B publishes ~/a 2 qos=1
    B publishes ~/a 3 qos=1
    B publishes ~/a 4 qos=1
    A resumes receiveMaximum=2
    A < PUBLISH ~/a 1 qos=1 dup=0 id=?one
    A < PUBLISH ~/a 2 qos=1 dup=0 id=?two
    A < nothing
    A > PUBACK ?two
    A > PUBACK ?one
    A receives ~/a 3 qos=1 dup=0
    A receives ~/a 4 qos=1 dup=0`,

  'shared in turn': `
    # members of a group take turns; who is in no group gets all
    A connects
    A subscribes $share/g/~/a:1
    B connects
    B subscribes $share/g/~/a:1
    C connects
    C subscribes ~/a:1
    P connects
    P publishes ~/a 1 qos=1
    P publishes ~/a 2 qos=1
    C receives ~/a 1 qos=1
    C receives ~/a 2 qos=1
    A receives ~/a payload=1|2 qos=1
    B receives ~/a payload=1|2 qos=1
    A < nothing
    B < nothing`,

  'shared groups': `
    # each group gets a message once, and retained messages are not for groups
    P connects
    P publishes ~/a kept qos=1 retain
    A connects
    A subscribes $share/g/~/a:1 $share/h/~/a:1
    A < nothing
    P publishes ~/a x qos=1
    A receives ~/a x qos=1
    P publishes ~/a "" retain`,

  'shared after a member': `
    # what a member did not acknowledge goes to another when its session is over
    A connects
    A subscribes $share/g/~/a:1
    P connects
    P publishes ~/a 1 qos=1
    A < PUBLISH ~/a 1 qos=1
    B connects
    B subscribes $share/g/~/a:1
    A drops
    B receives ~/a 1 qos=1`,

  'shared while away': `
    # when every member is away one of them keeps the message
    A connects sessionExpiryInterval=60
    A subscribes $share/g/~/a:1
    A drops
    P connects
    P publishes ~/a 1 qos=1
    A resumes
    A receives ~/a 1 qos=1`,

  'acknowledgement of another kind': `
    # PUBACK does not acknowledge QoS 2, and PUBREC does not acknowledge QoS 1
    A connects
    A subscribes ~/a:2
    B connects
    B publishes ~/a 1 qos=2
    B publishes ~/a 2 qos=1
    A < PUBLISH ~/a 1 qos=2 id=?two
    A < PUBLISH ~/a 2 qos=1 id=?one
    A > PUBACK ?two
    A > PUBREC ?one
    A < PUBREL ?one 0x92
    A > PUBREC ?two
    A < PUBREL ?two 0
    A > PUBCOMP ?two`,

  'acknowledgement of nothing': `
    # what nobody waits for is passed over, and PUBREC is told so
    A connects
    A > PUBACK 77
    A > PUBCOMP 78
    A < nothing
    A > PUBREC 79
    A < PUBREL 79 0x92`,

  'identifier after Clean Start': `
    # Clean Start forgets what was half received
    A connects sessionExpiryInterval=60
    B connects
    B subscribes ~/a:2
    A > PUBLISH ~/a 1 qos=2 id=5
    A < PUBREC 5 0
    A drops
    A connects
    A > PUBREL 5
    A < PUBCOMP 5 0x92
    A > PUBLISH ~/a 2 qos=2 id=5
    A < PUBREC 5 0
    B receives ~/a 1 qos=2
    B receives ~/a 2 qos=2`,

  'large payload': `
    # the largest payload that fits goes through, and comes from the queue
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    B connects
    B publishes ~/a x*262144 qos=1
    A receives ~/a x*262144 qos=1
    A drops
    B publishes ~/a y*262144 qos=1
    A resumes
    A receives ~/a y*262144 qos=1`,

  'versions meet': `
    # a message of 5 reaches 3.1.1 without its properties, and back
    A > CONNECT v4 clean id=A
    A < CONNACK 0
    A subscribes ~/a:2
    B connects topicAliasMaximum=4
    B subscribes ~/b:2 subscriptionIdentifier=3
    B publishes ~/a x qos=2 contentType=text userProperty=k:v messageExpiryInterval=9 topicAlias=2
    A receives ~/a x qos=2
    A publishes ~/b y qos=2
    B receives ~/b y qos=2 subscriptionIdentifier=3`,

  'no local of another session': `
    # No Local looks at the client identifier: another session of the same device is another
    A connects
    A subscribes ~/a:1,nl
    B connects
    B subscribes ~/a:1,nl
    A publishes ~/a mine qos=1
    B receives ~/a mine qos=1
    B publishes ~/a yours qos=1
    A receives ~/a yours qos=1
    B < nothing`,

  'authentication of the wrong kind': `
    # a client with a certificate cannot authenticate again
    A connects
    A > AUTH 0x19 authenticationMethod=K8S-SAT authenticationData=token
    A closed 0x82`,
}
