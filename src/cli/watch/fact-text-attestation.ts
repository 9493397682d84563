import { type Told, by } from './fact-words.ts'

/** What a person wants to read of TPMs. */
export const toldOfAttestation: readonly (readonly [kind: string, told: Told])[] = [
  [
    'device-attested',
    (of) => ['its TPM has proven key', of('key').slice(0, 20), of('policy') === '' ? '' : `policy ${of('policy')}`, of('clock')],
  ],
  ['attestation-refused', (of) => [of('reason'), of('code'), `from ${of('address')}`]],
  ['tpm-clone-suspected', (of) => ['two machines seem to use one TPM:', of('reason'), `from ${of('address')}`]],
  ['attestation-changed', (of) => [of('change'), of('subject'), by(of('actor'))]],
]
