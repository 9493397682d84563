import { type Fact, type Journal, type Offset, decodeRecord } from '#journal'
import type { StreamOut } from './route.ts'
import { event, heartbeat, heartbeatMs } from './sse.ts'
import { isAbout } from './timeline.ts'
import type { Wake } from './wake.ts'
import type { ControlPorts } from './ports.ts'

/** Records read at a time: enough to keep up, little enough that other work gets its turn. */
const step = { records: 500, bytes: 512 * 1024 } as const

/** What to follow: from an offset on, up to `end` (for ever when undefined), of one device, of one kind. */
export type FollowQuery = {
  readonly from: Offset
  readonly end: Offset | undefined
  readonly device: string | undefined
  readonly kind: string | undefined
}

/**
 * Writes facts as server-sent events, their offsets as ids. The journal itself is the buffer: it is read only as fast as the peer takes, so a
 * slow reader costs nothing; one that retention overtakes is told by a `gap` event. Ends with an `end` event when there is an end.
 */
export async function follow(
  ports: Pick<ControlPorts, 'clock' | 'factToJson' | 'isOwn'> & { readonly journal: Pick<Journal, 'read' | 'start' | 'durableEnd'> },
  durable: Wake,
  query: FollowQuery,
  out: StreamOut,
): Promise<void> {
  const { journal } = ports
  const sleeper = new Sleeper()
  const stop = [durable.on(() => sleeper.rise()), ports.clock.every(heartbeatMs, () => sleeper.beat())]
  const leave = () => sleeper.rise()
  out.signal.addEventListener('abort', leave)
  let at = query.from
  try {
    await out.write(heartbeat)
    while (!out.signal.aborted) {
      const end = Math.min(query.end ?? Number.MAX_SAFE_INTEGER, journal.durableEnd)
      if (at < journal.start) {
        await out.write(event({ name: 'gap', data: { from: at, to: journal.start } }))
        at = journal.start
      } else if (at < end) {
        const { text, next } = await readStep(ports, query, at, end)
        at = next
        if (text !== '') await out.write(text)
        await yielded()
      } else if (query.end !== undefined && at >= query.end) {
        await out.write(event({ name: 'end', data: { next: at } }))
        return
      } else if (await sleeper.sleep()) await out.write(heartbeat)
    }
  } finally {
    for (const one of stop) one()
    out.signal.removeEventListener('abort', leave)
  }
}

/** Sleeps until told to rise; a call that comes while awake is not lost. One listener for the whole life of a stream. */
class Sleeper {
  #called = false
  #beat = false
  #wake: () => void = () => {}

  rise(): void {
    this.#called = true
    this.#wake()
  }

  beat(): void {
    this.#beat = true
    this.rise()
  }

  /** True when a heartbeat is due. */
  async sleep(): Promise<boolean> {
    if (!this.#called) await new Promise<void>((resolve) => (this.#wake = resolve))
    const due = this.#beat
    this.#called = false
    this.#beat = false
    return due
  }
}

async function readStep(
  ports: Parameters<typeof follow>[0],
  query: FollowQuery,
  from: Offset,
  end: Offset,
): Promise<{ readonly text: string; readonly next: Offset }> {
  const page = await ports.journal.read(from, { records: Math.min(step.records, end - from), bytes: step.bytes })
  let text = ''
  for (const record of page.records) {
    if (record.offset >= end) break
    if (!('bytes' in record)) {
      if (query.device === undefined)
        text += event({ name: 'damaged', id: record.offset, data: { offset: record.offset, reason: record.damaged } })
      continue
    }
    const fact = decodeRecord(record.bytes)
    if (fact.ok && isWanted(fact.value, query, ports))
      text += event({ id: record.offset, data: ports.factToJson(record.offset, fact.value) })
  }
  return { text, next: Math.min(end, Math.max(page.next, from + 1)) }
}

function isWanted(fact: Fact, { device, kind }: FollowQuery, { isOwn }: Pick<ControlPorts, 'isOwn'>): boolean {
  return (device === undefined ? !isOwn(fact) : isAbout(fact, device)) && (kind === undefined || fact.kind === kind)
}

/** Lets everything else that is ready run: a reader of the whole journal must not hold up the devices. */
function yielded(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
