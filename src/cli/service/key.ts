import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { type Result, ok } from '#base'
import { type Problem, exit, stop } from '../exit.ts'

/** The key of a new back end: the public part as JWK, and the private one (PEM) where it was made here. */
export type ServiceKey = { readonly publicKey: unknown; readonly privatePem: string | undefined }

/** A fresh P-256 key pair. */
export function makeServiceKey(): ServiceKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { publicKey: publicKey.export({ format: 'jwk' }), privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

/** The key of a back end that keeps it to itself: what it gave, PEM or JWK. A private key is refused: it has no business here. */
export function readPublicKey(content: string, path: string): Result<ServiceKey, Problem> {
  const no = (why: string) => stop(exit.usage, `${path} is no public key.`, why, 'give the public part alone, as PEM or JWK.')
  const jwk = jwkIn(content)
  try {
    if (jwk === undefined) {
      if (content.includes('PRIVATE KEY') || isPrivate(content)) return no('it holds a private key, which never leaves its back end.')
      return ok({ publicKey: createPublicKey(content).export({ format: 'jwk' }), privatePem: undefined })
    }
    if ('d' in jwk || 'k' in jwk) return no('it holds a private or secret key, which never leaves its back end.')
    return ok({ publicKey: jwk, privatePem: undefined })
  } catch {
    return no('it is neither PEM nor JWK.')
  }
}

function jwkIn(content: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(content)
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined
  } catch {
    return undefined
  }
}

function isPrivate(pem: string): boolean {
  try {
    return createPrivateKey(pem).type === 'private'
  } catch {
    return false
  }
}
