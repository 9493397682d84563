import { type Told, by, unlessNone } from './fact-words.ts'

/** What a person wants to read of lots that a factory makes. */
export const toldOfFactory: readonly (readonly [kind: string, told: Told])[] = [
  ['lot-changed', (of) => [`lot ${of('lot')}: ${of('action')}`, `${of('count')} devices of group ${of('group')}`, by(of('actor'))]],
  [
    'lot-reported',
    (of) => [
      `lot ${of('lot')}: ${of('merged')} devices reported`,
      unlessNone(of('known'), 'known before'),
      unlessNone(of('refused'), 'REFUSED'),
      by(of('actor')),
    ],
  ],
  ['lot-device-refused', (of) => [`lot ${of('lot')}: ${of('registration')}`, of('reason'), `serial ${of('serial')}`]],
]
