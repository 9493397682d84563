import { verify } from 'node:crypto'
import { Fault, type Result, ok, refuse } from '#base'
import { type PublicKey, importPublicKey, parsePublicKey } from '#wire/x509'
import type { SignerSupervisor } from './signer/supervisor.ts'
import type { KeyPlace, KeyStore, SigningKey } from './signing-key.ts'
import type { Sealing } from './software-keys.ts'

/*
 * A reference is sealed by the vault: `version u8 = 1 | length of the public key u16 BE | public key (SubjectPublicKeyInfo) | handle`. The handle of a token is
 * its CKA_ID; that of a TPM is the private key wrapped by the TPM for itself. With the public half at hand a hub starts while its hardware is away.
 */
const version = 1

/** Keys in a token or TPM, behind their signer process. */
export type HardwarePorts = Sealing & {
  readonly place: KeyPlace
  readonly title: string
  readonly signer: Pick<SignerSupervisor, 'ask' | 'state' | 'settled'>
  readonly close: () => Promise<void>
}

/**
 * The store. `open` gives a key while the hardware is away too, and its `sign` then throws until the hardware is back. Every signature is verified
 * before it leaves here, so a fault in the hardware, or on the way, is a Fault `pki/signature-wrong` and never a certificate.
 */
export function hardwareKeys({ place, title, signer, seal, unseal, close }: HardwarePorts): KeyStore {
  const keyOf = (publicKey: PublicKey, handle: Buffer): SigningKey => {
    const verifier = importPublicKey(publicKey)
    if (verifier === undefined) throw new Error('bug: a key in hardware is of no kind that we know')
    return {
      place,
      publicKey,
      async sign(data) {
        const { answer, body } = await signer.ask({ op: 'sign', handle }, data)
        if (!answer.ok) throw new Fault('pki/key-unavailable', answer.message)
        if (!verify('sha256', data, verifier, body))
          throw new Fault(
            'pki/signature-wrong',
            `A signature by ${title} does not fit its key. Nothing was issued; have the hardware looked at.`,
          )
        return Buffer.from(body)
      },
    }
  }
  return {
    place,
    title,
    state: () => signer.state(),
    async make(purpose) {
      const made = await asked(() => signer.ask({ op: 'make', label: `thingwall ${purpose}`.slice(0, 64) }))
      if (!made.ok) return made
      const { answer } = made.value
      if (!answer.ok)
        return answer.trouble === 'key-exportable'
          ? refuse('pki/key-exportable', answer.message)
          : refuse('pki/key-missing', answer.message)
      const { handle, publicKey: spki } = answer
      const publicKey = spki === undefined ? undefined : parsePublicKey(spki)
      if (handle === undefined || !publicKey?.ok)
        throw new Fault('pki/key-unavailable', 'The signer process made a key that cannot be read.')
      const key = keyOf(publicKey.value, handle)
      // Proof that what was made signs, before anything relies on it.
      const proven = await asked(() => key.sign(Buffer.from(`thingwall key proof ${purpose}`)))
      return proven.ok ? ok({ key, reference: seal(purpose, encodeReference(publicKey.value.der, handle)) }) : proven
    },
    async open(purpose, reference) {
      const opened = unseal(purpose, reference)
      if (!opened.ok) return opened
      using secret = opened.value
      const read = secret.use(decodeReference)
      if (!read.ok) return read
      const { publicKey, handle } = read.value
      await signer.settled()
      const found = signer.state().kind === 'ready' ? await asked(() => signer.ask({ op: 'find', handle })) : undefined
      if (found?.ok === true && !found.value.answer.ok) {
        const { trouble, message } = found.value.answer
        return trouble === 'key-exportable' ? refuse('pki/key-exportable', message) : refuse('pki/key-missing', message)
      }
      if (found?.ok === true && found.value.answer.ok && found.value.answer.publicKey?.equals(publicKey.der) === false)
        return refuse('pki/key-missing', `${title} holds another key under this one's name.`)
      return ok(keyOf(publicKey, handle))
    },
    [Symbol.asyncDispose]: close,
  }
}

async function asked<T>(ask: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await ask())
  } catch (error) {
    if (error instanceof Fault && error.code === 'pki/key-unavailable') return refuse('pki/key-unavailable', error.message)
    throw error
  }
}

function encodeReference(spki: Buffer, handle: Buffer): Buffer {
  return Buffer.concat([Buffer.from([version, spki.length >>> 8, spki.length & 0xff]), spki, handle])
}

function decodeReference(bytes: Buffer): Result<{ readonly publicKey: PublicKey; readonly handle: Buffer }> {
  const length = bytes.length < 3 ? 0 : bytes.readUInt16BE(1)
  const handle = Buffer.from(bytes.subarray(3 + length))
  const publicKey = parsePublicKey(Buffer.from(bytes.subarray(3, 3 + length)))
  if (bytes[0] !== version || handle.length === 0 || !publicKey.ok)
    return refuse(
      'pki/key-missing',
      'The reference to a key in hardware cannot be read. It was made by another version, or in another place.',
    )
  return ok({ publicKey: publicKey.value, handle })
}
