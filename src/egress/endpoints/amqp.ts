import type { Result } from '#base'
import type { RoutedEvent } from '../event.ts'
import { readSettings } from './settings.ts'
import { type TlsSettings, readTls } from './tls-settings.ts'

/** A node of a server of AMQP 1.0 that takes events as messages. */
export type AmqpSettings = TlsSettings & {
  readonly host: string
  readonly port: number
  /** The target of the link, as the server names its queues and topics. */
  readonly address: string
  /** SASL PLAIN; undefined: SASL EXTERNAL, by the client certificate. */
  readonly password: { readonly user: string; readonly passwordSecret: string } | undefined
}

/** What a server made of one message, as AMQP 1.0 section 3.4 has it. `condition` and `description` are the server's. */
export type AmqpOutcome = {
  readonly state: 'accepted' | 'rejected' | 'released' | 'modified'
  readonly condition?: string | undefined
  readonly description?: string | undefined
  /** Of `modified`: the server will never take it. */
  readonly isUndeliverable?: boolean | undefined
}

/** Reads the settings of an endpoint of the kind `amqp`. Refuses `egress/endpoint-malformed`. */
export function parseAmqp(given: unknown): Result<AmqpSettings> {
  return readSettings('amqp', given, (reader) => {
    const tls = readTls(reader)
    const user = reader.optionalText('user', { most: 256 })
    const passwordSecret = reader.optionalSecret('passwordSecret')
    if ((user === undefined) !== (passwordSecret === undefined)) reader.wrong('user and passwordSecret need each other')
    if (passwordSecret === undefined && tls.client === undefined) reader.wrong('neither passwordSecret nor clientCertificate is given')
    return {
      ...tls,
      host: reader.host('host'),
      port: reader.port('port', 5671),
      address: reader.text('address', { most: 512 }),
      password: user === undefined || passwordSecret === undefined ? undefined : { user, passwordSecret },
    }
  })
}

// What says of the server's state, not of the message (AMQP 1.0 section 2.8.15): a full queue is rejected with it as well.
const passing = new Set(['amqp:resource-limit-exceeded', 'amqp:internal-error', 'amqp:not-found', 'amqp:resource-locked'])

/** The reason why a message can never be taken; undefined: it was. Throws when it may be taken later. */
export function judgeOutcome({ state, condition, description, isUndeliverable }: AmqpOutcome): string | undefined {
  if (state === 'accepted') return undefined
  const reason = `the server ${state} the message${condition === undefined ? '' : `: ${condition}`}${description === undefined ? '' : ` ${description}`}`
  const isPoison = (state === 'rejected' && !passing.has(condition ?? '')) || (state === 'modified' && isUndeliverable === true)
  if (isPoison) return reason
  throw new Error(reason)
}

/** The parts of the message that an event becomes. The body is the sender's, to the byte. */
export function messageOf(
  endpoint: string,
  event: RoutedEvent,
): {
  readonly message_id: string
  readonly content_type?: string
  readonly content_encoding?: string
  readonly message_annotations: Readonly<Record<string, string | number | null>>
  readonly application_properties: Readonly<Record<string, string | null>>
} {
  const { offset, source, device, module, system, properties, time } = event
  const contentType = system['content-type']
  const contentEncoding = system['content-encoding']
  return {
    message_id: `${endpoint}:${offset}`,
    ...(contentType ? { content_type: contentType } : {}),
    ...(contentEncoding ? { content_encoding: contentEncoding } : {}),
    message_annotations: {
      ...Object.fromEntries(Object.entries(system).map(([name, value]) => [name.startsWith('iothub-') ? name : `x-opt-${name}`, value])),
      'x-opt-offset': offset,
      'x-opt-time': time,
      'x-opt-source': source,
      'x-opt-device': device,
      ...(module === undefined ? {} : { 'x-opt-module': module }),
    },
    application_properties: properties,
  }
}
