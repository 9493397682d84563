import { scopeOf } from '../address.ts'
import { type Control, type Ruling, conclude, fullPass as pass, unseen } from '../control.ts'
import { type EvidenceOf, type TlsVersion, evidenceBy } from '../evidence.ts'

const tooOld: ReadonlySet<TlsVersion> = new Set<TlsVersion>(['SSLv3', 'TLSv1', 'TLSv1.1'])

/** Everything that listens is declared and speaks TLS; what is spoken to it in the clear gets no answer. */
export const twCon01: Control = {
  id: 'TW-CON-01',
  title: 'No plaintext listener, none undeclared',
  severity: 'critical',
  serves: ['E7'],
  recommendation: 'Use Transport Layer Security (TLS) to secure connections from assets',
  fix: 'Stop the listener or bind it to loopback; keep only the listeners of the configuration.',
  expected: 'The sockets of the process are the declared ones, and plaintext is answered by an alert or a close.',
  minimumAssurance: 'observed',
  needs: ['socket-table', 'plaintext-probe', 'tls-version-probe', 'session-log'],
  judge(evidence) {
    const tables = evidenceBy('socket-table', evidence)
    const probes = evidenceBy('plaintext-probe', evidence)
    const versions = evidenceBy('tls-version-probe', evidence)
    const sessions = evidenceBy('session-log', evidence)
    const rulings = [
      ...tables.flatMap(judgeTable),
      ...probes.flatMap(judgeProbe),
      ...versions.flatMap(judgeVersions),
      ...sessions.flatMap(judgeSessions),
    ]
    return conclude(
      rulings,
      `The kernel shows the declared sockets and no other; ${probes.length} listeners answered MQTT, HTTP, AMQP and CoAP in the clear with an alert or a close.`,
    )
  },
}

function judgeTable(entry: EvidenceOf<'socket-table'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { sockets, declared, foreignPlaintext } = entry.observed
  const rulings: Ruling[] = []
  for (const socket of sockets) {
    if (!socket.own || (socket.transport === 'tcp' && declared.some((listener) => listener.port === socket.port))) continue
    const beyond = scopeOf(socket.address) !== 'loopback'
    rulings.push({
      verdict: 'fail',
      rule: `undeclared-${socket.transport}-${socket.port}`,
      subject: { kind: 'listener', id: `${socket.address}:${socket.port}` },
      reason: `The hub's process listens on ${socket.transport} ${socket.address}:${socket.port}, which no configuration declares.`,
      observed: `${socket.transport} ${socket.address}:${socket.port}`,
      // On loopback only this host can reach it (a debugger, say): bad, but not open to the network.
      severity: beyond ? 'critical' : 'medium',
      evidence: [entry.id],
    })
  }
  for (const listener of declared) {
    const found = sockets.filter((socket) => socket.own && socket.transport === 'tcp' && socket.port === listener.port)
    const wider = found.find((socket) => scopeOf(socket.address) !== 'loopback' && scopeOf(listener.host) === 'loopback')
    if (found.length > 0 && wider === undefined) {
      rulings.push(pass('declared', `listener ${listener.name} is bound as declared`, entry))
      continue
    }
    rulings.push({
      verdict: wider === undefined ? 'unknown' : 'fail',
      rule: wider === undefined ? 'declared-not-bound' : 'bound-wider',
      subject: { kind: 'listener', id: listener.name },
      reason:
        wider === undefined
          ? `Listener ${listener.name} is declared on ${listener.host}:${listener.port} but the kernel does not show it.`
          : `Listener ${listener.name} is declared on ${listener.host} but bound to ${wider.address}.`,
      observed: wider === undefined ? 'no socket' : `${wider.address}:${wider.port}`,
      evidence: [entry.id],
    })
  }
  for (const foreign of foreignPlaintext)
    rulings.push({
      verdict: 'fail',
      rule: `foreign-plaintext-${foreign.port}`,
      subject: { kind: 'service', id: `${foreign.address}:${foreign.port}` },
      reason: `Another process of this host answers plaintext ${foreign.protocol.toUpperCase()} on ${foreign.address}:${foreign.port}.`,
      observed: `${foreign.protocol} answered in the clear`,
      evidence: [entry.id],
    })
  return rulings
}

function judgeProbe(entry: EvidenceOf<'plaintext-probe'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  return entry.observed.answers.map(({ protocol, answer }): Ruling => {
    const name = protocol.toUpperCase()
    if (answer === 'plaintext')
      return {
        verdict: 'fail',
        rule: `plaintext-${protocol}`,
        subject: entry.subject,
        reason: `Listener ${entry.subject.id} answered plaintext ${name}.`,
        observed: `${name} answered in the clear`,
        evidence: [entry.id],
      }
    if (answer === 'silent')
      return {
        verdict: 'unknown',
        rule: `silent-${protocol}`,
        subject: entry.subject,
        reason: `Listener ${entry.subject.id} neither answered nor closed on plaintext ${name}.`,
        evidence: [entry.id],
      }
    return pass(`plaintext-${protocol}`, `${entry.subject.id} answered plaintext ${name} by ${answer}`, entry)
  })
}

function judgeVersions(entry: EvidenceOf<'tls-version-probe'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const weak = entry.observed.accepted.filter((version) => tooOld.has(version))
  if (weak.length === 0) return [pass('old-hello', 'no ServerHello below TLS 1.2', entry)]
  return [
    {
      verdict: 'fail',
      rule: 'old-hello',
      subject: entry.subject,
      reason: `Listener ${entry.subject.id} answered a ClientHello of ${weak.join(', ')}.`,
      observed: weak.join(', '),
      evidence: [entry.id],
    },
  ]
}

function judgeSessions(entry: EvidenceOf<'session-log'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  if (entry.observed.plaintext === 0) return [pass('sessions', 'no session without TLS', entry)]
  return [
    {
      verdict: 'fail',
      rule: 'plaintext-session',
      subject: entry.subject,
      reason: `${entry.observed.plaintext} sessions of the last 24 hours ran without TLS.`,
      observed: `${entry.observed.plaintext} sessions`,
      evidence: [entry.id],
    },
  ]
}
