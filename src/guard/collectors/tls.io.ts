import { type ConnectionOptions, connect } from 'node:tls'
import type { Instant, Random } from '#base'
import { reachable } from '../address.ts'
import type { Sighting, TlsVersion } from '../evidence.ts'
import type { Listener } from '../ports.ts'
import { type Reply, exchangeTcp } from './exchange.io.ts'
import { type HelloOffer, decodeHelloAnswer, decodeServerCurve, encodeClientHello } from './hello.ts'
import { sha1Schemes, strongGroups, strongSchemes, strongSuites, weakGroups, weakSuites } from './suites.ts'
import { openWeakSsl3, openWeakTls } from './weak-listener.io.ts'
import { markProbe } from './probe-ports.io.ts'

type Target = { readonly host: string; readonly port: number; readonly serverName: string | null }
type Asked =
  | { readonly kind: 'accepted'; readonly version: TlsVersion; readonly suite: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unreachable'; readonly why: string }

const oldVersions = ['SSLv3', 'TLSv1', 'TLSv1.1'] as const
const allSuites: readonly number[] = [...strongSuites, ...weakSuites.keys()]

/** Asks a listener which versions of TLS it takes: old ones by bytes of our own, 1.2 and 1.3 by a whole handshake. */
export async function probeVersions(
  target: Target,
  random: Random,
  signal: AbortSignal,
): Promise<{ accepted: TlsVersion[]; refused: TlsVersion[]; unreachable: string | null }> {
  const old = oldVersions.map(async (version): Promise<readonly [TlsVersion, Asked]> => {
    const answer = await ask(
      target,
      { version, suites: allSuites, groups: [...strongGroups, ...weakGroups.keys()], schemes: [...strongSchemes, ...sha1Schemes] },
      random,
      signal,
    )
    // A server that answers an old hello with a later version is not possible; one that answers with its own version is what counts.
    return [version, answer]
  })
  const current = (['TLSv1.2', 'TLSv1.3'] as const).map(async (version): Promise<readonly [TlsVersion, Asked]> => [
    version,
    await handshake(target, version, signal),
  ])
  const accepted: TlsVersion[] = []
  const refused: TlsVersion[] = []
  let unreachable: string | null = null
  for (const [version, answer] of await Promise.all([...old, ...current]))
    if (answer.kind === 'accepted') accepted.push(answer.version)
    else if (answer.kind === 'refused') refused.push(version)
    else unreachable = answer.why
  return { accepted, refused, unreachable }
}

/** Asks a listener for each weak suite, weak curve and SHA-1 signature in TLS 1.2; a suite that it picks is crossed off and asked on. */
export async function probeSuites(
  target: Target,
  random: Random,
  signal: AbortSignal,
): Promise<{ weakAccepted: string[]; weakGroups: string[]; sha1Signature: boolean; unreachable: string | null }> {
  let unreachable: string | null = null
  const asked = async (offer: Omit<HelloOffer, 'serverName'>): Promise<Asked> => {
    const answer = await ask(target, offer, random, signal)
    if (answer.kind === 'unreachable') unreachable = answer.why
    return answer
  }
  const left = new Set(weakSuites.keys())
  const weakAccepted: string[] = []
  while (left.size > 0) {
    const answer = await asked({ version: 'TLSv1.2', suites: [...left], groups: strongGroups, schemes: [...strongSchemes, ...sha1Schemes] })
    if (answer.kind !== 'accepted' || !left.delete(answer.suite)) break
    weakAccepted.push(weakSuites.get(answer.suite) ?? 'unknown')
  }
  const groups = await weakCurve(target, random, signal)
  const sha1 = await asked({ version: 'TLSv1.2', suites: strongSuites, groups: strongGroups, schemes: sha1Schemes })
  return {
    weakAccepted,
    weakGroups: groups,
    sha1Signature: sha1.kind === 'accepted',
    unreachable,
  }
}

/**
 * The weak curve that a listener agrees to in TLS 1.2, if any. Weak ones come first in the offer, with P-256 and P-384 behind them: a
 * server with an ECDSA certificate refuses a client that does not offer its certificate's own curve.
 */
async function weakCurve(target: Target, random: Random, signal: AbortSignal): Promise<string[]> {
  const suites = [...strongSuites, ...weakSuites.keys()].filter((code) => code >= 0xc000)
  for (const groups of [[...weakGroups.keys()], [...weakGroups.keys(), ...strongGroups.slice(1)]]) {
    const hello = encodeClientHello(
      { version: 'TLSv1.2', suites, groups, schemes: strongSchemes, serverName: target.serverName },
      random.bytes(32),
    )
    const reply = await exchangeTcp(target, hello, (bytes) => decodeServerCurve(bytes) !== 'more', signal)
    const curve = reply.kind === 'bytes' ? decodeServerCurve(reply.bytes) : null
    const name = typeof curve === 'number' ? weakGroups.get(curve) : undefined
    if (name !== undefined) return [name]
  }
  return []
}

/** Runs both TLS probes at every listener, after both have proven that they see the weakness of a weak listener. */
export async function collectTls(
  listeners: readonly Listener[],
  serverName: string | null,
  now: Instant,
  random: Random,
  signal: AbortSignal,
): Promise<Sighting[]> {
  const broken = await brokenProbe(now, random, signal)
  const each = listeners.map(async (listener): Promise<Sighting[]> => {
    const subject = { kind: 'listener', id: listener.name } as const
    if (broken !== null)
      return [
        { method: 'tls-version-probe', subject, problem: `probe-broken: ${broken}` },
        { method: 'tls-suite-probe', subject, problem: `probe-broken: ${broken}` },
      ]
    const target = { host: reachable(listener.host), port: listener.port, serverName }
    const [versions, suites] = await Promise.all([probeVersions(target, random, signal), probeSuites(target, random, signal)])
    return [
      versions.unreachable === null
        ? { method: 'tls-version-probe', subject, observed: { accepted: versions.accepted, refused: versions.refused } }
        : { method: 'tls-version-probe', subject, problem: `unreachable: ${versions.unreachable}` },
      suites.unreachable === null
        ? {
            method: 'tls-suite-probe',
            subject,
            observed: {
              weakAccepted: suites.weakAccepted,
              weakGroups: suites.weakGroups,
              sha1Signature: suites.sha1Signature,
              offered: weakSuites.size,
            },
          }
        : { method: 'tls-suite-probe', subject, problem: `unreachable: ${suites.unreachable}` },
    ]
  })
  return (await Promise.all(each)).flat()
}

/** What the TLS probes failed to see on listeners that are known to be weak; null when they saw it all. */
export async function brokenProbe(now: Instant, random: Random, signal: AbortSignal): Promise<string | null> {
  await using weak = await openWeakTls(now, random)
  await using ssl3 = await openWeakSsl3()
  const at = (port: number): Target => ({ host: '127.0.0.1', port, serverName: null })
  const versions = await probeVersions(at(weak.port), random, signal)
  for (const version of ['TLSv1', 'TLSv1.1'] as const)
    if (!versions.accepted.includes(version)) return `a listener that takes ${version} was not noticed`
  const oldest = await ask(at(ssl3.port), { version: 'SSLv3', suites: allSuites, groups: [], schemes: [] }, random, signal)
  if (oldest.kind !== 'accepted' || oldest.version !== 'SSLv3') return 'a listener that takes SSLv3 was not noticed'
  const suites = await probeSuites(at(weak.port), random, signal)
  if (!suites.weakAccepted.includes('ECDH_anon_WITH_AES_128_CBC_SHA')) return 'a listener that takes anonymous CBC suites was not noticed'
  if (suites.weakGroups.length === 0) return 'a listener that takes the curve secp224r1 was not noticed'
  return suites.sha1Signature ? null : 'a listener that signs with SHA-1 was not noticed'
}

async function ask(target: Target, offer: Omit<HelloOffer, 'serverName'>, random: Random, signal: AbortSignal): Promise<Asked> {
  const hello = encodeClientHello({ ...offer, serverName: target.serverName }, random.bytes(32))
  const reply: Reply = await exchangeTcp(target, hello, (bytes) => decodeHelloAnswer(bytes).kind !== 'more', signal)
  if (reply.kind === 'unreachable') return reply
  // A listener that says nothing to a hello has neither taken nor refused it.
  if (reply.kind === 'silent') return { kind: 'unreachable', why: `no answer to a ClientHello of ${offer.version}` }
  if (reply.kind === 'closed') return { kind: 'refused' }
  const answer = decodeHelloAnswer(reply.bytes)
  if (answer.kind === 'server-hello') return { kind: 'accepted', version: answer.version, suite: answer.suite }
  return { kind: 'refused' }
}

function handshake(target: Target, version: 'TLSv1.2' | 'TLSv1.3', signal: AbortSignal): Promise<Asked> {
  return new Promise((resolve) => {
    // Whom we meet does not matter here, only which version they take; the certificate has a collector of its own.
    const options: ConnectionOptions = {
      host: target.host,
      port: target.port,
      minVersion: version,
      maxVersion: version,
      rejectUnauthorized: false,
    }
    const socket = connect(target.serverName === null ? options : { ...options, servername: target.serverName })
    markProbe(socket)
    let connected = false
    const end = (asked: Asked) => {
      signal.removeEventListener('abort', abort)
      socket.destroy()
      resolve(asked)
    }
    const abort = () => end({ kind: 'unreachable', why: 'the run was stopped' })
    signal.addEventListener('abort', abort, { once: true })
    socket.setTimeout(3_000, () => end({ kind: 'unreachable', why: `no answer to a handshake of ${version}` }))
    socket.on('connect', () => (connected = true))
    socket.on('secureConnect', () => end({ kind: 'accepted', version, suite: 0 }))
    socket.on('error', (error) => end(connected ? { kind: 'refused' } : { kind: 'unreachable', why: error.message }))
    socket.on('close', () => end({ kind: 'refused' }))
    if (signal.aborted) abort()
  })
}
