import type { Random } from '#base'
import { policies } from './authority.ts'
import { Dice, actors, filters, roleCount, topics } from './alphabet.ts'

/*
 * Histories as plain data, so that a failing one can be cut down step by step. Every step means something in every state: who is not
 * connected does not subscribe, and the step is passed over.
 */

/** What is published, by a client or as a will. `expirySeconds` 0: does not expire. */
export type Publication = {
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  /** Without content: forgets what is retained. */
  readonly isEmpty: boolean
  readonly expirySeconds: number
}

/** What may happen. `who` is an actor. */
export type Step =
  | {
      readonly do: 'connect'
      readonly who: number
      readonly role: number
      readonly version: 4 | 5
      readonly cleanStart: boolean
      readonly expirySeconds: number
      readonly window: number
      readonly will: (Publication & { readonly delaySeconds: number }) | undefined
      /** When its credential ends; 0: never. */
      readonly credentialSeconds: number
    }
  | {
      readonly do: 'leave'
      readonly who: number
      readonly how: 'goodbye' | 'with-will' | 'lost'
      readonly expirySeconds: number | undefined
    }
  | {
      readonly do: 'subscribe'
      readonly who: number
      readonly filters: readonly string[]
      readonly qos: 0 | 1 | 2
      readonly noLocal: boolean
      readonly retainAsPublished: boolean
      readonly retainHandling: 0 | 1 | 2
      readonly identifier: number | undefined
    }
  | { readonly do: 'unsubscribe'; readonly who: number; readonly filter: string }
  /** `packetId` counts at QoS 2 alone: one that is not released yet means the message of before. */
  | ({ readonly do: 'publish'; readonly who: number; readonly packetId: number } & Publication)
  /** PUBREL for what was answered by PUBREC. */
  | { readonly do: 'release'; readonly who: number }
  /** Sends so many of the acknowledgements that it owes. */
  | { readonly do: 'acknowledge'; readonly who: number; readonly count: number }
  | { readonly do: 'policy'; readonly policy: number }
  | { readonly do: 'wait'; readonly seconds: number }
  /** The disk has everything. */
  | { readonly do: 'flush' }

/** A history. */
export type History = { readonly policy: number; readonly steps: readonly Step[] }

/** The history of a seed: 10 to 40 steps of two to four actors, who begin by connecting. */
export function randomHistory(random: Random & { integer(below: number): number }): History {
  const dice = new Dice(random)
  const cast = Array.from({ length: 2 + dice.below(3) }, () => dice.below(actors))
  const length = 10 + dice.below(31)
  const opening = cast.filter(() => dice.chance(80)).map((who) => connect(dice, who))
  const subscribing = cast.filter(() => dice.chance(60)).map((who) => subscribe(dice, who))
  const rest = Array.from({ length: Math.max(0, length - opening.length - subscribing.length) }, () => randomStep(dice, dice.of(cast)))
  return { policy: dice.chance(30) ? 0 : dice.below(policies.length), steps: [...opening, ...subscribing, ...rest] }
}

function randomStep(dice: Dice, who: number): Step {
  const what = dice.below(100)
  if (what < 12) return connect(dice, who)
  if (what < 18) return leave(dice, who)
  if (what < 30) return subscribe(dice, who)
  if (what < 33) return { do: 'unsubscribe', who, filter: filter(dice) }
  if (what < 62) return { do: 'publish', who, packetId: 1 + dice.below(3), ...publication(dice) }
  if (what < 66) return { do: 'release', who }
  if (what < 76) return { do: 'acknowledge', who, count: 1 + dice.below(3) }
  if (what < 82) return { do: 'policy', policy: dice.below(policies.length) }
  if (what < 86) return { do: 'wait', seconds: dice.of([1, 2, 5, 20]) }
  return { do: 'flush' }
}

function connect(dice: Dice, who: number): Step {
  const version = dice.chance(80) ? 5 : 4
  const expirySeconds = dice.of([0, 3, 3_600, 3_600])
  return {
    do: 'connect',
    who,
    role: dice.below(roleCount),
    version,
    cleanStart: dice.chance(25),
    expirySeconds,
    window: dice.of([1, 1, 2, 20]),
    will: dice.chance(25) ? { ...publication(dice), delaySeconds: dice.of([0, 0, 2, 10]) } : undefined,
    credentialSeconds: dice.chance(8) ? 4 : 0,
  }
}

function leave(dice: Dice, who: number): Step {
  return { do: 'leave', who, how: dice.of(['goodbye', 'with-will', 'lost', 'lost']), expirySeconds: dice.of([undefined, undefined, 0, 3]) }
}

function subscribe(dice: Dice, who: number): Step {
  const chosen = Array.from({ length: dice.chance(25) ? 2 : 1 }, () => filter(dice))
  return {
    do: 'subscribe',
    who,
    filters: chosen,
    qos: dice.of([0, 1, 1, 2, 2]),
    // Not together with a share [MQTT-3.8.3-4].
    noLocal: dice.chance(15) && !chosen.some((text) => text.startsWith('$share/')),
    retainAsPublished: dice.chance(30),
    retainHandling: dice.of([0, 0, 1, 2]),
    identifier: dice.chance(30) ? 1 + dice.below(5) : undefined,
  }
}

function filter(dice: Dice): string {
  const text = dice.chance(15) ? '#' : dice.of(filters)
  return dice.chance(30) ? `$share/${dice.chance(75) ? 'g1' : 'g2'}/${dice.chance(50) ? '+/#' : text}` : text
}

function publication(dice: Dice): Publication {
  const retain = dice.chance(30)
  return {
    topic: dice.of(topics),
    qos: dice.of([0, 1, 1, 2, 2]),
    retain,
    isEmpty: retain && dice.chance(10),
    expirySeconds: dice.chance(12) ? 3 : 0,
  }
}

/** The history with as few steps as still fail. */
export async function shrink(history: History, fails: (history: History) => Promise<boolean>): Promise<History> {
  let steps = history.steps
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < steps.length;) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)]
      if (await fails({ ...history, steps: fewer })) steps = fewer
      else at += size
    }
  return { ...history, steps }
}

/** A history, one step a line, as a person reads it. */
export function shown({ policy, steps }: History): string {
  const lines = steps.map((step) => JSON.stringify(step))
  return [`policy ${policy}: ${JSON.stringify(policies[policy])}`, ...lines].join('\n')
}
