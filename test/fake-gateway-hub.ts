import { type DeviceId, type Instant, type Result, instant, ok, refuse } from '#base'
import type { GatewayHub } from '#gateway'
import type { AttachedMethodLink, DesiredChange, LockedMessage, MethodLink, Outcome, Twin, TwinSection } from '#hub'
import type { Json } from '#wire/json'

const never = (): never => {
  throw new Error('bug: not in this fake')
}

/** A message as a back end sends it, with what does not matter left out. */
export type FakeMessage = Partial<Omit<LockedMessage, 'lockToken' | 'body'>> & { readonly body?: string }

type Queued = { readonly message: LockedMessage; deliveryCount: number; isLocked: boolean }

/** The hub's domain as a device door sees it: in memory, and it answers when the test says. Writes down what it is told. */
export class FakeGatewayHub implements GatewayHub {
  /** `pump-1 connected`, `pump-1 complete lock-1`, ... in order. */
  readonly log: string[] = []
  readonly twinOf = new Map<DeviceId, Twin>()
  /** Twin requests wait in {@link release} while this is true. */
  holdsTwins = false
  /** What a twin request throws. */
  twinFault: Error | undefined
  readonly reported: { readonly identity: DeviceId; readonly patch: Json; readonly ifVersion: number | undefined }[] = []
  /** What every reported patch is refused with. */
  refusal: { readonly code: string; readonly message: string } | undefined
  readonly links = new Map<DeviceId, MethodLink[]>()
  readonly answers: { readonly rid: string; readonly status: number; readonly body: string }[] = []
  /** Twin requests that are worked on, and the most there ever were at a time. */
  pending = 0
  mostPending = 0
  readonly #held: (() => void)[] = []
  readonly #desired = new Set<(change: DesiredChange) => void>()
  readonly #queues = new Map<DeviceId, Queued[]>()
  readonly #ready = new Map<DeviceId, Set<() => void>>()
  #locks = 0

  readonly presence: GatewayHub['presence'] = {
    connected: (identity) => void this.log.push(`${identity} connected`),
    disconnected: (identity) => void this.log.push(`${identity} disconnected`),
    active: (identity) => void this.log.push(`${identity} active`),
    of: never,
    connectedDevices: 0,
    flushed: async () => {},
  }

  readonly twins: GatewayHub['twins'] = {
    get: async (identity) => {
      await this.#work()
      return this.twinOf.get(identity)
    },
    patchReported: async (identity, patch, ifVersion) => {
      await this.#work()
      this.reported.push({ identity, patch, ifVersion })
      return this.refusal === undefined ? ok({ version: this.reported.length + 1 }) : refuse(this.refusal.code, this.refusal.message)
    },
    onDesired: (listener) => {
      this.#desired.add(listener)
      return () => void this.#desired.delete(listener)
    },
    announceModel: (identity, modelId) => void this.log.push(`${identity} is ${modelId}`),
    patch: never,
    replace: never,
    configure: never,
    history: never,
    flushed: async () => {},
  }

  readonly methods: GatewayHub['methods'] = {
    attach: (identity, link): AttachedMethodLink => {
      const links = this.links.get(identity) ?? []
      this.links.set(identity, links)
      links.push(link)
      return {
        answer: (rid, status, body) => void this.answers.push({ rid, status, body: Buffer.from(body).toString() }),
        detach: () => void links.splice(links.indexOf(link), 1),
      }
    },
    isReachable: (identity) => (this.links.get(identity)?.length ?? 0) > 0,
    invoke: never,
  }

