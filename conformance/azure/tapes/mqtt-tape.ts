import { type TLSSocket, connect, createServer } from 'node:tls'
import packets, { type Packet } from 'mqtt-packet'
import type { HubProcess } from '../../hub.ts'
import { tapeAddress, tapeHost } from '../suite-hub.ts'
import { type Line, type OwnCertificate, normal } from './tape.ts'

/** A place where a device connects by MQTT, which keeps what is said there. */
export type Tape = AsyncDisposable & { readonly lines: readonly Line[] }

/** Stands between a device and the hub, and writes down what either says. */
export function recordMqtt(own: OwnCertificate, hub: HubProcess): Promise<Tape> {
  return listen(own, (near, lines) => {
    const far = connect({ host: hub.host, port: hub.ports.mqtt, ca: hub.rootPem, servername: tapeHost })
    far.on('error', () => near.destroy())
    near.on('error', () => far.destroy())
    read(near, (packet) => lines.push(`C ${lineOf(packet)}`))
    read(far, (packet) => lines.push(`S ${lineOf(packet)}`))
    near.pipe(far).pipe(near)
  })
}

/** Plays the server's part of a transcript: after each line of the client that is as written, what stands there until the client's next. */
export function replayMqtt(own: OwnCertificate, transcript: readonly Line[]): Promise<Tape> {
  return listen(own, (near, lines) => {
    let at = 0
    const last = { rid: '', messageId: 0 }
    near.on('error', () => undefined)
    read(near, (packet) => {
      const line = `C ${lineOf(packet)}`
      lines.push(line)
      if (packet.cmd === 'publish') last.rid = /\$rid=([^&]+)/.exec(packet.topic)?.[1] ?? last.rid
      last.messageId = packet.messageId ?? last.messageId
      if (line !== transcript[at]) return
      for (at++; transcript[at]?.startsWith('S '); at++) {
        const said = transcript[at] ?? ''
        lines.push(said)
        near.write(packets.generate(packetOf(said, last)))
      }
    })
  })
}

function listen(own: OwnCertificate, serve: (near: TLSSocket, lines: Line[]) => void): Promise<Tape> {
  const lines: Line[] = []
  const sockets = new Set<TLSSocket>()
  const server = createServer({ cert: own.cert, key: own.key }, (near) => {
    sockets.add(near)
    serve(near, lines)
  })
  const { promise, resolve, reject } = Promise.withResolvers<Tape>()
  server.once('error', reject)
  server.listen(8883, tapeAddress, () =>
    resolve({
      lines,
      [Symbol.asyncDispose]: () => {
        for (const socket of sockets) socket.destroy()
        return new Promise<void>((done) => server.close(() => done()))
      },
    }),
  )
  return promise
}

function read(socket: TLSSocket, seen: (packet: Packet) => void): void {
  const parser = packets.parser()
  parser.on('packet', seen)
  socket.on('data', (bytes: Buffer) => void parser.parse(bytes))
}

/** A packet as the transcripts write it. */
function lineOf(packet: Packet): Line {
  if (packet.cmd === 'connect') {
    const { protocolVersion, clean, keepalive, clientId, username, password } = packet
    const head = `CONNECT level=${protocolVersion} clean=${clean ? 1 : 0} keepalive=${keepalive} clientId="${clientId}"`
    return normal(`${head} username="${username}" password="${password?.toString()}"`)
  }
  if (packet.cmd === 'connack') return `CONNACK ${packet.returnCode}`
  if (packet.cmd === 'subscribe') return `SUBSCRIBE ${packet.subscriptions.map(({ topic, qos }) => `"${topic}" qos ${qos}`).join(' ')}`
  if (packet.cmd === 'suback') return `SUBACK ${packet.granted.map(String).join(' ')}`
  if (packet.cmd === 'publish') return normal(`PUBLISH qos${packet.qos} "${packet.topic}" ${packet.payload.toString()}`)
  return packet.cmd.toUpperCase()
}

/** The packet that a line of the server stands for; request and packet identifiers are those that the client used last. */
function packetOf(line: Line, last: { readonly rid: string; readonly messageId: number }): Packet {
  const [, verb = '', rest = ''] = /^S (\S+) ?(.*)$/.exec(line) ?? []
  if (verb === 'CONNACK') return { cmd: 'connack', returnCode: Number(rest), sessionPresent: false }
  if (verb === 'SUBACK') return { cmd: 'suback', messageId: last.messageId, granted: [Number(rest)] }
  if (verb === 'PUBACK') return { cmd: 'puback', messageId: last.messageId }
  const [, qos, topic = '', payload = ''] = /^qos([01]) "([^"]*)" ?(.*)$/.exec(rest) ?? []
  if (verb !== 'PUBLISH' || qos === undefined) throw new Error(`a transcript says what no server says: ${line}`)
  const message = {
    cmd: 'publish',
    topic: topic.replace('{uuid}', last.rid).replace('{n}', '7'),
    payload,
    dup: false,
    retain: false,
  } as const
  return qos === '1' ? { ...message, qos: 1, messageId: 9 } : { ...message, qos: 0 }
}
