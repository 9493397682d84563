import type { Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { type Transferable, Worker } from 'node:worker_threads'
import type { Desk } from '../desk.ts'
import type { Front } from '../front.io.ts'
import { type Peer, isOwnProbe, refuseHandshake } from '../handshake-refusal.ts'
import { ChannelEnd, type ChannelMemory, channelLimits, channelMemory } from './channel.ts'
import { type Failed, type FromWorker, type ToWorker, type WorkerStart, fromWorker, parseFailed, parseOpened } from './frames.ts'
import type { ProbeTls } from '../ports.ts'
import { type Stranger, openStranger } from '../trust-probe.ts'
import { RemoteTransport } from './remote-transport.ts'
import { Slots } from './slots.ts'
import { threadFile } from './thread.io.ts'

/** The MQTT listener's TLS, in this thread or in workers: what the gateway does with either. */
export interface MqttServer {
  /** Takes a TCP socket that the front let in. */
  emit(event: 'connection', socket: Socket): boolean
  /** From now on: new certificate, new settings. Nobody is dropped. */
  setSecureContext(settings: TlsOptions): void
  /** From now on: what probes of trust in a new root are shown; undefined: nothing of their own. */
  setProbe(probe: ProbeTls | undefined): void
  /** From now on: no ticket issued before is taken. */
  setTicketKeys(keys: Buffer): void
}

/** What workers need from the gateway. */
export type WorkerPorts = {
  readonly desk: Desk
  readonly front: Front
  /** Connections that have not proven who they are; swept by the gateway. */
  readonly strangers: Set<Stranger>
  /** Told when a worker ends by itself: its connections are lost, another one takes its place. */
  trouble(what: string, error: unknown): void
}

/** Threads that speak TLS for the MQTT listener. Disposing of it waits until every connection is gone, and ends them. */
export interface TlsWorkers extends MqttServer, AsyncDisposable {
  /** From now on: what is sent along with the certificate to clients that ask for it. */
  setStaple(staple: Buffer | undefined): void
  /** Starts the threads, if nothing has yet; the first socket does it otherwise. */
  start(): void
}

// A worker that ended sooner than this after its start is started again only after a pause.
const soonMs = 10_000
const restartMs = 1_000

type Remote = {
  readonly peer: Peer
  readonly left: () => void
  readonly gone: () => void
  readonly isGone: Promise<void>
  certificates: Buffer[]
  connection: Stranger | undefined
  transport: RemoteTransport | undefined
}

/** Prepares `count` workers with `settings`. Each serves as soon as it has read its code; sockets that it was given before wait. */
export function openTlsWorkers(count: number, tls: Pick<WorkerStart, 'settings' | 'probe'>, ports: WorkerPorts): TlsWorkers {
  const { clock } = ports.desk.ports
  const workers: (TlsWorker | undefined)[] = []
  let current = tls
  let staple: Buffer | undefined
  let isOver = false
  let tellQuiet = (): void => {}
  const alive = () => workers.filter((worker) => worker !== undefined)
  const isQuiet = () => alive().every((worker) => worker.talking === 0)
  const startOne = (index: number): void => {
    if (isOver) return
    const since = clock.monotonic()
    workers[index] = new TlsWorker(current, ports, {
      ended(error) {
        workers[index] = undefined
        if (isQuiet()) tellQuiet()
        if (isOver) return
        ports.trouble('a TLS worker ended; its connections are lost, another one takes its place', error)
        if (clock.monotonic() - since > soonMs) startOne(index)
        else clock.after(restartMs, () => startOne(index))
      },
      left() {
        if (isQuiet()) tellQuiet()
      },
    })
    workers[index]?.post({ say: 'staple', staple })
  }
  const start = (): void => {
    while (workers.length < count) startOne(workers.length)
  }
  return {
    start,
    emit(_event, socket) {
      start()
      let least: TlsWorker | undefined
      for (const worker of alive()) if (least === undefined || worker.size < least.size) least = worker
      if (least?.give(socket) === true) return true
      refuseHandshake(ports.desk, 'mqtt', socket, { code: 'gateway/no-worker', message: 'No worker can take the connection now.' })
      socket.destroy()
      return false
    },
    setSecureContext(next) {
      current = { ...current, settings: next }
      for (const worker of alive()) worker.post({ say: 'settings', settings: next })
    },
    setProbe(probe) {
      current = { ...current, probe }
      for (const worker of alive()) worker.post({ say: 'probe', probe })
    },
    setStaple(next) {
      staple = next
      for (const worker of alive()) worker.post({ say: 'staple', staple })
    },
    setTicketKeys(ticketKeys) {
      current = { ...current, settings: { ...current.settings, ticketKeys } }
      for (const worker of alive()) worker.post({ say: 'ticket-keys', ticketKeys })
    },
    async [Symbol.asyncDispose]() {
      if (!isQuiet()) await new Promise<void>((resolve) => (tellQuiet = resolve))
      isOver = true
      await Promise.all(alive().map((worker) => worker.end()))
    },
  }
}

/** One worker and the connections whose TLS it speaks. */
class TlsWorker {
  readonly #worker: Worker
  readonly #memory: ChannelMemory = channelMemory()
  readonly #taken = new Uint32Array(this.#memory.taken)
  readonly #channel: ChannelEnd
  readonly #ports: WorkerPorts
  readonly #told: { ended(error: unknown): void; left(): void }
  readonly #slots = new Slots<Remote>(channelLimits.slots)
  #talking = 0
  #error: unknown

  constructor(tls: Pick<WorkerStart, 'settings' | 'probe'>, ports: WorkerPorts, told: { ended(error: unknown): void; left(): void }) {
    this.#ports = ports
    this.#told = told
    const workerData: WorkerStart = { task: 'thingwall-tls', memory: this.#memory, ...tls }
    this.#worker = new Worker(threadFile, { workerData, name: 'tls' })
    this.#channel = new ChannelEnd(
      { out: this.#memory.toWorker, in: this.#memory.toEngine },
      { wake: (what) => this.post({ say: what }), again: setImmediate },
      (kind, slot, generation, bytes) => this.#take(kind, slot, generation, bytes),
    )
    this.#worker.on('message', (message: FromWorker) => this.#channel.woken(message.say))
    this.#worker.on('error', (error) => {
      this.#error = error
    })
    this.#worker.once('exit', (code) => {
      this.#channel.close()
      for (const remote of this.#slots.clear()) this.#lose(remote)
      told.ended(this.#error ?? new Error(`exit code ${code}`))
    })
  }

  /** Sockets that it has. */
  get size(): number {
    return this.#slots.size
  }

  /** Those of them that have finished their handshake. */
  get talking(): number {
    return this.#talking
  }

  post(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  /** Moves a socket to the worker. False: it has no room for one more. */
  give(socket: Socket): boolean {
    const { promise: isGone, resolve: gone } = Promise.withResolvers<void>()
    const { remoteAddress, remotePort, localAddress } = socket
    const left = this.#ports.front.adopt(socket)
    const remote: Remote = {
      peer: { remoteAddress, remotePort, localAddress },
      left,
      gone,
      isGone,
      certificates: [],
      connection: undefined,
      transport: undefined,
    }
    const place = this.#slots.enter(remote)
    if (place === undefined) {
      left()
      return false
    }
    try {
      if (!isMovable(socket)) throw new Error('closed already')
      const message: ToWorker = { say: 'socket', ...place, socket }
      this.#worker.postMessage(message, [socket])
    } catch {
      // The peer has reset it already: nothing to move.
      this.#slots.leave(place.slot)
      left()
      socket.destroy()
    }
    return true
  }

  async end(): Promise<void> {
    this.#channel.close()
    await this.#worker.terminate()
  }

  #take(kind: number, slot: number, generation: number, bytes: Buffer): void {
    const remote = this.#slots.at(slot, generation)
    if (remote === undefined) throw new Error('bug: a worker speaks of a socket that it does not have')
    switch (kind) {
      case fromWorker.data:
        return remote.connection?.receive(bytes)
      case fromWorker.certificate:
        return void remote.certificates.push(bytes)
      case fromWorker.opened:
        return this.#opened(remote, slot, generation, bytes)
      case fromWorker.failed:
        return this.#failed(remote, parseFailed(bytes))
      case fromWorker.closed:
        this.#slots.leave(slot)
        this.#lose(remote)
        return this.#told.left()
      default:
        throw new Error(`bug: a frame of kind ${kind}`)
    }
  }

  #failed({ peer }: Remote, { isTrustProbe, ...why }: Failed): void {
    refuseHandshake(this.#ports.desk, 'mqtt', peer, why, isTrustProbe)
  }

  #opened(remote: Remote, slot: number, generation: number, bytes: Buffer): void {
    const { desk, front, strangers } = this.#ports
    const { tls, isTrustProbe } = parseOpened(bytes)
    desk.counters.handshakes++
    if (tls.resumed) desk.counters.resumptions++
    const transport = new RemoteTransport({
      slot,
      generation,
      address: remote.peer.remoteAddress ?? 'unknown',
      isProbe: isOwnProbe(desk, remote.peer),
      isTrustProbe,
      tls,
      certificates: remote.certificates,
      channel: this.#channel,
      taken: this.#taken,
      admit: () => {
        strangers.delete(connection)
        front.proven(remote.peer)
      },
      gone: remote.isGone,
    })
    const connection = openStranger(transport, desk, front.limits, front.ticket(remote.peer))
    strangers.add(connection)
    remote.connection = connection
    this.#talking++
    remote.transport = transport
  }

  #lose(remote: Remote): void {
    remote.transport?.over()
    remote.left()
    if (remote.connection !== undefined) {
      this.#talking--
      this.#ports.strangers.delete(remote.connection)
      remote.connection.lost()
    }
    remote.gone()
  }
}

// Node moves sockets between threads since 26; its types do not say so yet.
function isMovable(socket: Socket): socket is Socket & Transferable {
  return !socket.destroyed
}
