import { type Clock, type DeviceId, type Grant, type Instant, type Random, type Result, ok, plus, refuse } from '#base'
import type { FactOf } from '#journal'
import type { Statement, Store } from '#store'
import type {
  CloudMessage,
  CloudToDevice,
  FeedbackQueue,
  FeedbackRecord,
  LockedMessage,
  Outcome,
  QueuedMessage,
} from './cloud-to-device.ts'
import {
  type CloudToDeviceSettings,
  checkMessage,
  cloudToDeviceDefaults,
  decodeHead,
  encodeHead,
  sizeOf,
} from './cloud-to-device-message.ts'
import { FeedbackBatches, feedbackInsertion, feedbackOf, feedbackQueue, parseFeedback } from './feedback.ts'
import type { AuditedCommit } from './ports.ts'
import { type Consequence, type Ending, type Handed, LockedQueues } from './queue.ts'
import type { QueueRow } from './queue-rows.ts'
import { lockLost, openServiceQueue, serviceQueueDefaults, settle } from './queue-service.ts'

/** What is told of messages. */
export type MessageFact = FactOf<'c2d-enqueued' | 'c2d-completed' | 'c2d-dead-lettered' | 'c2d-purged' | 'service-messages-dropped'>

/** What messages to devices ask of others. `generationOf` is undefined for what is not registered. */
export type CloudToDevicePorts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly commit: AuditedCommit
  readonly tell: (fact: MessageFact) => void
  readonly generationOf: (identity: DeviceId) => string | undefined
  readonly trouble: (what: string, error: unknown) => void
  readonly settings?: CloudToDeviceSettings
}

/** The queues of messages to devices, and of the feedback on them. */
export type OpenedMessages = Disposable & {
  readonly messages: CloudToDevice
  readonly feedback: FeedbackQueue
  /** Rows to delete in the commit that removes an identity. */
  readonly removing: (identity: DeviceId) => readonly Statement[]
  /** The identity is removed. */
  readonly removed: (identity: DeviceId) => void
}

/** Opens the queues on their rows (from `hubQueueMigrations`). Throws the store's Faults. */
export async function openMessages(ports: CloudToDevicePorts, signal: AbortSignal): Promise<OpenedMessages> {
  signal.throwIfAborted()
  const settings = ports.settings ?? cloudToDeviceDefaults
  using scope = new DisposableStack()
  const { queue: feedback, queues: feedbackQueues } = await openServiceQueue<readonly FeedbackRecord[], 'c2d.feedback'>(
    'feedback',
    feedbackQueue,
    ports,
    serviceQueueDefaults,
    parseFeedback,
    Number,
  )
  scope.use(feedbackQueues)
  const batches = scope.use(await FeedbackBatches.open(feedbackQueues, ports, ports.tell))
  const rules = {
    family: 'c2d',
    maxMessages: settings.messagesPerIdentity,
    maxDeliveryCount: settings.maxDeliveryCount,
    ending: (end: Ending) => consequenceOf(end, ports, batches),
  } as const
  const queues = scope.use(await LockedQueues.open(rules, ports))
  const opened = scope.move()
  return {
    messages: cloudToDevice(queues, ports, settings),
    feedback,
    removing: (identity) => [queues.clearing(identity)],
    removed: (identity) => queues.forget(identity),
    [Symbol.dispose]: () => opened.dispose(),
  }
}

function cloudToDevice(queues: LockedQueues, ports: CloudToDevicePorts, settings: CloudToDeviceSettings): CloudToDevice {
  return {
    send: (grant, identity, message) => send(queues, ports, settings, grant, identity, message),
    async receive(identity, lockSeconds) {
      for (;;) {
        const handed = await queues.receive(identity, lockSeconds === undefined ? settings.lockMs : lockSeconds * 1000)
        if (handed === undefined) return undefined
        const head = decodeHead(handed.head)
        // Sent to an earlier device of this name, on its way while that was removed.
        if (head.generation === ports.generationOf(identity)) return lockedOf(handed)
        await queues.end(identity, handed.token, 'gone')
      }
    },
    async settle(identity: DeviceId, lockToken: string, outcome: Outcome): Promise<Result<void>> {
      return (await settle(queues, identity, lockToken, outcome)) ? ok(undefined) : lockLost()
    },
    unlock(identity, lockToken, wasWritten = false) {
      queues.giveBack(identity, lockToken, wasWritten).catch((error: unknown) => ports.trouble('giving a message back to its queue', error))
    },
    onReady: (identity, listener) => queues.onReady(identity, listener),
    count: (identity) => queues.count(identity),
    async list(_grant, identity) {
      return (await queues.list(identity)).map(({ row, lockedUntil }) => queuedOf(row, lockedUntil))
    },
    purge: (grant, identity) => purge(queues, ports, grant, identity),
  }
}

