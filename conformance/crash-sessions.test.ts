import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ExactClient } from './exact-client.ts'
import { HubProcess } from './hub.ts'
import { until } from './until.ts'

/*
 * The hub is killed under load, again and again, and its clients come back to their sessions: one subscriber of each device is always
 * there, one is away every other life, one asks for QoS 1. Nobody subscribes twice. At the end everything that was acknowledged has
 * reached everybody, at QoS 2 once.
 */

/** Crashes in one run; THINGWALL_CRASHES=200 for the long one. */
const cycles = Number(process.env['THINGWALL_CRASHES'] ?? 4)
const devices = 10
const window = 100
/** Messages of one publisher in one life: an absent subscriber's queue must have room for them. */
const mostInOneLife = 900

/** One device: a publisher and three subscribers with sessions of their own. */
class Household {
  readonly publisher: ExactClient
  readonly always: ExactClient
  readonly often: ExactClient
  readonly atLeastOnce: ExactClient
  readonly #topic: string
  readonly #kept: string
  #sent = 0
  #keptSent = 0

  constructor(device: ConstructorParameters<typeof ExactClient>[0]) {
    this.publisher = new ExactClient(device, `${device.id}-publisher`)
    this.always = new ExactClient(device, `${device.id}-always`)
    this.often = new ExactClient(device, `${device.id}-often`)
    this.atLeastOnce = new ExactClient(device, `${device.id}-at-least-once`)
    this.#topic = `devices/${device.id}/work`
    this.#kept = `devices/${device.id}/kept`
  }

  get clients(): readonly ExactClient[] {
    return [this.publisher, this.always, this.often, this.atLeastOnce]
  }

  get filter(): string {
    return this.#topic
  }

  get kept(): string {
    return this.#kept
  }

  /** Publishes until told to stop: QoS 2, every third QoS 1, every tenth retained elsewhere. */
  async load(isOver: () => boolean): Promise<void> {
    for (let inLife = 0; !isOver() && inLife < mostInOneLife;) {
      if (this.publisher.flying >= window) {
        await pause(1)
        continue
      }
      const number = this.#sent++
      inLife++
      this.publisher.publish(this.#topic, `${number}`, number % 3 === 0 ? 1 : 2)
      if (number % 10 === 0) this.publisher.publish(this.#kept, `kept-${this.#keptSent++}`, 1, true)
    }
  }

  /** What is wrong at the end. */
  problems(): readonly string[] {
    const problems: string[] = []
    for (let number = 0; number < this.#sent; number++) {
      const body = `${number}`
      for (const subscriber of [this.always, this.often, this.atLeastOnce]) {
        const times = subscriber.got.get(body) ?? 0
        const isExact = number % 3 !== 0 && subscriber !== this.atLeastOnce
        if (times === 0) problems.push(`${subscriber.clientId} never got ${body}`)
        else if (isExact && times > 1) problems.push(`${subscriber.clientId} got ${body} ${times} times at QoS 2`)
      }
    }
    return problems
  }

  get sent(): number {
    return this.#sent
  }

  /** The highest number whose retained message was acknowledged. */
  get lastKept(): number {
    return Math.max(-1, ...[...this.publisher.confirmed].filter((body) => body.startsWith('kept-')).map((body) => Number(body.slice(5))))
  }
}

test(
  `${cycles} times kill -9: sessions, queues, retained messages and QoS 2 in both directions survive`,
  { timeout: 60_000 + cycles * 60_000 },
  async () => {
    await using hub = await HubProcess.open()
    const households: Household[] = []
    for (let i = 1; i <= devices; i++) households.push(new Household(await hub.addDevice(`home-${i}`)))
    for (const { clients } of households) for (const client of clients) await client.connect(hub)
    for (const { always, often, atLeastOnce, filter } of households) {
      await always.subscribe(filter, 2)
      await often.subscribe(filter, 2)
      await atLeastOnce.subscribe(filter, 1)
    }
    const restartsMs: number[] = []
    for (let cycle = 1; cycle <= cycles; cycle++) {
      if (cycle % 2 === 0) for (const { often } of households) often.cut()
      let isOver = false
      const loads = households.map((household) => household.load(() => isOver))
      await pause(200 + Math.floor(Math.random() * 300))
      await hub.kill()
      isOver = true
      await Promise.all(loads)
      for (const { clients } of households) for (const client of clients) client.cut()
      const started = performance.now()
      await hub.start()
      restartsMs.push(Math.round(performance.now() - started))
      await Promise.all(households.flatMap(({ clients }) => clients.map((client) => client.connect(hub))))
      for (const { clients } of households)
        for (const { present, clientId } of clients) assert.ok(present, `cycle ${cycle}: the session of ${clientId} is there`)
      for (const household of households) await checkKept(hub, household)
    }
    await until('everything sent is completed', 30_000, () => households.every(({ publisher }) => publisher.flying === 0))
    await until('everything is delivered', 30_000, () => households.every((household) => household.problems().length === 0)).catch(
      () => undefined,
    )
    const problems = households.flatMap((household) => household.problems())
    assert.deepEqual(problems.slice(0, 10), [], `${problems.length} problems`)
    const sent = households.reduce((sum, household) => sum + household.sent, 0)
    assert.ok(sent > devices * cycles * 10, `${sent} messages were sent`)
    console.log(`  ${sent} messages to ${devices * 3} subscribers, none missing, none doubled; restarts in ms: ${restartsMs.join(' ')}`)
    for (const { clients } of households) for (const client of clients) client.cut()
  },
)

/** A newcomer finds the retained message that was acknowledged last, or a later one. */
async function checkKept(hub: HubProcess, household: Household): Promise<void> {
  const { lastKept } = household
  if (lastKept < 0) return
  const newcomer = new ExactClient(household.publisher.device, `${household.publisher.device.id}-newcomer`)
  await newcomer.connect(hub, true)
  await newcomer.subscribe(household.kept, 1)
  await until(`the retained message of ${household.kept} comes`, 10_000, () => newcomer.got.size > 0)
  newcomer.cut()
  const [body = ''] = newcomer.got.keys()
  assert.ok(Number(body.slice(5)) >= lastKept, `retained ${body}, acknowledged ${lastKept}`)
}
