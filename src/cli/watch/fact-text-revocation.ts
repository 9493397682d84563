import { type Told, by } from './fact-words.ts'

/** What people want to read of facts about revocation. */
export const toldOfRevocation: readonly (readonly [string, Told])[] = [
  [
    'certificates-revoked',
    (of) => [
      of('by') === 'devices' ? `of ${of('value')} devices` : `${of('by')} ${of('value')}`,
      `${of('certificates')} certificate${of('certificates') === '1' ? '' : 's'}`,
      `closed ${of('closed')} of ${of('sessions')} in ${Math.round(Number(of('durationMs')))} ms`,
      of('reason'),
      by(of('actor')),
    ],
  ],
  [
    'revocation-list-ageing',
    (of) => [
      of('share') === '100' ? 'is over' : `${of('share')} % of its life are over`,
      of('whose') === 'ours' ? `our issuer ${of('issuer')}` : of('issuer'),
    ],
  ],
  ['revocation-lists-stuck', (of) => [of('message'), of('issuers')]],
  ['responder-renewed', (of) => [`for issuer ${of('issuer')}`, `serial ${of('serial')}`]],
]
