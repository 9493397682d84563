import { Resolver, lookup } from 'node:dns/promises'
import { request } from 'node:http'
import { connect } from 'node:tls'
import { type Result, ok, refuse } from '#base'
import { acmeLimits } from './limits.ts'
import { challengePath, challengeProtocol, judgeDns, judgeHttp, judgeTls, reachable, recordNameFor, serverNameFor } from './look.ts'
import type { Look, Sought } from './ports.ts'

/** How names are looked at. */
export type LookSettings = {
  /** Networks that looks may connect to, as `10.1.0.0/16`; none: all but this machine, links and groups. */
  readonly networks: readonly string[]
  /** Name servers, as `192.0.2.53` or `192.0.2.53:5353`; none: as this machine finds names. */
  readonly resolvers: readonly string[]
  /** 80 and 443, but in tests: anybody on a machine may listen on other ports. */
  readonly httpPort: number
  readonly tlsPort: number
}

/**
 * Looks at names over the network. The address is found once, judged, and connected to itself, so that a name which changes between two looks-up gains
 * nothing; whatever it answers, nothing else is asked.
 */
export function networkLook({ networks, resolvers, httpPort, tlsPort }: LookSettings): Look {
  const mayReach = reachable(networks)
  const resolver = new Resolver({ timeout: acmeLimits.lookMs / 2, tries: 2 })
  if (resolvers.length > 0) resolver.setServers(resolvers)
  return async (sought, signal) => {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(acmeLimits.lookMs)])
    if (sought.method === 'dns-01') return byRecord(sought, resolver)
    const found = await addressesOf(sought, resolvers.length > 0 ? resolver : undefined)
    const address = found.find(mayReach)
    if (found.length === 0) return refuse('pki/acme-unresolved', `There is no address for ${sought.identifier.value}.`)
    if (address === undefined || !found.every(mayReach))
      return refuse('pki/acme-address', `${sought.identifier.value} is at an address that the hub does not connect to.`)
    const judged =
      sought.method === 'http-01' ? await byHttp(sought, address, httpPort, bounded) : await byTls(sought, address, tlsPort, bounded)
    return judged.ok ? ok(address) : judged
  }
}

async function byRecord(sought: Sought, resolver: Resolver): Promise<Result<string>> {
  try {
    const judged = judgeDns(sought, await resolver.resolveTxt(recordNameFor(sought)))
    return judged.ok ? ok(recordNameFor(sought)) : judged
  } catch (error) {
    return refuse('pki/acme-unresolved', `There is no TXT record ${recordNameFor(sought)}.`, reasonOf(error))
  }
}

async function addressesOf({ identifier: { type, value } }: Sought, resolver: Resolver | undefined): Promise<readonly string[]> {
  if (type === 'ip') return [value]
  if (resolver === undefined)
    return lookup(value, { all: true }).then(
      (found) => found.map(({ address }) => address),
      () => [],
    )
  const none = (): string[] => []
  const found = await Promise.all([resolver.resolve4(value).catch(none), resolver.resolve6(value).catch(none)])
  return found.flat()
}

function byHttp(sought: Sought, host: string, port: number, signal: AbortSignal): Promise<Result<void>> {
  const { value } = sought.identifier
  const name = value.includes(':') ? `[${value}]` : value
  const headers = { host: port === 80 ? name : `${name}:${port}`, 'user-agent': 'thingwall-acme', connection: 'close' }
  return new Promise((resolve) => {
    const away = (error: unknown) =>
      resolve(refuse('pki/acme-unreachable', `Nothing answers at port ${port} of ${value}.`, reasonOf(error)))
    const outgoing = request(
      { host, port, path: challengePath(sought), headers, agent: false, signal, maxHeaderSize: 8 * 1024 },
      (response) => {
        const parts: Buffer[] = []
        let length = 0
        response.on('data', (part: Buffer) => {
          length += part.length
          if (length > acmeLimits.answerBytes) {
            resolve(refuse('pki/acme-unproven', 'The answer is too long.'))
            outgoing.destroy()
          } else parts.push(part)
        })
        response.on('end', () => resolve(judgeHttp(sought, response.statusCode ?? 0, Buffer.concat(parts))))
        response.on('error', away)
      },
    )
    outgoing.on('error', away)
    outgoing.end()
  })
}

function byTls(sought: Sought, host: string, port: number, signal: AbortSignal): Promise<Result<void>> {
  const { value } = sought.identifier
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      servername: serverNameFor(sought),
      ALPNProtocols: [challengeProtocol],
      minVersion: 'TLSv1.2',
      // The answer signs itself: what proves the name is the digest within, which is looked at below (RFC 8737 section 3).
      rejectUnauthorized: false,
    })
    const end = (result: Result<void>): void => {
      resolve(result)
      signal.removeEventListener('abort', late)
      socket.destroy()
    }
    const late = (): void => end(refuse('pki/acme-unreachable', `Nothing answers at port ${port} of ${value}.`))
    signal.addEventListener('abort', late, { once: true })
    socket.on('secureConnect', () => end(judgeTls(sought, socket.alpnProtocol, socket.getPeerCertificate().raw)))
    socket.on('error', (error) =>
      end(refuse('pki/acme-tls', `Port ${port} of ${value} does not answer in TLS as it should.`, reasonOf(error))),
    )
    socket.on('close', late)
  })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 128) : ''
}
