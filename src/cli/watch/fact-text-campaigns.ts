import { type Told, by } from './fact-words.ts'

/** What a person wants to read of campaigns that move the fleet to a new root. */
export const toldOfCampaigns: readonly (readonly [kind: string, told: Told])[] = [
  ['campaign-started', (of) => [`a new root for ${of('devices')} devices`, by(of('actor'))]],
  ['campaign-held', (of) => [`held: ${of('reason')}`, by(of('by'))]],
  ['campaign-resumed', (of) => ['goes on', by(of('actor'))]],
  ['campaign-cut-over', (of) => [`known by the new root, ${of('proven')} of ${of('devices')} proven`, by(of('actor'))]],
  ['campaign-ended', (of) => [of('outcome'), of('excepted') === '0' ? '' : `without ${of('excepted')}`, by(of('actor'))]],
  ['trust-proven', (of) => [`trusts the new root, certificate ${of('fingerprint').slice(0, 16)}`]],
]
