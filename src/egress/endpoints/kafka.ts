import type { Result } from '#base'
import { readSettings } from './settings.ts'
import { type TlsSettings, readTls } from './tls-settings.ts'

const mechanisms = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN'] as const

/** A topic of Kafka that takes events as messages. */
export type KafkaSettings = TlsSettings & {
  /** Where the cluster is asked first, as `host:port`. */
  readonly brokers: readonly { readonly host: string; readonly port: number }[]
  readonly topic: string
  /** SASL; undefined: the client certificate proves the hub. */
  readonly sasl: { readonly mechanism: (typeof mechanisms)[number]; readonly user: string; readonly passwordSecret: string } | undefined
}

/** Reads the settings of an endpoint of the kind `kafka`. Refuses `egress/endpoint-malformed`. */
export function parseKafka(given: unknown): Result<KafkaSettings> {
  return readSettings('kafka', given, (reader) => {
    const tls = readTls(reader)
    const mechanism = reader.choice('mechanism', mechanisms, 'SCRAM-SHA-512')
    const user = reader.optionalText('user', { most: 256 })
    const passwordSecret = reader.optionalSecret('passwordSecret')
    if ((user === undefined) !== (passwordSecret === undefined)) reader.wrong('user and passwordSecret need each other')
    if (passwordSecret === undefined && tls.client === undefined) reader.wrong('neither passwordSecret nor clientCertificate is given')
    return {
      ...tls,
      brokers: reader.hostsAndPorts('brokers', 16),
      topic: reader.text('topic', { most: 249, pattern: /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/, such: 'what the name of a topic may not have' }),
      sasl: user === undefined || passwordSecret === undefined ? undefined : { mechanism, user, passwordSecret },
    }
  })
}

/** Kafka's words for a message that no broker will take: too large, or refused as a record (KIP-467). */
export const poisonCodes = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD'] as const
