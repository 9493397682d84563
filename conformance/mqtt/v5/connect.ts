import type { Chapter } from '../suite.ts'

/** 3.1 CONNECT: who may come in, and how. */
export const connect: Chapter = {
  'MQTT-3.1.0-1': `
    # the first packet must be CONNECT
    A > PINGREQ
    A closed`,

  'MQTT-3.1.0-2': `
    # a second CONNECT is a protocol error
    A connects
    A > CONNECT clean id=A
    A closed 0x82`,

  'MQTT-3.1.2-5': `
    # an existing session is resumed
    A connects sessionExpiryInterval=60
    A subscribes ~/a:1
    A leaves
    B connects
    B publishes ~/a hello qos=1
    A resumes sessionExpiryInterval=60
    A receives ~/a hello qos=1 retain=0
    A < nothing`,
}
