import { type Told, by, times } from './fact-words.ts'

/** What a person wants to read of one-time codes and enrollments. */
export const toldOfEst: readonly (readonly [kind: string, told: Told])[] = [
  ['enrollment-code-added', (of) => [`one-time code ${of('code')} for ${of('devices')}`, times(of('uses')), by(of('actor'))]],
  ['enrollment-code-removed', (of) => [`one-time code ${of('code')} ended`, by(of('actor'))]],
  [
    'est-enrolled',
    (of) => [
      of('operation'),
      of('code') === '' ? 'by its certificate' : `by code ${of('code')}`,
      `serial ${of('serial')}`,
      `from ${of('address')}`,
    ],
  ],
]
