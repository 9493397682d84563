import { type Told, by } from './fact-words.ts'

const rights = (given: string) => (given === '' || given === '[]' ? 'nothing any more' : given)

/** What a person wants to read of secrets. */
export const toldOfSecrets: readonly (readonly [kind: string, told: Told])[] = [
  ['secret-changed', (of) => [`secret ${of('name')} ${of('what') === 'rotation' ? 'has another rotation' : of('what')}`, by(of('actor'))]],
  ['secret-rotated', (of) => [`secret ${of('name')} rotated`, of('why'), by(of('actor'))]],
  ['secret-due', (of) => [`secret ${of('name')} is due for a new value`, of('why')]],
  ['secret-access-changed', (of) => [`${of('principal')} may ${rights(of('rights'))} on ${of('secrets')}`, by(of('actor'))]],
]
