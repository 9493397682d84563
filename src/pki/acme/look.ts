import { createHash } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import { type Result, ok, refuse } from '#base'
import { parseAddress, parseNetwork, readChallengeCertificate } from '#wire/x509'
import type { Sought } from './ports.ts'

/* What is asked of a name that is to be proven, and what its answer must be, without any network. */

/** The protocol of the challenge tls-alpn-01 (RFC 8737 section 4). */
export const challengeProtocol = 'acme-tls/1'

const unproven = (message: string, detail?: string) => refuse('pki/acme-unproven', message, detail)

/** The path of the challenge http-01 (RFC 8555 section 8.3). */
export function challengePath({ token }: Sought): string {
  return `/.well-known/acme-challenge/${token}`
}

/** Whether an answer to http-01 is the key authorization; white space at its end is let pass. A redirect is not followed. */
export function judgeHttp({ keyAuthorization }: Sought, status: number, body: Buffer): Result<void> {
  if (status !== 200) return unproven(`The answer has the status ${status}; redirects are not followed.`)
  return body.toString('latin1').trimEnd() === keyAuthorization ? ok(undefined) : unproven('The answer is not the key authorization.')
}

/** The name that is asked for in TLS: an address by its reverse name (RFC 8738 section 6). */
export function serverNameFor({ identifier: { type, value } }: Sought): string {
  if (type === 'dns') return value
  const bytes = parseAddress(value) ?? Buffer.alloc(0)
  if (bytes.length === 4) return `${[...bytes].toReversed().join('.')}.in-addr.arpa`
  return `${bytes.toString('hex').split('').toReversed().join('.')}.ip6.arpa`
}

/** Whether a certificate is the answer to tls-alpn-01: for the one name, with the digest of the key authorization. */
export function judgeTls(
  { identifier, keyAuthorization }: Sought,
  protocol: string | false | null,
  leaf: Buffer | undefined,
): Result<void> {
  if (protocol !== challengeProtocol) return unproven(`The server does not speak ${challengeProtocol}.`)
  const read = leaf === undefined ? undefined : readChallengeCertificate(leaf)
  if (read?.ok !== true) return unproven('The certificate is not the one of a challenge.', read?.error.message)
  const { names, digest } = read.value
  const [name, ...more] = names
  const kind = identifier.type === 'dns' ? 'dns' : 'address'
  if (name?.kind !== kind || more.length > 0 || name.value.toLowerCase() !== identifier.value)
    return unproven('The certificate is not for the name alone.')
  return digest.equals(createHash('sha256').update(keyAuthorization).digest())
    ? ok(undefined)
    : unproven('The certificate has the digest of something else.')
}

/** The name of the TXT record of dns-01 (RFC 8555 section 8.4). */
export function recordNameFor({ identifier }: Sought): string {
  return `_acme-challenge.${identifier.value}`
}

/** Whether one of the TXT records is the answer to dns-01. */
export function judgeDns({ keyAuthorization }: Sought, records: readonly (readonly string[])[]): Result<void> {
  const wanted = createHash('sha256').update(keyAuthorization).digest('base64url')
  return records.some((parts) => parts.join('') === wanted)
    ? ok(undefined)
    : unproven('No TXT record has the digest of the key authorization.')
}

// RFC 6890: this machine, the link (where clouds hand out credentials: 169.254.169.254), groups, nobody, and IPv4 in disguise. Private networks are
// not among them: the services that names are proven for live there.
const never: readonly string[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '224.0.0.0/3',
  '::/127',
  '64:ff9b::/32',
  '2002::/16',
  'fe80::/10',
  'ff00::/8',
]

/** Which addresses looks may connect to: those of the networks that are given and no others, or, when none are, all but the ones above. */
export function reachable(networks: readonly string[]): (address: string) => boolean {
  const given = networks.length > 0
  const list = listOf(given ? networks : never)
  return (address) => {
    const family = isIP(address)
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6') === given
  }
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const read = parseNetwork(network)
    if (read === undefined) throw new Error('bug: a network that was not looked at')
    list.addSubnet(network.slice(0, network.indexOf('/')), read.prefixBits, read.bytes.length === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}
