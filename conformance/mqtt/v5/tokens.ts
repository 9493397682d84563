import type { Chapter } from '../suite.ts'

/** 4.12 enhanced authentication with tokens of service accounts, and what only an applied policy allows. */
export const tokens: Chapter = {
  'MQTT-4.12.0-5': `
    # CONNACK and every AUTH name the method of CONNECT
    A is nobody
    A > CONNECT clean id=A authenticationMethod=K8S-SAT authenticationData=token(historian)
    A < CONNACK 0 authenticationMethod=K8S-SAT
    A > AUTH 0x19 authenticationMethod=K8S-SAT authenticationData=token(historian)
    A < AUTH 0 authenticationMethod=K8S-SAT`,

  'MQTT-4.12.0-4 right-away': `
    # a token that is good proves who, and what they may is a policy; one of another issuer proves nothing
    A is nobody
    A > CONNECT clean id=A authenticationMethod=K8S-SAT authenticationData=token(stranger)
    A refused 0x87
    B is nobody
    B > CONNECT clean id=B authenticationMethod=K8S-SAT authenticationData=token(historian,iss=other)
    B refused 0x87
    C is nobody
    C > CONNECT clean id=C authenticationMethod=K8S-SAT authenticationData=token(historian)
    C < CONNACK 0
    C subscribes ~/a:1
    C publishes ~/a x qos=1
    C receives ~/a x qos=1`,

  'MQTT-4.12.1-1': `
    # a client authenticates again by the method of CONNECT; the session goes on
    A is nobody
    A > CONNECT clean id=A authenticationMethod=K8S-SAT authenticationData=token(historian)
    A < CONNACK 0
    A subscribes ~/a
    A > AUTH 0x19 authenticationMethod=K8S-SAT authenticationData=token(historian)
    A < AUTH 0
    B connects
    B publishes ~/a x
    A receives ~/a x
    A > AUTH 0x19 authenticationMethod=OTHER authenticationData=token(historian)
    A closed 0x82`,

  'MQTT-4.12.1-2': `
    # who cannot prove it again is told so and is gone: no token, one that has ended, and one of somebody else
    A is nobody
    A > CONNECT clean id=A authenticationMethod=K8S-SAT authenticationData=token(historian)
    A < CONNACK 0
    A > AUTH 0x19 authenticationMethod=K8S-SAT authenticationData=nonsense
    A closed 0x87
    B is nobody
    B > CONNECT clean id=B authenticationMethod=K8S-SAT authenticationData=token(historian)
    B < CONNACK 0
    B > AUTH 0x19 authenticationMethod=K8S-SAT authenticationData=token(historian,exp=1)
    B closed 0x87
    C is nobody
    C > CONNECT clean id=C authenticationMethod=K8S-SAT authenticationData=token(historian)
    C < CONNACK 0
    C > AUTH 0x19 authenticationMethod=K8S-SAT authenticationData=token(stranger)
    C closed 0x87`,

  'MQTT-3.15.2-2 MQTT-3.15.2-3': `
    # AUTH never exceeds what the client takes, nor does the farewell of who cannot prove it again
    A is nobody
    A > CONNECT clean id=A authenticationMethod=K8S-SAT authenticationData=token(historian) maximumPacketSize=40
    A < CONNACK 0
    A > AUTH 0x19 authenticationMethod=K8S-SAT authenticationData=token(historian)
    A < AUTH 0 authenticationMethod=K8S-SAT reasonString=absent userProperties=absent
    A > AUTH 0x19 authenticationMethod=K8S-SAT authenticationData=nonsense
    A closed 0x87 reasonString=absent`,

  'MQTT-4.7.2-1': `
    # filters that begin with a wildcard match no topic that begins with a dollar sign; one that begins with it does
    A is nobody
    A > CONNECT clean id=A authenticationMethod=K8S-SAT authenticationData=token(historian)
    A < CONNACK 0
    B is nobody
    B > CONNECT clean id=B authenticationMethod=K8S-SAT authenticationData=token(historian)
    B < CONNACK 0
    A subscribes #:1
    B publishes $suite/~/a hidden qos=1
    A never PUBLISH $suite/~/a
    A unsubscribes #
    A never PUBLISH $suite/~/a
    C is nobody
    C > CONNECT clean id=C authenticationMethod=K8S-SAT authenticationData=token(historian)
    C < CONNACK 0
    C subscribes +/~/a:1
    C subscribes $suite/~/b:1
    B publishes $suite/~/a hidden qos=1
    B publishes devices/~/a seen qos=1
    B publishes $suite/~/b seen qos=1
    C receives devices/~/a seen qos=1
    C receives $suite/~/b seen qos=1
    C < nothing`,
}
