import { never } from '#base'
import {
  type ConnackPacket,
  type ConnectPacket,
  type FrameReader,
  type Malformed,
  type MqttPacket,
  type PublishPacket,
  type SubscribePacket,
  encode,
  reasonCodes,
} from '#wire/mqtt'
import type { Desk } from '../desk.ts'
import { type EndReason, disconnectCode } from '../end-reason.ts'
import type { ListenerLimits } from '../listener-limits.ts'
import { encodeExplained, inWords } from '../reason-string.ts'
import { tellRefused } from '../records.ts'
import { TokenBucket } from '../token-bucket.ts'
import type { Transport } from '../transport.ts'
import { type Asked, type RegistrationReply, answerRegistrant, refusalReply } from './answers.ts'
import type { Registering } from './judge-connect.ts'
import { registrationLimits } from './limits.ts'
import { maxRequestBytes, parseRegisterBody, parseRegistrationTopic, responseFilter } from './requests.ts'

/*
 * A device that registers, over MQTT (azure-wire 6.2). It is no device of the hub yet: it has no session, the broker does not know it, and it may say
 * very little. What it may say in which state is in #take and nowhere else; everything else ends the conversation.
 *
 * States: `open`; `asking` while a request is worked on, and nothing is read; `closed`.
 */

/** What a conversation takes over from the connection that it began as. */
export type Beginning = Registering & {
  readonly connect: ConnectPacket
  /** With whatever came after CONNECT. */
  readonly reader: FrameReader
  readonly transport: Transport
  readonly desk: Desk
  readonly limits: ListenerLimits
}

// What goes beside a body: topic, identifiers.
const overheadBytes = 1_024

/** See the theory of operation above. */
export class RegistrationConversation {
  readonly transport: Transport
  readonly #began: Beginning
  readonly #beganAt: number
  readonly #keepAliveMs: number
  readonly #requests: TokenBucket
  #state: 'open' | 'asking' | 'closed' = 'open'
  #lastHeard: number
  #packets = 0
  #isSubscribed = false

  constructor(began: Beginning) {
    const { transport, desk, limits, connect } = began
    const now = desk.ports.clock.monotonic()
    const { keepAliveSeconds: asked } = connect
    this.#began = began
    this.transport = transport
    this.#beganAt = now
    this.#lastHeard = now
    this.#keepAliveMs = (asked === 0 || asked > limits.keepAliveSeconds ? limits.keepAliveSeconds : asked) * 1_000
    this.#requests = new TokenBucket(registrationLimits.requests, now)
  }

