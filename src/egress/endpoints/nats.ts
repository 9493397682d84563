import type { Result } from '#base'
import type { RoutedEvent } from '../event.ts'
import { type SettingsReader, readSettings } from './settings.ts'
import { type TlsSettings, readTls } from './tls-settings.ts'

/** How the hub proves who it is to NATS, besides a client certificate. `creds` is a file of credentials as `nsc` makes it. */
export type NatsProof =
  | { readonly kind: 'certificate' }
  | { readonly kind: 'password'; readonly user: string; readonly passwordSecret: string }
  | { readonly kind: 'token'; readonly tokenSecret: string }
  | { readonly kind: 'creds'; readonly credsSecret: string }

/** A stream of NATS JetStream that takes events as messages. */
export type NatsSettings = TlsSettings & {
  readonly host: string
  readonly port: number
  readonly proof: NatsProof
  /** With `{source}` and `{device}` in it. */
  readonly subject: string
  /** The stream that must have taken it; undefined: whichever listens to the subject. */
  readonly stream: string | undefined
}

const token = String.raw`(?:[A-Za-z0-9_-]|\{source\}|\{device\})+`

/** Reads the settings of an endpoint of the kind `nats`. Refuses `egress/endpoint-malformed`. */
export function parseNats(given: unknown): Result<NatsSettings> {
  return readSettings('nats', given, (reader) => {
    const tls = readTls(reader)
    return {
      ...tls,
      host: reader.host('host'),
      port: reader.port('port', 4222),
      proof: readProof(reader, tls),
      subject:
        reader.optionalText('subject', {
          most: 200,
          pattern: new RegExp(`^${token}(?:\\.${token})*$`),
          such: 'empty tokens or characters other than letters, digits, _, - and .',
        }) ?? 'thingwall.{source}.{device}',
      stream: reader.optionalText('stream', { most: 128, pattern: /^[A-Za-z0-9_-]+$/ }),
    }
  })
}

function readProof(reader: SettingsReader, tls: TlsSettings): NatsProof {
  const user = reader.optionalText('user', { most: 256 })
  const passwordSecret = reader.optionalSecret('passwordSecret')
  const tokenSecret = reader.optionalSecret('tokenSecret')
  const credsSecret = reader.optionalSecret('credsSecret')
  if ((user === undefined) !== (passwordSecret === undefined)) reader.wrong('user and passwordSecret need each other')
  const given = [passwordSecret, tokenSecret, credsSecret].filter((name) => name !== undefined)
  if (given.length > 1) reader.wrong('only one of passwordSecret, tokenSecret and credsSecret can be given')
  if (given.length === 0 && tls.client === undefined)
    reader.wrong('none of passwordSecret, tokenSecret, credsSecret and clientCertificate is given')
  if (user !== undefined && passwordSecret !== undefined) return { kind: 'password', user, passwordSecret }
  if (tokenSecret !== undefined) return { kind: 'token', tokenSecret }
  return credsSecret === undefined ? { kind: 'certificate' } : { kind: 'creds', credsSecret }
}

/** The subject of an event. Names of devices may have `.`, `*` and more in them; whatever is no letter, digit, `_` or `-` becomes `%` and its bytes. */
export function subjectOf(template: string, { source, device }: RoutedEvent): string {
  return template.replaceAll('{source}', source).replaceAll('{device}', () => tokenOf(device))
}

function tokenOf(text: string): string {
  let out = ''
  for (const byte of Buffer.from(text)) {
    const character = String.fromCodePoint(byte)
    out += /[A-Za-z0-9_-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}
