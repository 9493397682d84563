import type { Socket } from 'node:net'
import { type Server, type TLSSocket, createServer } from 'node:tls'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import type { Peer } from '../handshake-refusal.ts'
import { handshakeRefusal } from '../handshake-words.ts'
import { TrustProbeNames } from '../trust-probe-names.io.ts'
import { certificateChain, destroyLater, peerOf, tlsFacts } from '../tls-transport.io.ts'
import { ChannelEnd } from './channel.ts'
import { type Failed, type FromWorker, type Opened, type ToWorker, type WorkerStart, fromWorker, toWorker } from './frames.ts'

/*
 * What runs in a worker: TLS and nothing else. It gets TCP sockets that the engine's thread has let in, shakes hands, and moves plaintext
 * between the socket and the rings. It knows no MQTT, decides nothing and keeps no secret but the server's key. The socket's stream is
 * where back-pressure lives: when the ring is full, sockets are paused and TCP slows the peers down.
 */

/** This very file, for whoever starts the thread: the same from sources and from built JavaScript. */
export const threadFile = import.meta.filename

type Entry = {
  readonly slot: number
  readonly generation: number
  readonly raw: Socket
  socket: TLSSocket | undefined
  /** Bytes written to the socket so far. */
  given: number
  /** Told when a write is through; one function for all of them. */
  readonly wrote: () => void
}

if (!isMainThread && isStart(workerData)) run(workerData)

function isStart(data: unknown): data is WorkerStart {
  return typeof data === 'object' && data !== null && 'task' in data && data.task === 'thingwall-tls'
}

function run({ memory, settings, probe }: WorkerStart): void {
  const port = parentPort
  if (port === null) throw new Error('bug: a worker without its port')
  const say = (message: FromWorker) => port.postMessage(message)
  const taken = new Uint32Array(memory.taken)
  const bySlot: (Entry | undefined)[] = []
  const byPeer = new Map<string, Entry>()
  const choked = new Set<TLSSocket>()
  const held = new Set<TLSSocket>()
  const channel = new ChannelEnd(
    { out: memory.toEngine, in: memory.toWorker },
    { wake: (what) => say({ say: what }), again: setImmediate },
    (kind, slot, generation, bytes) => {
      const entry = bySlot[slot]
      // A connection that is gone already: the engine could not know.
      if (entry?.generation === generation) obey(entry, kind, bytes)
    },
    () => {
      for (const socket of choked) if (!held.has(socket)) socket.resume()
      choked.clear()
    },
  )

  const names = new TrustProbeNames(probe)
  const server: Server = createServer({ ...settings, SNICallback: names.callback })
  let staple: Buffer | undefined
  server.on('OCSPRequest', (_certificate, _issuer, answer: (error: null, staple: Buffer | null) => void) => answer(null, staple ?? null))
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const entry = byPeer.get(peerKey(peerOf(socket)))
    const failed: Failed = { ...handshakeRefusal(error), isTrustProbe: names.isAsked(socket) }
    if (entry !== undefined) channel.send(fromWorker.failed, entry.slot, entry.generation, Buffer.from(JSON.stringify(failed)))
    socket.destroy()
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', ignore)
    const entry = byPeer.get(peerKey(peerOf(socket)))
    if (entry === undefined) {
      socket.destroy()
      return
    }
    const { slot, generation } = entry
    entry.socket = socket
    for (const der of certificateChain(socket)) channel.send(fromWorker.certificate, slot, generation, der)
    const opened: Opened = { tls: tlsFacts(socket), isTrustProbe: names.isAsked(socket) }
    channel.send(fromWorker.opened, slot, generation, Buffer.from(JSON.stringify(opened)))
    socket.on('data', (chunk: Buffer) => {
      channel.send(fromWorker.data, slot, generation, chunk)
      if (!channel.isFull) return
      choked.add(socket)
      socket.pause()
    })
    socket.once('close', () => leave(entry))
  })

  port.on('message', (message: ToWorker) => {
    switch (message.say) {
      case 'socket':
        return enter(message.slot, message.generation, message.socket)
      case 'settings':
        return server.setSecureContext(message.settings)
      case 'probe':
        return names.set(message.probe)
      case 'ticket-keys':
        return server.setTicketKeys(Buffer.from(message.ticketKeys))
      case 'staple':
        staple = message.staple === undefined ? undefined : Buffer.from(message.staple)
        return
      case 'frames':
      case 'room':
        return channel.woken(message.say)
      default:
        throw new Error('bug: a worker was told something that nobody says')
    }
  })

  function enter(slot: number, generation: number, raw: Socket): void {
    const entry: Entry = {
      slot,
      generation,
      raw,
      socket: undefined,
      given: 0,
      wrote: () => void Atomics.store(taken, slot, entry.given - (entry.socket?.writableLength ?? 0)),
    }
    Atomics.store(taken, slot, 0)
    raw.on('error', ignore)
    raw.setNoDelay(true)
    bySlot[slot] = entry
    const key = peerKey(raw)
    byPeer.set(key, entry)
    raw.once('close', () => {
      if (byPeer.get(key) === entry) byPeer.delete(key)
      // After the TLS socket above has said so; a handshake that failed has none.
      setImmediate(leave, entry)
    })
    server.emit('connection', raw)
  }

  function leave(entry: Entry): void {
    if (bySlot[entry.slot] !== entry) return
    bySlot[entry.slot] = undefined
    if (entry.socket !== undefined) {
      choked.delete(entry.socket)
      held.delete(entry.socket)
    }
    channel.send(fromWorker.closed, entry.slot, entry.generation)
  }

  function obey(entry: Entry, kind: number, bytes: Buffer): void {
    const { socket } = entry
    if (socket === undefined) return void entry.raw.destroy()
    switch (kind) {
      case toWorker.data:
        if (socket.destroyed) return
        entry.given += bytes.length
        return void socket.write(bytes, entry.wrote)
      case toWorker.end:
        socket.end()
        return destroyLater(socket)
      case toWorker.cut:
        socket.end()
        socket.destroySoon()
        return destroyLater(socket)
      case toWorker.destroy:
        return void socket.destroy()
      case toWorker.pause:
        held.add(socket)
        return void socket.pause()
      case toWorker.resume:
        held.delete(socket)
        if (!choked.has(socket)) socket.resume()
        return
      default:
        throw new Error(`bug: a frame of kind ${kind}`)
    }
  }
}

function peerKey({ remoteAddress, remotePort }: Peer): string {
  return `${remoteAddress}|${remotePort}`
}

/** Every socket needs a listener, or its error ends the thread; what happened shows when it closes. */
function ignore(): void {}
