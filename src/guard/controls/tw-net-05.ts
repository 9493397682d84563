import { type Instant, isoTime } from '#base'
import { type Control, type Ruling, conclude, fullPass, unseen } from '../control.ts'
import { type EvidenceOf, evidenceBy } from '../evidence.ts'
import type { Policy } from '../policy.ts'

/** Nothing of ours can be reached from the public internet, unless somebody has put their name and a date to it. */
export const twNet05: Control = {
  id: 'TW-NET-05',
  title: 'No public exposure without a reason',
  severity: 'high',
  serves: ['C24'],
  recommendation: 'Disable public network access if not required',
  fix: 'Bind the listener to a private address, remove the port mapping, or record the owner and the end date of the public ingress.',
  expected: 'No listener is reachable from a public address, or the public ingress has an owner and an end in the future.',
  minimumAssurance: 'observed',
  needs: ['exposure', 'session-log'],
  judge(evidence, policy, now) {
    const exposures = evidenceBy('exposure', evidence)
    const sessions = evidenceBy('session-log', evidence)
    const binds = exposures[0]?.observed?.binds.map(({ listener, host }) => `${listener} on ${host}`) ?? []
    const rulings = [...exposures.flatMap(judgeExposure), ...sessions.flatMap(judgeSessions)].map((ruling) => excuse(ruling, policy, now))
    const excused = rulings
      .filter((ruling) => ruling.verdict === 'pass' && ruling.rule.startsWith('permitted-'))
      .map((ruling) => ruling.reason)
    return conclude(rulings, excused.length > 0 ? excused.join(' ') : `Nothing is reachable from a public address: ${binds.join(', ')}.`)
  },
}

function judgeExposure(entry: EvidenceOf<'exposure'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const { binds, publicBinds, portMappings, addresses } = entry.observed
  const open = binds.filter((bind) => bind.scope !== 'loopback')
  const global = addresses.filter((address) => address.scope === 'global').map((address) => address.address)
  const rulings = publicBinds.map((listener): Ruling => ({
    verdict: 'fail',
    rule: 'public-bind',
    subject: { kind: 'listener', id: listener },
    reason: `Listener ${listener} is reachable on a public address of this host (${global.slice(0, 3).join(', ')}).`,
    observed: global.join(', '),
    evidence: [entry.id],
  }))
  for (const mapping of portMappings ?? [])
    rulings.push({
      verdict: 'fail',
      rule: 'port-mapping',
      subject: { kind: 'hub', id: 'hub' },
      reason: `The router sends a public port to this host: ${mapping}.`,
      observed: mapping,
      evidence: [entry.id],
    })
  // A router can only map a port to us when we listen beyond loopback.
  if (portMappings === null && open.length > 0)
    rulings.push({
      verdict: 'pass',
      capped: true,
      rule: 'port-mappings-unseen',
      subject: { kind: 'hub', id: 'hub' },
      reason: `${open.map((bind) => bind.listener).join(', ')} listen beyond loopback and the router was not asked for port mappings.`,
      evidence: [entry.id],
    })
  return rulings.length > 0 ? rulings : [fullPass('exposure', 'no public bind', entry)]
}

function judgeSessions(entry: EvidenceOf<'session-log'>): Ruling[] {
  if (entry.problem !== null) return [unseen(entry)]
  const peers = entry.observed.publicPeers
  if (peers.length === 0) return [fullPass('public-peers', 'no public peer', entry)]
  const reason = `Peers with public addresses were connected: ${peers.slice(0, 3).join(', ')}${peers.length > 3 ? ', ...' : ''}.`
  return [
    { verdict: 'fail', rule: 'public-peer', subject: { kind: 'hub', id: 'hub' }, reason, observed: peers.join(', '), evidence: [entry.id] },
  ]
}

/** A recorded and unexpired permission turns exposure into a pass that still shows; an expired one excuses nothing. */
function excuse(ruling: Ruling, policy: Policy, now: Instant): Ruling {
  if (ruling.verdict !== 'fail' || policy.publicIngress === null) return ruling
  const { owner, until } = policy.publicIngress
  if (owner.trim() === '' || until <= now)
    return {
      ...ruling,
      reason: `${ruling.reason} The recorded permission ${owner.trim() === '' ? 'has no owner' : `ended ${isoTime(until)}`}.`,
    }
  return {
    ...ruling,
    verdict: 'pass',
    rule: `permitted-${ruling.rule}`,
    reason: `${ruling.reason} ${owner} answers for it until ${isoTime(until)}.`,
  }
}