  /** Tells the device that it was let in, and reads on. */
  start(): void {
    const { reader, desk, transport, limits, connect } = this.#began
    reader.allow(Math.min(limits.maxPacketBytes, maxRequestBytes + overheadBytes))
    transport.authenticated()
    desk.registering.add(this)
    void transport.gone.then(() => this.lost())
    if (this.#send(encode(acceptance(connect, this.#keepAliveMs / 1_000, limits), connect.version))) this.#goOn()
  }

  /** Takes bytes from the transport. */
  receive(chunk: Buffer): void {
    if (this.#state === 'closed') return
    this.#lastHeard = this.#began.desk.tick
    this.#began.reader.push(chunk)
    this.#work()
  }

  /** The transport is gone. */
  lost(): void {
    this.#state = 'closed'
    this.#began.desk.registering.delete(this)
  }

  /** Ends it from our side. */
  end(reason: EndReason): void {
    this.#close(disconnectCode(reason))
  }

  /** Called a few times a second. `now` is monotonic. */
  sweep(now: number): void {
    const { desk, registrant } = this.#began
    if (this.#state === 'closed') return
    if (now - this.#lastHeard > this.#keepAliveMs * 1.5) this.end('keep-alive-timeout')
    else if (desk.ports.clock.now() >= registrant.expiresAt) this.end('credential-expired')
    else if (now - this.#beganAt > registrationLimits.conversationMs) this.#close(reasonCodes['maximum-connect-time'])
  }

  #goOn(): void {
    this.#state = 'open'
    this.transport.resume()
    this.#work()
  }

  #work(): void {
    while (this.#state === 'open') {
      const packet = this.#began.reader.next()
      if (packet === undefined) return
      if (++this.#packets > registrationLimits.packets) return this.#close(reasonCodes['quota-exceeded'])
      this.#take(packet)
    }
  }

  #take(packet: MqttPacket | Malformed): void {
    const { version } = this.#began.connect
    switch (packet.type) {
      case 'publish':
        return this.#publish(packet)
      case 'subscribe':
        return this.#subscribe(packet)
      case 'unsubscribe': {
        const codes = packet.filters.map(
          (filter) => reasonCodes[filter === responseFilter && this.#isSubscribed ? 'success' : 'no-subscription-existed'],
        )
        if (packet.filters.includes(responseFilter)) this.#isSubscribed = false
        return void this.#send(encode({ type: 'unsuback', packetId: packet.packetId, reasonCodes: codes }, version))
      }
      case 'pingreq':
        return void this.#send(encode({ type: 'pingresp' }, version))
      case 'disconnect':
        return this.#close(undefined)
      case 'malformed':
        return this.#close(packet.reasonCode, inWords(packet))
      // What we publish is never acknowledged: it goes at QoS 0.
      case 'puback':
      case 'pubrec':
      case 'pubrel':
      case 'pubcomp':
      case 'auth':
      case 'connect':
      case 'connack':
      case 'suback':
      case 'unsuback':
      case 'pingresp':
        return this.#close(reasonCodes['protocol-error'])
      default:
        return never(packet)
    }
  }

  #subscribe({ packetId, subscriptions, properties }: SubscribePacket): void {
    const { version } = this.#began.connect
    // CONNACK said that there are none.
    if (properties?.subscriptionIdentifiers !== undefined) return this.#close(reasonCodes['subscription-identifiers-not-supported'])
    const codes = subscriptions.map(({ filter }) => {
      if (filter === responseFilter) return reasonCodes['granted-qos-0']
      this.#denied('A device that registers may subscribe to the answers to it alone.')
      return reasonCodes['not-authorized']
    })
    if (codes.includes(reasonCodes['granted-qos-0'])) this.#isSubscribed = true
    // At QoS 1 as far as it was asked for, as the original grants it; what is sent never needs it.
    const granted = codes.map((code, at) =>
      code === reasonCodes['granted-qos-0'] && (subscriptions[at]?.qos ?? 0) > 0 ? reasonCodes['granted-qos-1'] : code,
    )
    this.#send(encode({ type: 'suback', packetId, reasonCodes: granted }, version))
  }

  #publish(packet: PublishPacket): void {
    if (packet.qos === 2) return this.#close(reasonCodes['qos-not-supported'])
    if (packet.retain) return this.#close(reasonCodes['retain-not-supported'])
    if (packet.properties?.topicAlias !== undefined) return this.#close(reasonCodes['topic-alias-invalid'])
    const topic = parseRegistrationTopic(packet.topic)
    if (topic === undefined || !this.#isSubscribed) {
      this.#denied(
        topic === undefined ? 'A device that registers may not publish there.' : 'Nothing is asked before the answers are subscribed to.',
      )
      return this.#close(reasonCodes['not-authorized'])
    }
    const { desk, name, registrant } = this.#began
    const { clock, random, provisioning } = desk.ports
    const answering = { clock, random, trouble: (error: unknown) => desk.ports.trouble?.('a registration by MQTT', error) }
    const reply = (answer: RegistrationReply) => this.#reply(packet.packetId, topic.rid, answer)
    if (provisioning === undefined || clock.now() >= registrant.expiresAt) return this.end('credential-expired')
    if (!this.#requests.take(clock.monotonic()))
      return reply(refusalReply(answering, { code: 'gateway/registration-rate', message: 'Ask less often.' }))
    let asked: Asked
    if (topic.kind === 'operation') asked = topic
    else {
      const body = parseRegisterBody(packet.payload, name.registrationId)
      if (!body.ok) return reply(refusalReply(answering, body.error))
      const { payload, csr } = body.value
      asked = { kind: 'register', request: { payload, csr, apiVersion: name.apiVersion } }
    }
    this.#state = 'asking'
    this.transport.pause()
    void answerRegistrant(answering, provisioning, registrant, asked).then((answer) => {
      if (this.#state !== 'asking') return
      reply(answer)
      if (this.#state === 'asking') this.#goOn()
    })
  }

  /** PUBACK first, then the answer (azure-wire 6.2). */
  #reply(packetId: number | undefined, rid: string, { status, retryAfterSeconds, body }: RegistrationReply): void {
    const { version } = this.#began.connect
    const after = retryAfterSeconds === undefined ? '' : `&retry-after=${retryAfterSeconds}`
    const topic = `$dps/registrations/res/${status}/?$rid=${rid}${after}`
    const answer = encode({ type: 'publish', topic, payload: Buffer.from(body, 'ascii'), qos: 0, retain: false, dup: false }, version)
    if (answer.length > (this.#began.connect.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY))
      return this.#close(reasonCodes['packet-too-large'])
    this.#send(
      packetId === undefined
        ? answer
        : Buffer.concat([encode({ type: 'puback', packetId, reasonCode: reasonCodes.success }, version), answer]),
    )
  }

  #denied(message: string): void {
    const { desk, name } = this.#began
    const refused = { code: 'gateway/registration-denied', message, reasonCode: reasonCodes['not-authorized'] }
    tellRefused(desk, this.transport, refused, name.registrationId)
  }

  /** False: the device takes nothing of what it is sent, and was cut off. */
  #send(bytes: Buffer): boolean {
    this.#began.desk.counters.bytesOut += bytes.length
    this.transport.write(bytes)
    if (this.transport.bufferedBytes <= registrationLimits.unsentBytes) return true
    this.lost()
    this.transport.destroy()
    return false
  }

  #close(code: number | undefined, why?: string): void {
    if (this.#state === 'closed') return
    const { connect } = this.#began
    if (code !== undefined && connect.version === 5)
      this.#send(
        encodeExplained({ type: 'disconnect', reasonCode: code }, why, connect.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY),
      )
    this.lost()
    this.transport.end()
  }
}

/** What such a conversation has is told to MQTT 5; 3.1.1 has no words for it. */
function acceptance(connect: ConnectPacket, keepAliveSeconds: number, limits: ListenerLimits): ConnackPacket {
  const bare = { type: 'connack', sessionPresent: false, reasonCode: reasonCodes.success } as const
  if (connect.version === 4) return bare
  const expiry = connect.properties?.sessionExpiryInterval ?? 0
  return {
    ...bare,
    properties: {
      maximumQos: 1,
      retainAvailable: false,
      sharedSubscriptionAvailable: false,
      subscriptionIdentifierAvailable: false,
      maximumPacketSize: Math.min(limits.maxPacketBytes, maxRequestBytes + overheadBytes),
      ...(expiry === 0 ? {} : { sessionExpiryInterval: 0 }),
      ...(keepAliveSeconds === connect.keepAliveSeconds ? {} : { serverKeepAlive: keepAliveSeconds }),
    },
  }
}
