import { reachable } from '../address.ts'
import type { PlaintextAnswer, PlaintextProtocol, Sighting } from '../evidence.ts'
import type { Listener } from '../ports.ts'
import { exchangeTcp, exchangeUdp } from './exchange.io.ts'
import { type PlaintextProbe, isTlsAlert, plaintextProbes } from './plaintext.ts'
import { openWeakCoap, openWeakPlaintext } from './weak-listener.io.ts'

type Target = { readonly host: string; readonly port: number }

/** Speaks one protocol in the clear to `target` and says what came back; a string is why nobody could be asked. */
export async function probePlaintext(
  target: Target,
  probe: PlaintextProbe,
  signal: AbortSignal,
): Promise<{ readonly answer: PlaintextAnswer } | { readonly unreachable: string }> {
  if (probe.transport === 'udp') {
    const reply = await exchangeUdp(target, probe.request, signal)
    // Silence of a datagram port is no service: nothing there answers, encrypted or not.
    return { answer: reply.kind === 'bytes' && probe.answers(reply.bytes) ? 'plaintext' : 'closed' }
  }
  const reply = await exchangeTcp(target, probe.request, (bytes) => probe.answers(bytes) || isTlsAlert(bytes), signal)
  if (reply.kind === 'unreachable') return { unreachable: reply.why }
  if (reply.kind !== 'bytes') return { answer: reply.kind }
  if (probe.answers(reply.bytes)) return { answer: 'plaintext' }
  return { answer: isTlsAlert(reply.bytes) ? 'alert' : 'closed' }
}

/** Speaks every protocol in the clear to every listener, after the probes have proven that they notice a plaintext server. */
export async function collectPlaintext(listeners: readonly Listener[], signal: AbortSignal): Promise<Sighting[]> {
  const broken = await brokenPlaintextProbe(signal)
  const each = listeners.map(async (listener): Promise<Sighting> => {
    const subject = { kind: 'listener', id: listener.name } as const
    if (broken !== null) return { method: 'plaintext-probe', subject, problem: `probe-broken: ${broken}` }
    const target = { host: reachable(listener.host), port: listener.port }
    const answers: { protocol: PlaintextProtocol; answer: PlaintextAnswer }[] = []
    for (const [probe, said] of await Promise.all(
      plaintextProbes.map(async (one) => [one, await probePlaintext(target, one, signal)] as const),
    )) {
      if ('unreachable' in said) return { method: 'plaintext-probe', subject, problem: `unreachable: ${said.unreachable}` }
      answers.push({ protocol: probe.protocol, answer: said.answer })
    }
    return { method: 'plaintext-probe', subject, observed: { answers } }
  })
  return Promise.all(each)
}

/** What the plaintext probes failed to notice on servers that do answer in the clear; null when they noticed all. */
export async function brokenPlaintextProbe(signal: AbortSignal): Promise<string | null> {
  await using stream = await openWeakPlaintext()
  await using datagram = await openWeakCoap()
  for (const probe of plaintextProbes) {
    const port = probe.transport === 'tcp' ? stream.port : datagram.port
    const said = await probePlaintext({ host: '127.0.0.1', port }, probe, signal)
    if (!('answer' in said) || said.answer !== 'plaintext') return `a plaintext ${probe.protocol.toUpperCase()} server was not noticed`
  }
  return null
}
