import { setTimeout as pause } from 'node:timers/promises'
import type { HubProcess, TestDevice } from '../hub.ts'
import { bytes, encode } from './runner-encode.ts'
import { type Step, type Words, named, positional, readSteps } from './runner-line.ts'
import { type Memory, fieldsOf, mismatch, show, windowOf } from './runner-match.ts'
import { type Received, type Road, Wire, roads } from './runner-wire.ts'
import type { TokenIssuer } from './suite-hub.ts'

/**
 * A transcript is a conversation with a real hub, one step a line:
 *
 *     A > CONNECT clean id=A sessionExpiryInterval=60     the client A says; the first word opens the connection
 *     A < CONNACK 0 sessionPresent=0 serverKeepAlive=absent   the next packet must be this; only what is named is compared
 *     A > bytes 10 [ "MQTT" 05 02 003c 00 id"A" ]          anything at all: hex, 'text', "with its length", [ counted ]
 *     A < bytes 20 03 ..                                   the next packet begins with these bytes
 *     A << PUBREL ?m                                       this comes, perhaps after messages, which wait for later steps
 *     A < nothing                                          what A is told next is the answer to a PINGREQ
 *     A closed [code]                                      it closes, with a DISCONNECT of this code before (5), or without any
 *     A refused 0x85                                       CONNACK with this code, then it closes
 *     A drops                                              A cuts the connection without a word
 *     A via wss / A is 2                                   before it opens: over a WebSocket; as the second device
 *     A is nobody                                          before it opens: without a certificate
 *     A never PUBLISH ~/a                                  nothing like this came, whatever else did; what came is forgotten
 *     A denied                                             not even a connection is made
 *     A speaks mqtt                                        the subprotocol that the hub chose
 *     pause 1200                                           where the statement itself speaks of seconds
 *
 * and shorthand for what a transcript needs but is not about: `A connects`, `A resumes`, `A leaves`, `A subscribes ~/a:1`,
 * `A unsubscribes ~/a`, `A publishes ~/a hello qos=1` and `A receives ~/a hello qos=1` do the whole exchange and expect success.
 *
 * `authenticationData=token(historian)` is a token of that service account, `token(historian,exp=1)` one with another claim.
 *
 * `~/a` is a topic of the transcript's own under its device, `~2/a` under the second device; `id=` of CONNECT is made its own too,
 * `exactId=` is not. `within=900..3000` gives an answer a window in milliseconds after the step before.
 */
export type Transcript = string

/** The devices that a transcript may be: for as long as it runs they are nobody else's. */
export type Lane = { readonly devices: readonly [TestDevice, TestDevice] }

/** Where a transcript runs. `serial` makes its topics and client identifiers its own. */
export type Stage = {
  readonly hub: HubProcess
  readonly issuer: TokenIssuer
  readonly lane: Lane
  readonly serial: number
  readonly version: 4 | 5
}

/** Opens `count` lanes: two devices each. */
export async function openLanes(hub: HubProcess, count: number): Promise<readonly Lane[]> {
  const lanes: Lane[] = []
  for (let index = 0; index < count; index++)
    lanes.push({ devices: [await hub.addDevice(`lane${index}-1`), await hub.addDevice(`lane${index}-2`)] })
  return lanes
}

/** Runs one transcript. Throws, naming the step, what was expected and what came, and the conversation so far. */
export async function play(transcript: Transcript, stage: Stage): Promise<void> {
  await using conversation = new Conversation(stage)
  for (const step of readSteps(transcript)) await conversation.step(step)
}

type Party = { wire: Wire | undefined; device: 0 | 1 | undefined; road: Road; lastId: number; version: 4 | 5 }

const nothing: Words = { positional: [], named: [] }

