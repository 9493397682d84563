import type { Grant, Result } from '#base'
import { ok, refuse } from '#base'
import type { LockedContent, Outcome, ServiceQueue } from './cloud-to-device.ts'
import type { TellDropped } from './feedback.ts'
import { type EndReason, LockedQueues, type QueuePorts } from './queue.ts'
import type { QueueFamily } from './queue-rows.ts'

/** What bounds a queue that services read (azure-wire 3.3, 5.10). */
export type ServiceQueueSettings = { readonly lockMs: number; readonly maxDeliveryCount: number; readonly maxMessages: number }

/** As IoT Hub has them; the number of messages is ours. */
export const serviceQueueDefaults: ServiceQueueSettings = { lockMs: 60_000, maxDeliveryCount: 100, maxMessages: 50_000 }

/** A queue that services read, and the machine behind it for those who fill it. */
export type OpenedServiceQueue<T, A extends 'c2d.feedback' | 'file.notifications'> = {
  readonly queue: ServiceQueue<T, A>
  readonly queues: LockedQueues
}

/**
 * Opens the one queue of a family that services read. `weight` is how many things a message holds, by its head; what is given up is told. Throws the store's
 * Faults.
 */
export async function openServiceQueue<T, A extends 'c2d.feedback' | 'file.notifications'>(
  family: Exclude<QueueFamily, 'c2d'>,
  name: 'feedback' | 'file-notifications',
  ports: QueuePorts & { readonly tell: TellDropped },
  settings: ServiceQueueSettings,
  parse: (body: Buffer) => T,
  weight: (head: string) => number,
): Promise<OpenedServiceQueue<T, A>> {
  const rules = {
    family,
    maxMessages: settings.maxMessages,
    maxDeliveryCount: settings.maxDeliveryCount,
    ending: ({ head, why }: { readonly head: string; readonly why: EndReason }) => ({
      statements: [],
      durable() {
        if (why !== 'expired' && why !== 'rejected' && why !== 'delivery-count') return
        const time = ports.clock.now()
        ports.tell({ kind: 'service-messages-dropped', time, queue: name, reason: why, count: weight(head) })
      },
    }),
  }
  const queues = await LockedQueues.open(rules, ports)
  const queue: ServiceQueue<T, A> = {
    async receive(_grant: Grant<A>): Promise<LockedContent<T> | undefined> {
      const handed = await queues.receive(name, settings.lockMs)
      if (handed === undefined) return undefined
      const { body, enqueuedAt, token, deliveryCount } = handed
      return { content: parse(body), enqueuedAt, lockToken: token, deliveryCount }
    },
    async settle(_grant: Grant<A>, lockToken: string, outcome: Outcome): Promise<Result<void>> {
      return (await settle(queues, name, lockToken, outcome)) ? ok(undefined) : lockLost()
    },
    onReady: (listener) => queues.onReady(name, listener),
  }
  return { queue, queues }
}

/** Ends a lock as its receiver says. False: it does not hold it any more. */
export async function settle(queues: LockedQueues, queue: string, lockToken: string, outcome: Outcome): Promise<boolean> {
  if (outcome === 'abandon') return await queues.giveBack(queue, lockToken, true)
  return await queues.end(queue, lockToken, outcome === 'complete' ? 'completed' : 'rejected')
}

/** The no to a lock that has ended, was settled before, or never was. */
export function lockLost(): Result<never> {
  return refuse('hub/lock-lost', 'This message is not locked by you any more: the lock has ended or the message was settled.')
}
