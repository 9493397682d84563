import { type Told, seconds } from './fact-words.ts'

/** What a person wants to read of the places where keys of issuers are kept. */
export const toldOfKeys: readonly (readonly [kind: string, told: Told])[] = [
  ['key-store-away', (of) => [of('title'), of('message')]],
  ['key-store-back', (of) => [of('title'), `after ${seconds(of('durationMs'))}`]],
]