  readonly messages: GatewayHub['messages'] = {
    receive: async (identity) => {
      const next = this.#queues.get(identity)?.find(({ isLocked }) => !isLocked)
      if (next === undefined) return undefined
      next.isLocked = true
      return { ...next.message, deliveryCount: next.deliveryCount, lockToken: `lock-${++this.#locks}/${next.message.sequenceNumber}` }
    },
    settle: async (identity, lockToken, outcome) => this.#settle(identity, lockToken, outcome),
    unlock: (identity, lockToken, wasWritten) => void this.#settle(identity, lockToken, wasWritten === true ? 'unlock-written' : 'unlock'),
    onReady: (identity, listener) => {
      const all = this.#ready.get(identity) ?? new Set()
      this.#ready.set(identity, all)
      all.add(listener)
      return () => void all.delete(listener)
    },
    count: (identity) => this.#queues.get(identity)?.length ?? 0,
    send: never,
    list: never,
    purge: never,
  }

  readonly feedback: GatewayHub['feedback'] = { receive: never, settle: never, onReady: never }
  readonly fileNotifications: GatewayHub['fileNotifications'] = { receive: never, settle: never, onReady: never }
  files: GatewayHub['files'] = {
    begin: never,
    complete: never,
    isBlobPath: () => false,
    putBlock: never,
    putBlockList: never,
    putBlob: never,
    list: never,
    read: never,
    remove: never,
  }

  /** Puts a message in the queue of a device. */
  enqueue(identity: DeviceId, more: FakeMessage = {}, lockedUntil: Instant = instant(0)): void {
    const queue = this.#queues.get(identity) ?? []
    this.#queues.set(identity, queue)
    const { body = 'x', deliveryCount = 0, ...rest } = more
    const message: LockedMessage = {
      messageId: undefined,
      correlationId: undefined,
      userId: undefined,
      contentType: undefined,
      contentEncoding: undefined,
      to: undefined,
      ack: 'none',
      expiresAt: undefined,
      properties: {},
      sequenceNumber: queue.length + 1,
      enqueuedAt: instant(0),
      lockToken: '',
      lockedUntil,
      ...rest,
      deliveryCount,
      body: Buffer.from(body),
    }
    queue.push({ message, deliveryCount, isLocked: false })
    this.#tell(identity)
  }

  /** Tells of changed desired properties. */
  desire(change: DesiredChange): void {
    for (const listener of this.#desired) listener(change)
  }

  /** Lets twin requests that wait go on. */
  release(): void {
    for (const go of this.#held.splice(0)) go()
  }

  async #work(): Promise<void> {
    this.pending++
    this.mostPending = Math.max(this.mostPending, this.pending)
    if (this.holdsTwins) await new Promise<void>((go) => this.#held.push(go))
    this.pending--
    if (this.twinFault !== undefined) throw this.twinFault
  }

  #settle(identity: DeviceId, lockToken: string, outcome: Outcome | 'unlock' | 'unlock-written'): Result<void> {
    const sequenceNumber = Number(lockToken.split('/')[1])
    const queue = this.#queues.get(identity) ?? []
    const at = queue.findIndex(({ message, isLocked }) => isLocked && message.sequenceNumber === sequenceNumber)
    const queued = queue[at]
    this.log.push(`${identity} ${outcome} ${sequenceNumber}`)
    if (queued === undefined) return refuse('hub/lock-lost', 'Lost.')
    if (outcome === 'complete' || outcome === 'reject') queue.splice(at, 1)
    else {
      if (outcome !== 'unlock') queued.deliveryCount++
      queued.isLocked = false
      this.#tell(identity)
    }
    return ok(undefined)
  }

  #tell(identity: DeviceId): void {
    for (const listener of this.#ready.get(identity) ?? []) listener()
  }
}

const section = (properties: TwinSection['properties'], version: number): TwinSection => ({ properties, metadata: {}, version })

/** A twin with these properties. */
export function twinWith(identity: DeviceId, desired: TwinSection['properties'], reported: TwinSection['properties']): Twin {
  return {
    identity,
    generationId: '1',
    modelId: '',
    tags: { secret: 'of the back end' },
    desired: section(desired, 12),
    reported: section(reported, 7),
    version: 3,
    etag: 'AAAAAAAAAAE=',
    configurations: {},
  }
}
