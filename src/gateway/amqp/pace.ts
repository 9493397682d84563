import type { Clock } from '#base'

const paceMs = 50

/**
 * Lets the messages of one link through no faster than `take` allows, in their order: whoever is too fast waits, and its credit with it. Resolves early once
 * the link has gone.
 */
export function paced(
  clock: Pick<Clock, 'after'>,
  link: { readonly isOpen: boolean },
  take: () => boolean,
): (messages: number) => Promise<void> {
  let turn: Promise<void> = Promise.resolve()
  const inTime = async (before: Promise<void>, messages: number): Promise<void> => {
    await before
    for (let left = messages; left > 0 && link.isOpen;) {
      if (take()) left--
      else await new Promise<void>((resolve) => void clock.after(paceMs, resolve))
    }
  }
  return (messages) => (turn = inTime(turn, messages))
}
