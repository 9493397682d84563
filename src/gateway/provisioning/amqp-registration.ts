import type { Refusal, Result } from '#base'
import { type AmqpError, type SaslInit, type SaslResponse, decodeMessage, textOf } from '#wire/amqp'
import type { DeviceProvisioning, Registrant } from '#provisioning'
import type { SaslStep } from '../amqp/peer.ts'
import { readPlainParts } from '../amqp/plain.ts'
import { type Delivery, ReceiverLink } from '../amqp/receiver-link.ts'
import type { SenderLink } from '../amqp/sender-link.ts'
import type { Link } from '../amqp/session.ts'
import type { Desk } from '../desk.ts'
import { TokenBucket } from '../token-bucket.ts'
import type { Transport } from '../transport.ts'
import { readAsked, rejection, replyMessage } from './amqp-messages.ts'
import { type RegistrationReply, answerRegistrant, refusalReply } from './answers.ts'
import { registrationLimits } from './limits.ts'
import { type RegistrationName, oldestApiVersion, parseRegistrationAddress } from './names.ts'
import { maxRequestBytes } from './requests.ts'
import { type TpmInit, askForRootKey, readTpmAnswer, readTpmInit, tpmSegments } from './sasl-tpm.ts'

/*
 * A device that registers, over AMQP (azure-wire 6.4). It proves itself by SASL PLAIN, by SASL TPM, or by its certificate with the first link. From
 * then on its connection is for that one registration: its address takes links for requests and for answers, and there is no other.
 */

/** The connection, as far as registering needs it. */
export type RegisteringPeer = {
  readonly desk: Desk
  readonly provisioning: DeviceProvisioning
  readonly transport: Pick<Transport, 'address' | 'certificates'>
  /** It has proven who it is. */
  proven(): void
  /** It was refused: this is recorded. Resolves when it may be told. */
  denied(refusal: Refusal, registrationId: string): Promise<void>
  /** Ends the connection. */
  close(error: AmqpError): void
}

/** How far the mechanism TPM is: whose root key is waited for; or what still goes out before the token comes. */
type TpmStage = { readonly init: TpmInit } | { readonly name: RegistrationName; readonly left: readonly Buffer[] }

type Proven = { readonly name: RegistrationName; readonly registrant: Registrant; readonly since: number }

/** Answers that wait for credit, and requests in work, of one connection. */
const most = { waiting: 16, credit: 4 } as const
// What a message has beside its body.
const overheadBytes = 4 * 1024
const wrongAddress: AmqpError = {
  condition: 'amqp:not-allowed',
  description: 'A connection is for one registration, or for the hub, not for both.',
}

/** See the theory of operation above. */
export class AmqpRegistration {
  readonly #peer: RegisteringPeer
  readonly #requests: TokenBucket
  readonly #waiting: Buffer[] = []
  #tpm: TpmStage | undefined
  #proving: { readonly name: RegistrationName; readonly done: Promise<Result<Registrant>> } | undefined
  #proven: Proven | undefined
  #outs: readonly SenderLink[] = []
  #messages = 0

  constructor(peer: RegisteringPeer) {
    this.#peer = peer
    this.#requests = new TokenBucket(registrationLimits.requests, peer.desk.ports.clock.monotonic())
  }

  /** The peer has proven that it may register. */
  get isKnown(): boolean {
    return this.#proven !== undefined
  }

