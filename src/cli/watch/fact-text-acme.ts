import { type Told, by } from './fact-words.ts'

/** What a person wants to read of ACME accounts, proofs and certificates. */
export const toldOfAcme: readonly (readonly [kind: string, told: Told])[] = [
  ['acme-account-changed', (of) => [`ACME account ${of('name')} ${of('change').replace('-', ' ')}`, by(of('actor'))]],
  [
    'acme-name-proven',
    (of) => [
      `${of('identifier')} ${of('proven') === 'true' ? 'proven' : 'not proven'} by ${of('method')}`,
      of('address') === '' ? of('code') : `at ${of('address')}`,
      `for ${of('name')}`,
    ],
  ],
  ['acme-issued', (of) => [of('identifiers'), `for ${of('name')}`, `serial ${of('serial')}`, `from ${of('address')}`]],
]
