import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { Secret } from '#base'
import { type PublicKey, parsePublicKey } from '#wire/x509'
import { type SigningKey, memoryKey } from './keys/signing-key.ts'

const generate = promisify(generateKeyPair)

/** A fresh EC P-256 pair; the private half as PKCS #8 DER. */
export type KeyPair = { readonly publicKey: PublicKey; readonly privateKey: Secret }

/** Makes a pair on the thread pool, so that a thousand of them do not hold up the loop. */
export async function makeKeyPair(): Promise<KeyPair> {
  const { publicKey, privateKey } = await generate('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  })
  const parsed = parsePublicKey(publicKey)
  if (!parsed.ok) throw new Error('bug: a fresh key cannot be read')
  return { publicKey: parsed.value, privateKey: new Secret(privateKey) }
}

/** The key as it signs. The bytes are not kept by us; the library has its own copy. */
export function signingKey(privateKey: Secret): SigningKey {
  const key = privateKey.use((der) => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  const read = parsePublicKey(createPublicKey(key).export({ format: 'der', type: 'spki' }))
  if (!read.ok) throw new Error('bug: a key of ours has no public half')
  return memoryKey(key, read.value)
}

/** PEM text of a private key (RFC 5958), still secret. */
export function privateKeyPem(privateKey: Secret): Secret {
  return privateKey.use((der) => {
    const lines = der.toString('base64').replace(/.{1,64}/g, '$&\n')
    return new Secret(Buffer.from(`-----BEGIN PRIVATE KEY-----\n${lines}-----END PRIVATE KEY-----\n`, 'latin1'))
  })
}
