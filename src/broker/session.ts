import { type DeviceId, limits } from '#base'
import { keep, type Message, messageBytes } from './message.ts'
import type { SubscriptionOptions } from './subscription-tree.ts'

/** The way to a connected client; what the engine asks of the door. */
export interface Link {
  /** Names the connection in the journal. */
  readonly id: string
  /** Sends a PUBLISH. `packetId` is 0 for QoS 0. The link may not call back into the engine. */
  deliver(message: Message, qos: 0 | 1, packetId: number, retain: boolean, dup: boolean): void
  /** False while so many bytes wait for this client that QoS 0 messages are dropped instead. */
  readonly writable: boolean
  /** Ends the connection because the same session was opened elsewhere. */
  takenOver(): void
}

type Waiting = { readonly message: Message; readonly retain: boolean }

/**
 * What outlives a connection: subscriptions, and QoS 1 messages sent but not acknowledged or not sent yet. It belongs to the
 * authenticated identity; the client identifier only tells several sessions of one identity apart.
 */
export class Session {
  readonly owner: DeviceId
  readonly clientId: string
  /** By the filter's text, as the client sent it. */
  readonly subscriptions = new Map<string, SubscriptionOptions>()
  /** Seconds that the session outlives its connection. */
  expirySeconds = 0
  /** Monotonic milliseconds at which the connection ended; undefined while connected. */
  endedAt: number | undefined
  /** QoS 1 and 0 messages dropped because the queue was full or the client too slow. */
  dropped = 0
  #link: Link | undefined
  #receiveMaximum = 0
  #nextPacketId = 1
  readonly #inflight = new Map<number, Waiting>()
  readonly #queue: Waiting[] = []
  #queueHead = 0
  #queuedBytes = 0

  constructor(owner: DeviceId, clientId: string) {
    this.owner = owner
    this.clientId = clientId
  }

  get link(): Link | undefined {
    return this.#link
  }

  /** Messages waiting or sent and unacknowledged. */
  get backlog(): number {
    return this.#inflight.size + this.#queue.length - this.#queueHead
  }

  /** Connects the session and sends again what was not acknowledged, with DUP set [MQTT-4.4.0-1], then what waits. */
  attach(link: Link, receiveMaximum: number): void {
    this.#link = link
    this.#receiveMaximum = receiveMaximum
    this.endedAt = undefined
    for (const [packetId, { message, retain }] of this.#inflight) link.deliver(message, 1, packetId, retain, true)
    this.#pump()
  }

  detach(now: number): void {
    this.#link = undefined
    this.endedAt = now
  }

  /** Sends or queues one message at the lower of its own and the subscription's QoS. */
  send(message: Message, qos: 0 | 1, retain: boolean): void {
    if (qos === 0) {
      if (this.#link?.writable) this.#link.deliver(message, 0, 0, retain, false)
      else if (this.#link !== undefined) this.dropped++
      return
    }
    const bytes = messageBytes(message)
    if (this.#queue.length - this.#queueHead >= limits.clientQueueMessages || this.#queuedBytes + bytes > limits.clientQueueBytes) {
      this.dropped++
      return
    }
    this.#queue.push({ message: keep(message), retain })
    this.#queuedBytes += bytes
    this.#pump()
  }

  /** PUBACK. An identifier that is not in flight is ignored, as both versions allow. */
  acknowledge(packetId: number): void {
    if (this.#inflight.delete(packetId)) this.#pump()
  }

  #pump(): void {
    while (this.#link !== undefined && this.#inflight.size < this.#receiveMaximum && this.#queueHead < this.#queue.length) {
      const waiting = this.#queue[this.#queueHead]
      if (waiting === undefined) break
      this.#queueHead++
      this.#queuedBytes -= messageBytes(waiting.message)
      if (this.#queueHead > 64 && this.#queueHead * 2 > this.#queue.length) {
        this.#queue.splice(0, this.#queueHead)
        this.#queueHead = 0
      }
      const packetId = this.#freePacketId()
      this.#inflight.set(packetId, waiting)
      this.#link.deliver(waiting.message, 1, packetId, waiting.retain, false)
    }
  }

  #freePacketId(): number {
    // Receive Maximum is at most 65,535 and the loop only runs below it, so one is free.
    while (this.#inflight.has(this.#nextPacketId)) this.#nextPacketId = this.#nextPacketId === 0xffff ? 1 : this.#nextPacketId + 1
    const packetId = this.#nextPacketId
    this.#nextPacketId = packetId === 0xffff ? 1 : packetId + 1
    return packetId
  }
}
