import { ownBytes } from '#base'
import type { Session } from '#broker'
import type { AttachedMethodLink, DesiredChange } from '#hub'
import { type DeviceOperation, methodTopic, operationFilters } from '#wire/azure'
import type { Desk } from '../desk.ts'
import { interestOf } from './interest.ts'
import { MessagesToDevice } from './messages-to-device.ts'
import { toClient } from './to-client.ts'
import { patchOf, requestTwin, tellDesired } from './twin-requests.ts'

/** Requests of one client that are worked on at a time; then it is not read (azure-wire 2.3). */
export const maxOperations = 16

/*
 * What IoT Hub does for a connected device beside taking telemetry: its twin, its methods, and messages to it. All of it rests on the
 * session's subscriptions, which outlive the connection: a client that resumes its session and says nothing is served as before (azure-wire 2.3).
 * Nothing here goes by the tree of subscriptions, because these topics name nobody and all devices share them.
 */
export class DeviceOperations {
  readonly #desk: Desk
  readonly #session: Session
  readonly #isResumed: boolean
  /** Called when there may be room for a request again. */
  readonly #room: () => void
  #inProcess = 0
  /** Requests whose acknowledgement waits for them; what comes after one waits too, so that acknowledgements keep their order. */
  #acknowledged = 0
  #methods: AttachedMethodLink | undefined
  #messages: MessagesToDevice | undefined
  #isOver = false

  constructor(desk: Desk, session: Session, isResumed: boolean, room: () => void) {
    this.#desk = desk
    this.#session = session
    this.#isResumed = isResumed
    this.#room = room
  }

  /** Whether the client has to wait. */
  get isFull(): boolean {
    return this.#inProcess >= maxOperations || this.#acknowledged > 0
  }

  /** The client's subscriptions may be others than before. */
  refresh(): void {
    if (this.#isOver) return
    const { desired, methods, messages } = interestOf(this.#session)
    if (desired) this.#desk.desired.add(this.#session.owner, this)
    else this.#desk.desired.remove(this.#session.owner, this)
    if (!methods) this.#detachMethods()
    else
      this.#methods ??= this.#desk.ports.hub.methods.attach(this.#session.owner, { call: (rid, name, body) => this.#call(rid, name, body) })
    if (this.#messages?.filter !== messages) {
      this.#messages?.end()
      this.#messages = messages === undefined ? undefined : new MessagesToDevice(this.#desk, this.#session, messages, this.#isResumed)
    }
  }

  /** Does what the client asks. `payload` is read before this returns. `done` is called when it is done, if somebody waits for that. */
  take(operation: DeviceOperation, payload: Buffer, done: (() => void) | undefined): void {
    if (operation.kind === 'method-answer') {
      this.#methods?.answer(operation.rid, operation.status, ownBytes(payload))
      return done?.()
    }
    const listens = this.#session.subscriptions.has(operationFilters.twinResponses)
    // Nobody would hear the answer (azure-wire 2.9).
    if (operation.kind === 'twin-get' && !listens) return done?.()
    const patch = operation.kind === 'reported' ? patchOf(payload) : undefined
    this.#inProcess++
    if (done !== undefined) this.#acknowledged++
    void requestTwin(this.#desk, this.#session, operation, patch).then(() => {
      this.#inProcess--
      if (done !== undefined) this.#acknowledged--
      if (this.#isOver) return
      done?.()
      this.#room()
    })
  }

  /** The desired properties of this client have changed. */
  desiredChanged(change: DesiredChange): void {
    tellDesired(this.#session, change)
  }

  /** Called a few times a second. */
  wake(): void {
    this.#messages?.wake()
  }

  /** The connection is gone. */
  end(): void {
    this.#isOver = true
    this.#desk.desired.remove(this.#session.owner, this)
    this.#detachMethods()
    this.#messages?.end()
  }

  #call(rid: string, name: string, body: string): void {
    this.#session.sendDirect(operationFilters.methods, toClient(this.#session, methodTopic(name, rid), Buffer.from(body)))
  }

  #detachMethods(): void {
    this.#methods?.detach()
    this.#methods = undefined
  }
}
