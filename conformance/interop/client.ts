import type { HubProcess, TestDevice } from '../hub.ts'

/** MQTT 5 properties of a message that the scenarios look at. */
export type Told = {
  readonly responseTopic?: string
  readonly correlation?: string
  readonly contentType?: string
  readonly userProperties?: Readonly<Record<string, string>>
  readonly identifiers?: readonly number[]
}

/** A message as a client's application got it. */
export type Heard = {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: number
  readonly retain: boolean
  readonly told: Told
}

/** A message as a client's application gives it. */
export type Said = {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
  readonly retain?: boolean
  readonly told?: Told
}

/** How a client connects. A session that is kept lasts five minutes where the version can say so. */
export type Opening = { readonly clientId: string; readonly clean: boolean; readonly will?: Said }

/** A connected client of somebody else's making. */
export interface Client {
  /** Session Present; undefined where the client does not tell its application. */
  readonly present: boolean | undefined
  /** Resolves to the code of SUBACK. */
  subscribe(filter: string, qos: 0 | 1 | 2, identifier?: number): Promise<number>
  /** Resolves when the message is acknowledged as its QoS asks, to the reason code where the version has one. */
  publish(message: Said): Promise<number>
  /** The next message that arrived. */
  next(): Promise<Heard>
  /** DISCONNECT, and the connection is closed. */
  end(): Promise<void>
  /** The connection is cut without a word. */
  vanish(): void
}

/** What the scenarios try; each is a row of `docs/interoperability.md`. */
export const features = [
  'QoS 0',
  'QoS 1',
  'QoS 2',
  'retained',
  'will',
  'offline queue',
  'large payload',
  'unicode topic',
  'shared subscription',
  'message properties',
  'subscription identifier',
  'request and response',
  'denied publish',
] as const

/** One of them. */
export type Feature = (typeof features)[number]

/** Somebody else's client, and what it cannot do by itself. */
export type Peer = {
  readonly name: string
  readonly lacks: Partial<Readonly<Record<Feature, string>>>
  /** It says goodbye with reason code 0x04: its will is published all the same. */
  readonly leavesWithWill?: true
  open(hub: HubProcess, device: TestDevice, opening: Opening): Promise<Client>
}

/** What a client of MQTT 3.1.1 lacks because its version does. */
export const lackedByVersion4: Peer['lacks'] = {
  'message properties': '3.1.1 has none',
  'subscription identifier': '3.1.1 has none',
  'request and response': '3.1.1 has no properties for it',
  'denied publish': '3.1.1 cannot be told',
}

/** Seconds that a kept session is asked to last. */
export const sessionSeconds = 300

/** Messages that wait until the test asks for them. */
export class Inbox {
  readonly #heard: Heard[] = []
  readonly #waiting: ((heard: Heard) => void)[] = []

  put(heard: Heard): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#heard.push(heard)
    else waiting(heard)
  }

  next(): Promise<Heard> {
    const heard = this.#heard.shift()
    return heard === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(heard)
  }
}
