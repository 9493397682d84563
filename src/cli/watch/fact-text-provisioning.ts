import { type Told, as, by, times } from './fact-words.ts'

/** What a person wants to read of devices that register, and of who may. */
export const toldOfProvisioning: readonly (readonly [kind: string, told: Told])[] = [
  [
    'device-registered',
    (of) => [
      `at ${of('hub')}`,
      `by ${of('enrollment')}`,
      of('proof'),
      of('substatus'),
      as('registration', of('registration'), of('device')),
    ],
  ],
  ['registration-failed', (of) => [`registration ${of('registration')}`, `by ${of('enrollment')}`, `${of('code')}: ${of('message')}`]],
  ['registration-refused', (of) => [`registration ${of('registration')}`, of('reason'), `from ${of('address')}`, times(of('count'))]],
  ['enrollment-changed', (of) => [of('action'), of('enrollment'), by(of('actor'))]],
  ['registration-deleted', (of) => [`registration ${of('registration')}`, by(of('actor'))]],
]
