import { connect, createServer } from 'node:tls'
import { type AmqpMessage, FrameReader, type Value, decodeMessage, decodePerformative } from '#wire/amqp'
import { tapeAddress } from '../suite-hub.ts'
import type { Tape } from './mqtt-tape.ts'
import { type Line, type OwnCertificate, normal } from './tape.ts'

/** Who is behind the tape: the hub, or the one who plays a transcript. */
export type Behind = { readonly host: string; readonly port: number; readonly ca: string; readonly servername: string }

/** Stands between a device and who is behind, and writes down the links and the messages of either; credit and dispositions are left out. */
export async function recordAmqp(own: OwnCertificate, behind: Behind): Promise<Tape> {
  const lines: Line[] = []
  const open = new Set<{ destroy(): void }>()
  const server = createServer({ cert: own.cert, key: own.key }, (near) => {
    const far = connect(behind)
    for (const socket of [near, far]) open.add(socket)
    far.on('error', () => near.destroy())
    near.on('error', () => far.destroy())
    near.on('data', reader('C', lines))
    far.on('data', reader('S', lines))
    near.pipe(far).pipe(near)
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject).listen(5671, tapeAddress, () => resolve())
  await promise
  return {
    lines,
    [Symbol.asyncDispose]: () => {
      for (const socket of open) socket.destroy()
      return new Promise<void>((done) => void server.close(() => done()))
    },
  }
}

function reader(side: 'C' | 'S', lines: Line[]): (bytes: Buffer) => void {
  const frames = new FrameReader(1024 * 1024)
  const addresses = new Map<number, string>()
  return (bytes) => {
    frames.push(bytes)
    for (let frame = frames.next(); frame?.kind === 'header' || frame?.kind === 'frame'; frame = frames.next()) {
      if (frame.kind === 'header' || frame.body.length === 0) continue
      const said = decodePerformative(frame)
      if (said.kind !== 'said') throw new Error(`a tape with a frame that is none: ${JSON.stringify(said)}`)
      const { performative, payload } = said
      if (performative.type === 'attach') {
        const { handle, role, source, target } = performative
        // The hub's end of a link is the address that the client asked for.
        const isTarget = (role === 'sender') === (side === 'C')
        addresses.set(handle, (isTarget ? target : source)?.address ?? '')
        lines.push(`${side} attach ${role} ${addresses.get(handle)}`)
      } else if (performative.type === 'transfer') {
        const message = decodeMessage(Buffer.from(payload))
        lines.push(normal(`${side} transfer ${addresses.get(performative.handle)} ${message.ok ? textOf(message.value) : 'what is none'}`))
      }
    }
  }
}

/** A message as the transcripts write it: what is there, each with its name. */
function textOf({ annotations, properties, application, data, value }: AmqpMessage): string {
  const { messageId, correlationId, to, replyTo, contentType, contentEncoding, absoluteExpiryTime } = properties
  const shown = {
    message_id: shortened(messageId),
    correlation_id: shortened(correlationId),
    to,
    reply_to: replyTo,
    content_type: contentType,
    content_encoding: contentEncoding,
    absolute_expiry_time: absoluteExpiryTime === undefined ? undefined : '{time}',
    ap: mapped(application),
    ma: mapped(annotations),
    value: shortened(value),
    data: data.length === 0 ? undefined : Buffer.concat(data).toString(),
  }
  return JSON.stringify(shown).replaceAll('\\"', '"')
}

function shortened(value: Value | undefined): unknown {
  if (value === undefined || !('value' in value)) return undefined
  if (value.type === 'uuid') return '{uuid}'
  if (value.type === 'timestamp') return '{time}'
  return typeof value.value === 'bigint' ? Number(value.value) : value.value
}

const mapped = (entries: ReadonlyMap<string, Value>): unknown =>
  entries.size === 0 ? undefined : Object.fromEntries([...entries.keys()].toSorted().map((name) => [name, shortened(entries.get(name))]))
