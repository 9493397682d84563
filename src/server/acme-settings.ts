import { isIP } from 'node:net'
import { type Static, Type } from 'typebox'
import { type Result, ok, refuse } from '#base'
import type { LookSettings } from '#pki'
import { parseNetwork } from '#wire/x509'

const closed = { additionalProperties: false } as const
const texts = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 64, description }))
const port = (description: string) => Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, unit: 'port', description }))

/** What stands under `pki.acme`. */
export const acmeSchema = Type.Object(
  {
    networks: texts(
      'Networks such as `10.1.0.0/16`. Names are looked at there and nowhere else. Without it everywhere but on this machine, on links (169.254.0.0/16, fe80::/10) and in groups.',
    ),
    resolvers: texts(
      'Name servers, `192.0.2.53` or `192.0.2.53:5353`: names are found there, and `dns-01` is offered. Without it as this machine finds names.',
    ),
    insecureHttpPort: port(
      'For tests, refused unless `host` is loopback: `http-01` looks at this port instead of 80, which anybody on a machine may have.',
    ),
    insecureTlsPort: port('For tests, refused unless `host` is loopback: `tls-alpn-01` looks at this port instead of 443.'),
  },
  { ...closed, description: 'How ACME proves names (docs/acme.md).' },
)

/** Reads `pki.acme`. Refuses `server/settings-invalid` for what is no network or no name server, and for other ports where strangers may call. */
export function acmeConfig(settings: Static<typeof acmeSchema> | undefined, host: string): Result<LookSettings> {
  const { networks = [], resolvers = [], insecureHttpPort, insecureTlsPort } = settings ?? {}
  const no = (message: string) => refuse('server/settings-invalid', message)
  const network = networks.find((one) => parseNetwork(one) === undefined)
  if (network !== undefined) return no(`pki.acme.networks: ${network} is not a network such as 10.1.0.0/16.`)
  const server = resolvers.find((one) => !isServer(one))
  if (server !== undefined) return no(`pki.acme.resolvers: ${server} is not an address such as 192.0.2.53 or 192.0.2.53:5353.`)
  if ((insecureHttpPort !== undefined || insecureTlsPort !== undefined) && !host.startsWith('127.') && host !== '::1')
    return no('pki.acme: the insecure ports are for tests on loopback; take them out.')
  return ok({ networks, resolvers, httpPort: insecureHttpPort ?? 80, tlsPort: insecureTlsPort ?? 443 })
}

function isServer(text: string): boolean {
  if (isIP(text) !== 0) return true
  const [, address = '', number = ''] = /^\[?([0-9a-fA-F.:]+?)\]?:(\d{1,5})$/.exec(text) ?? []
  return isIP(address) !== 0 && Number(number) > 0 && Number(number) <= 65_535
}
