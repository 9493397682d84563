import type { Outcome as Fate } from '#hub'
import type { Outcome } from '#wire/amqp'
import type { SenderLink, Sending } from './sender-link.ts'

/** A message out of a queue of the hub, encoded, and what the queue is told when its fate is known. */
export type Pumped = Omit<Sending, 'onOutcome'> & {
  settle(fate: Fate): void
  /** The link is gone before there was an answer. `wasWritten`: the peer may have seen it. */
  unlock(wasWritten: boolean): void
}

/**
 * Moves messages from a queue to a link, one after the other, as far as the peer's credit goes. `next` locks and encodes one, or gives undefined when
 * none is ready. Returns what to call when there may be more. What was sent and not settled when the link is gone is given back.
 */
export function pump(link: SenderLink, next: () => Promise<Pumped | undefined>, trouble: (error: unknown) => void): () => void {
  const open = new Set<Pumped>()
  let isRunning = false
  let isCalled = false
  const run = async () => {
    while (link.isReady) {
      isCalled = false
      const message = await next()
      if (message === undefined) {
        if (isCalled) continue
        link.nothingLeft()
        return
      }
      const isSettled = message.settled ?? link.attach.sndSettleMode === 1
      const sent = link.send({
        ...message,
        onOutcome: (outcome) => {
          open.delete(message)
          message.settle(fateOf(outcome))
        },
      })
      if (!sent) return message.unlock(false)
      if (isSettled) message.settle('complete')
      else open.add(message)
    }
  }
  const call = () => {
    isCalled = true
    if (isRunning) return
    isRunning = true
    run()
      .catch((error: unknown) => trouble(error))
      .finally(() => (isRunning = false))
  }
  link.onCredit = call
  const closed = link.onClosed
  link.onClosed = () => {
    closed()
    for (const message of open) message.unlock(true)
    open.clear()
  }
  return call
}

function fateOf(outcome: Outcome): Fate {
  if (outcome.kind === 'accepted') return 'complete'
  return outcome.kind === 'rejected' ? 'reject' : 'abandon'
}