class Conversation implements AsyncDisposable {
  readonly #stage: Stage
  readonly #parties = new Map<string, Party>()
  readonly #memory: Memory = new Map()
  readonly #log: string[] = []
  #since = performance.now()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  async step(given: Step): Promise<void> {
    const step = { ...given, words: this.#own(given) }
    try {
      await this.#perform(step)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new Error(`line ${step.number}: ${step.line}\n  ${why}\n  so far:\n${this.#log.map((line) => `    ${line}`).join('\n')}`, {
        cause: error,
      })
    }
    this.#log.push(step.line)
    this.#since = performance.now()
  }

  async #perform(step: Step): Promise<void> {
    if (step.verb === 'pause') return pause(Number(step.what))
    const party = this.#party(step.name)
    const { words } = step
    switch (step.verb) {
      case '>':
        return this.#say(party, step.what, words)
      case '<':
        return this.#hear(party, step.what, words)
      case '<<':
        return this.#hearAmong(party, step.what, words)
      case 'via':
        party.road = roads.find((road) => road === words.positional[0]) ?? 'mqtts'
        return
      case 'denied':
        return this.#denied(party)
      case 'is':
        party.device = words.positional[0] === 'nobody' ? undefined : words.positional[0] === '2' ? 1 : 0
        return
      case 'never':
        return this.#never(party, step.words)
      case 'speaks':
        return this.#subprotocol(party, words)
      case 'drops':
        return this.#wire(party).drop()
      case 'closed':
        return this.#closes(party, words, 'DISCONNECT')
      case 'refused':
        return this.#closes(party, words, 'CONNACK')
      default:
        return this.#shorthand(step, party)
    }
  }

  async #open(party: Party): Promise<Wire> {
    const device = party.device === undefined ? undefined : this.#stage.lane.devices[party.device]
    return Wire.open(this.#stage.hub, device, party.version, party.road)
  }

  async #denied(party: Party): Promise<void> {
    const opened = await this.#open(party).catch(() => undefined)
    opened?.drop()
    if (opened !== undefined) throw new Error('expected no connection at all, got one')
  }

  async #say(party: Party, what: string, words: Words): Promise<void> {
    if (party.wire === undefined || party.wire.isClosed) {
      if (what !== 'CONNECT' && party.wire !== undefined) throw new Error('the hub has closed the connection already')
      party.version = version(words, this.#stage.version)
      party.wire = await this.#open(party)
    }
    if (what === 'bytes' || what === 'text') return party.wire.send(bytes(words.positional), what === 'text')
    if (what === 'CONNECT') {
      party.wire.maximumPacketSize = Number(named(words, 'maximumPacketSize') ?? 0) || Number.POSITIVE_INFINITY
      party.wire.topicAliasMaximum = Number(named(words, 'topicAliasMaximum') ?? 0)
    }
    party.wire.send(encode(what, words, party.version))
  }

  async #hear(party: Party, what: string, words: Words): Promise<void> {
    if (what === 'nothing') {
      await this.#say(party, 'PINGREQ', words)
      return this.#hear(party, 'PINGRESP', words)
    }
    const [, high] = windowOf(words)
    this.#judge(await this.#wire(party).next(high), what, words)
  }

  /** As `#hear`, but messages may come before: they wait for the steps that expect them. */
  async #hearAmong(party: Party, what: string, words: Words): Promise<void> {
    const wire = this.#wire(party)
    const early: Received[] = []
    for (;;) {
      const got = await wire.next(windowOf(words)[1])
      if (got !== 'closed' && got.packet.cmd === 'publish') early.push(got)
      else {
        this.#judge(got, what, words)
        return wire.putBack(early)
      }
    }
  }

  /** Takes all that comes before the answer to a PINGREQ: none of it may be this message. */
  async #never(party: Party, { positional: [what = '', ...rest], named: pairs }: Words): Promise<void> {
    await this.#say(party, 'PINGREQ', nothing)
    for (;;) {
      const got = await this.#wire(party).next(10_000)
      if (got === 'closed') throw new Error('expected it to stay open, got: the connection was closed')
      if (got.packet.cmd === 'pingresp') return
      const fields = fieldsOf(got)
      if (mismatch(what, { positional: rest, named: pairs }, fields, this.#memory) === undefined)
        throw new Error(`expected no such ${what}, got: ${show(fields)}`)
    }
  }

  #judge(got: Received | 'closed', what: string, words: Words): void {
    const [low] = windowOf(words)
    const took = performance.now() - this.#since
    if (got === 'closed') throw new Error(`expected ${what}, got: the connection was closed`)
    const fields = fieldsOf(got)
    const wrong = what === 'bytes' ? unlikeBytes(words.positional, got.raw.toString('hex')) : mismatch(what, words, fields, this.#memory)
    if (wrong !== undefined) throw new Error(`expected ${wrong}, got: ${show(fields)}`)
    if (took < low) throw new Error(`expected it after ${low} ms, got it after ${Math.round(took)} ms: ${show(fields)}`)
  }

  async #closes(party: Party, words: Words, farewell: 'DISCONNECT' | 'CONNACK'): Promise<void> {
    if (words.positional.length > 0) await this.#hear(party, farewell, words)
    const [low, high] = windowOf(words)
    const got = await this.#wire(party).next(high)
    const took = performance.now() - this.#since
    if (got !== 'closed') throw new Error(`expected the end of the connection, got: ${show(fieldsOf(got))}`)
    if (took < low) throw new Error(`expected the end after ${low} ms, got it after ${Math.round(took)} ms`)
  }

  #subprotocol(party: Party, words: Words): void {
    const { subprotocol } = this.#wire(party)
    if (subprotocol !== words.positional[0]) throw new Error(`expected the subprotocol ${words.positional[0]}, got: ${subprotocol}`)
  }

  async #shorthand(step: Step, party: Party): Promise<void> {
    const { words } = step
    const id = `${++party.lastId}`
    switch (step.verb) {
      case 'connects':
      case 'resumes': {
        const resumes = step.verb === 'resumes'
        const implied = [['id', this.#clientId(step.name)] as const, ...(resumes ? [] : [['clean', '1'] as const])]
        await this.#say(party, 'CONNECT', { ...words, named: [...implied, ...words.named] })
        return this.#hear(party, 'CONNACK', { positional: ['0'], named: [['sessionPresent', resumes ? '1' : '0']] })
      }
      case 'leaves':
        await this.#say(party, 'DISCONNECT', words)
        return this.#closes(party, nothing, 'DISCONNECT')
      case 'subscribes': {
        await this.#say(party, 'SUBSCRIBE', { ...words, positional: [id, ...words.positional] })
        const granted = words.positional.map((filter) => /:([012])[^/:]*$/.exec(filter)?.[1] ?? '0')
        return this.#hearAmong(party, 'SUBACK', { positional: [id, ...granted], named: [] })
      }
      case 'unsubscribes':
        await this.#say(party, 'UNSUBSCRIBE', { ...words, positional: [id, ...words.positional] })
        return this.#hearAmong(party, 'UNSUBACK', { positional: [id], named: [] })
      case 'publishes':
        return this.#publishes(party, id, words)
      case 'receives':
        return this.#receives(party, step.number, words)
      default:
        throw new Error(`no step is called "${step.verb}"`)
    }
  }

  async #publishes(party: Party, id: string, words: Words): Promise<void> {
    const qos = named(words, 'qos') ?? '0'
    const own = qos === '0' ? words : { ...words, named: [...words.named, ['id', id] as const] }
    await this.#say(party, 'PUBLISH', own)
    const good = { positional: [id], named: party.version === 5 ? [['code', '0|0x10'] as const] : [] }
    if (qos === '0') return this.#pings(party)
    if (qos === '1') return this.#hearAmong(party, 'PUBACK', good)
    await this.#hearAmong(party, 'PUBREC', good)
    await this.#say(party, 'PUBREL', { positional: [id], named: [] })
    return this.#hearAmong(party, 'PUBCOMP', { positional: [id], named: [] })
  }

  /** An answer to PINGREQ tells that what was said before is taken. */
  async #pings(party: Party): Promise<void> {
    await this.#say(party, 'PINGREQ', nothing)
    return this.#hearAmong(party, 'PINGRESP', nothing)
  }

  async #receives(party: Party, line: number, words: Words): Promise<void> {
    const key = `?line ${line}`
    const qos = named(words, 'qos') ?? '0'
    const identified = qos === '0' ? words.named : [...words.named, ['id', key] as const]
    this.#memory.delete(key)
    await this.#hear(party, 'PUBLISH', { ...words, named: [['qos', qos] as const, ...identified] })
    const only = { positional: [this.#memory.get(key) ?? ''], named: [] }
    if (qos === '1') await this.#say(party, 'PUBACK', only)
    if (qos !== '2') return
    await this.#say(party, 'PUBREC', only)
    await this.#hearAmong(party, 'PUBREL', only)
    await this.#say(party, 'PUBCOMP', only)
  }

  #party(name: string): Party {
    const known = this.#parties.get(name)
    if (known !== undefined) return known
    const party: Party = { wire: undefined, device: 0, road: 'mqtts', lastId: 100, version: this.#stage.version }
    this.#parties.set(name, party)
    return party
  }

  #wire(party: Party): Wire {
    if (party.wire === undefined) throw new Error('it has not connected')
    return party.wire
  }

  /** The words with this transcript's own topics and client identifiers, and with what it remembers. */
  #own({ verb, what, words }: Step): Words {
    const says = !verb.startsWith('<')
    const word = (text: string): string => {
      const known = says ? this.#memory.get(text) : undefined
      return known ?? this.#token(text) ?? text.replaceAll(/~(2?)(?=\/|$|"|:)/g, (_, second) => this.#tree(second === '2' ? 1 : 0))
    }
    return {
      positional: words.positional.map((text) => {
        const [, client] = /^id"(.*)"$/.exec(text) ?? []
        return client === undefined ? word(text) : `"${this.#clientId(client)}"`
      }),
      named: words.named.map(([key, value]) => {
        if (key === 'exactId') return ['id', value]
        const own =
          key === 'id' && (what === 'CONNECT' || verb === 'connects' || verb === 'resumes') && !value.startsWith('?') && value !== ''
        return [key, own ? this.#clientId(value) : word(value)]
      }),
    }
  }

  /** `token(name)` or `token(name,claim=value)` as the token that it stands for. */
  #token(text: string): string | undefined {
    const [, name, claim, value = ''] = /^token\((\w+)(?:,(\w+)=(\w+))?\)$/.exec(text) ?? []
    if (name === undefined) return undefined
    const over = claim === undefined ? {} : { [claim]: /^\d+$/.test(value) ? Number(value) : value }
    return this.#stage.issuer.token(name, over)
  }

  #tree(device: 0 | 1): string {
    return `devices/${this.#stage.lane.devices[device].id}/${this.#stage.serial}`
  }

  #clientId(name: string): string {
    return `${name}${this.#stage.serial}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { wire } of this.#parties.values()) wire?.drop()
  }
}

function version(words: Words, usual: 4 | 5): 4 | 5 {
  if (positional(words).includes('v4')) return 4
  return positional(words).includes('v5') ? 5 : usual
}

/** `..` stands for any one byte; the packet may be longer than what is asked. */
function unlikeBytes(wanted: readonly string[], got: string): string | undefined {
  const pairs = wanted.join('').match(/../g) ?? []
  const same = pairs.every((pair, index) => pair === '..' || pair.toLowerCase() === got.slice(index * 2, index * 2 + 2))
  return same ? undefined : `bytes ${wanted.join(' ')}`
}
