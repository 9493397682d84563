import { isoTime } from '#base'
import type { ControlPorts, DoorCounters } from './ports.ts'
import type { Sample } from './schema.ts'
import { Wake } from './wake.ts'

/** Samples kept: two minutes. */
export const keptSamples = 120

type Watched = Pick<ControlPorts, 'clock' | 'door' | 'journal'>

/** Takes a sample of the hub each second and keeps the last two minutes. Dispose of it to stop. */
export class Live implements Disposable {
  readonly #ports: Watched
  readonly #samples: Sample[] = []
  readonly #wake = new Wake()
  readonly #stop: () => void
  #before: Totals
  #taken = 0

  constructor(ports: Watched) {
    this.#ports = ports
    this.#before = totalsOf(ports.door.counters, ports.clock.monotonic())
    this.#stop = ports.clock.every(1_000, () => this.#take())
  }

  /** The newest sample; undefined in the first second. */
  get last(): Sample | undefined {
    return this.#samples.at(-1)
  }

  /** Samples after the first `seen` that were ever taken, as far as they are kept, and how many were taken by now. */
  since(seen: number): { readonly samples: readonly Sample[]; readonly taken: number } {
    const fresh = Math.min(this.#taken - seen, this.#samples.length)
    return { samples: fresh > 0 ? this.#samples.slice(-fresh) : [], taken: this.#taken }
  }

  /** Resolves when there is a new sample, or `signal` is aborted. */
  next(signal: AbortSignal): Promise<void> {
    return this.#wake.next(signal)
  }

  [Symbol.dispose](): void {
    this.#stop()
    this.#wake.wake()
  }

  #take(): void {
    const { clock, door, journal } = this.#ports
    const now = totalsOf(door.counters, clock.monotonic())
    const before = this.#before
    this.#before = now
    // A busy second is longer than a second: rates are by the time that really passed.
    const perSecond = (total: number) => Math.max(0, Math.round((total * 1_000) / Math.max(1, now.at - before.at)))
    this.#samples.push({
      time: isoTime(clock.now()),
      messagesIn: perSecond(now.messagesIn - before.messagesIn),
      messagesOut: perSecond(now.messagesOut - before.messagesOut),
      bytesIn: perSecond(now.bytesIn - before.bytesIn),
      connections: door.open(),
      denied: now.denied - before.denied,
      refused: now.refused - before.refused,
      pendingBytes: journal.pendingBytes,
      flushMs: journal.state().flushP50Ms,
    })
    if (this.#samples.length > keptSamples) this.#samples.shift()
    this.#taken++
    this.#wake.wake()
  }
}

type Totals = { readonly at: number } & Readonly<Record<'messagesIn' | 'messagesOut' | 'bytesIn' | 'denied' | 'refused', number>>

function totalsOf({ messagesIn, messagesOut, bytesIn, denied, refused }: DoorCounters, at: number): Totals {
  let together = 0
  for (const count of refused.values()) together += count
  return { at, messagesIn, messagesOut, bytesIn, denied, refused: together }
}
