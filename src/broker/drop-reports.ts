import type { Instant } from '#base'
import type { BrokerDoor } from './ports.ts'
import type { Session } from './session.ts'

const pauseMs = 1_000

/** Sessions that gave up messages, to be told of at most once a second, with counts. */
export class DropReports {
  readonly #owing = new Set<Session>()
  #toldAt = 0

  /** The session gave up messages since it was last told. */
  add(session: Session): void {
    this.#owing.add(session)
  }

  /** Tells of one session now: it ends. */
  tell(session: Session, door: BrokerDoor | undefined): void {
    if (this.#owing.delete(session)) for (const [reason, count] of session.takeDrops()) door?.dropped(session, reason, count)
  }

  /** Tells of all, if it is time. Without a door they wait. */
  tellAll(now: Instant, door: BrokerDoor | undefined): void {
    if (door === undefined || Math.abs(now - this.#toldAt) < pauseMs) return
    this.#toldAt = now
    for (const session of this.#owing) this.tell(session, door)
  }
}