async function send(
  queues: LockedQueues,
  ports: CloudToDevicePorts,
  settings: CloudToDeviceSettings,
  grant: Grant<'c2d.send'>,
  identity: DeviceId,
  message: CloudMessage,
): Promise<Result<{ readonly sequenceNumber: number }>> {
  const generation = ports.generationOf(identity)
  if (generation === undefined) return refuse('hub/device-not-found', `Nothing is registered as ${identity}.`)
  const now = ports.clock.now()
  const bounded = checkMessage(message, settings, now)
  if (!bounded.ok) return bounded
  const expiresAt = message.expiresAt ?? plus(now, settings.defaultTtlMs)
  const sequenceNumber = await queues.enqueue(identity, { expiresAt, head: encodeHead(message, generation), body: message.body })
  if (sequenceNumber === undefined)
    return refuse('hub/queue-full', `At most ${settings.messagesPerIdentity} messages can wait for one device.`)
  const actor = `${grant.actor.kind}:${grant.actor.id}`
  const bytes = sizeOf(message)
  const messageId = message.messageId ?? null
  ports.tell({ kind: 'c2d-enqueued', time: now, device: identity, messageId, sequenceNumber, actor, bytes, expiresAt })
  return ok({ sequenceNumber })
}

async function purge(
  queues: LockedQueues,
  ports: CloudToDevicePorts,
  grant: Grant<'c2d.purge'>,
  identity: DeviceId,
): Promise<Result<number>> {
  if (ports.generationOf(identity) === undefined) return refuse('hub/device-not-found', `Nothing is registered as ${identity}.`)
  const audited = { action: 'c2d.purge', resource: `device:${identity}` }
  for (let attempt = 0; attempt < 3; attempt++) {
    const count = await queues.purge(identity, (statements) => ports.commit(grant, audited, statements))
    if (count === undefined) continue
    const actor = `${grant.actor.kind}:${grant.actor.id}`
    if (count > 0) ports.tell({ kind: 'c2d-purged', time: ports.clock.now(), device: identity, actor, count })
    return ok(count)
  }
  return refuse('hub/busy', 'The queue changes faster than it can be emptied. Try again.')
}

/** What the end of a message brings about: feedback where it is wanted, and a fact. */
function consequenceOf(end: Ending, ports: CloudToDevicePorts, batches: FeedbackBatches): Consequence {
  const { queue, sequenceNumber, deliveryCount, why } = end
  const head = decodeHead(end.head)
  const time = ports.clock.now()
  const record = feedbackOf({ ...head, why, device: queue }, time)
  return {
    statements: record === undefined ? [] : [feedbackInsertion(record, time)],
    durable() {
      if (record !== undefined) batches.added()
      const message = { device: queue, messageId: head.messageId ?? null, sequenceNumber, deliveryCount }
      if (why === 'completed') ports.tell({ kind: 'c2d-completed', time, ...message })
      else if (why !== 'purged' && why !== 'gone') ports.tell({ kind: 'c2d-dead-lettered', time, ...message, reason: why })
    },
  }
}

function lockedOf({ head, body, token, ...handed }: Handed): LockedMessage {
  const { generation: _generation, ...message } = decodeHead(head)
  return { ...message, ...handed, body, lockToken: token }
}

function queuedOf(
  { head, sequenceNumber, enqueuedAt, expiresAt, deliveryCount, bytes }: QueueRow,
  lockedUntil: Instant | undefined,
): QueuedMessage {
  const { generation: _generation, ...message } = decodeHead(head)
  const isLocked = lockedUntil !== undefined
  return { ...message, sequenceNumber, enqueuedAt, expiresAt, deliveryCount, bytes, isLocked, lockedUntil: lockedUntil ?? enqueuedAt }
}