  /** Judges what came by SASL. Undefined: it is not about a registration. */
  sasl(said: SaslInit | SaslResponse): Promise<SaslStep> | SaslStep | undefined {
    if (said.type === 'sasl-response') return this.#answered(said.response)
    if (said.mechanism === 'TPM') {
      const init = readTpmInit(said.initialResponse)
      if (init === undefined) return false
      this.#tpm = { init }
      return askForRootKey
    }
    const parts = said.mechanism === 'PLAIN' ? readPlainParts(said.initialResponse) : undefined
    const name = parts === undefined ? undefined : parseRegistrationAddress(parts.user, this.#peer.provisioning.idScope)
    if (parts === undefined || name === undefined) return undefined
    return this.#prove(name, parts.token).then(({ ok }) => ok)
  }

  /** A link has come; `isOther`: the connection has proven to be something else. False: it is not about a registration, on neither side. */
  attached(link: Link, isOther: boolean): boolean {
    const name = parseRegistrationAddress(link.address, this.#peer.provisioning.idScope)
    const mine = this.#proven?.name ?? this.#proving?.name
    if (name === undefined && mine === undefined) return false
    if (name === undefined || isOther || (mine !== undefined && !isSame(name, mine))) {
      link.refuse(wrongAddress)
      return true
    }
    if (this.#proven !== undefined) this.#serve(link, this.#proven)
    else void this.#admit(link, name)
    return true
  }

  /** Called a few times a second. `now` is monotonic. */
  sweep(now: number): void {
    if (this.#proven === undefined) return
    const { registrant, since } = this.#proven
    if (this.#peer.desk.ports.clock.now() >= registrant.expiresAt)
      this.#peer.close({ condition: 'amqp:unauthorized-access', description: 'The proof has ended.' })
    else if (now - since > registrationLimits.conversationMs)
      this.#peer.close({ condition: 'amqp:resource-limit-exceeded', description: 'Registering takes too long.' })
  }

  async #answered(response: Buffer): Promise<SaslStep> {
    const stage = this.#tpm
    this.#tpm = undefined
    if (stage === undefined) return false
    const { provisioning, transport } = this.#peer
    if ('init' in stage) {
      const storageRootKey = readTpmAnswer(response)
      if (storageRootKey === undefined) return false
      const blob = await provisioning.challenge({ ...stage.init, storageRootKey, address: transport.address })
      if (!blob.ok) {
        await this.#peer.denied(blob.error, stage.init.registrationId)
        return false
      }
      return this.#nextSegment(stage.init, tpmSegments(blob.value))
    }
    // Between segments it has nothing to say.
    if (stage.left.length > 0) return this.#nextSegment(stage.name, stage.left)
    const token = readTpmAnswer(response)
    return token !== undefined && (await this.#prove(stage.name, token.toString('utf8'))).ok
  }

  #nextSegment({ idScope, registrationId }: RegistrationName, [next, ...left]: readonly Buffer[]): SaslStep {
    if (next === undefined) return false
    this.#tpm = { name: { idScope, registrationId }, left }
    return next
  }

  /** The certificate of the connection is the proof; links that come meanwhile wait for the same. */
  async #admit(link: Link, name: RegistrationName): Promise<void> {
    const { desk } = this.#peer
    try {
      this.#proving ??= { name, done: this.#prove(name, undefined) }
      const proven = await this.#proving.done
      if (proven.ok && this.#proven !== undefined) return this.#serve(link, this.#proven)
      this.#proving = undefined
      link.refuse({ condition: 'amqp:unauthorized-access', description: 'Unauthorized' })
    } catch (error) {
      desk.ports.trouble?.('a registration by AMQP', error)
      link.refuse({ condition: 'amqp:internal-error' })
    }
  }

  async #prove(name: RegistrationName, token: string | undefined): Promise<Result<Registrant>> {
    const { desk, provisioning, transport } = this.#peer
    const { idScope, registrationId } = name
    const { address } = transport
    const proven = await provisioning.authenticate({ idScope, registrationId, token, certificates: transport.certificates(), address })
    if (proven.ok) {
      this.#proven = { name, registrant: proven.value, since: desk.ports.clock.monotonic() }
      this.#peer.proven()
    } else await this.#peer.denied(proven.error, registrationId)
    return proven
  }

  #serve(link: Link, proven: Proven): void {
    if (link instanceof ReceiverLink) {
      const apiVersion = textOf(link.attach.properties.get('com.microsoft:api-version')) ?? oldestApiVersion
      link.onMessage = (delivery) => void this.#take(delivery, proven, apiVersion)
      return link.accept(maxRequestBytes + overheadBytes, most.credit)
    }
    this.#outs = [...this.#outs.filter((out) => out.isOpen), link]
    link.onCredit = () => this.#send()
    link.onClosed = () => (this.#outs = this.#outs.filter((out) => out !== link))
    link.accept()
  }

  async #take(delivery: Delivery, { name, registrant }: Proven, apiVersion: string): Promise<void> {
    const { desk, provisioning } = this.#peer
    const { clock, random } = desk.ports
    const answering = { clock, random, trouble: (error: unknown) => desk.ports.trouble?.('a registration by AMQP', error) }
    const reject = (reply: RegistrationReply) => delivery.settle({ kind: 'rejected', error: rejection(reply) })
    this.#messages++
    if (this.#messages > registrationLimits.packets)
      return this.#peer.close({ condition: 'amqp:resource-limit-exceeded', description: 'This is more than a registration takes.' })
    if (clock.now() >= registrant.expiresAt) return this.sweep(clock.monotonic())
    if (!this.#requests.take(clock.monotonic()))
      return reject(refusalReply(answering, { code: 'gateway/registration-rate', message: 'Ask less often.' }))
    const message = decodeMessage(delivery.payload)
    if (!message.ok) return reject(refusalReply(answering, { code: 'gateway/amqp-malformed', message: message.error.message }))
    const asked = readAsked(message.value, name, apiVersion)
    if (!asked.ok) return reject(refusalReply(answering, asked.error))
    const reply = await answerRegistrant(answering, provisioning, registrant, asked.value)
    if (reply.status >= 400) return reject(reply)
    delivery.settle({ kind: 'accepted' })
    if (this.#waiting.push(replyMessage(reply, message.value.properties.correlationId)) > most.waiting) this.#waiting.shift()
    this.#send()
  }

  #send(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const out = this.#outs.findLast((one) => one.isReady)
      if (out === undefined) return
      this.#waiting.shift()
      out.send({ payload: next })
    }
    for (const out of this.#outs) out.nothingLeft()
  }
}

function isSame(one: RegistrationName, other: RegistrationName): boolean {
  return (
    one.registrationId.toLowerCase() === other.registrationId.toLowerCase() && one.idScope.toLowerCase() === other.idScope.toLowerCase()
  )
}
