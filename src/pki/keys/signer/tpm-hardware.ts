import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPair, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { type Hardware, SignerTrouble } from './child.ts'

/*
 * This process runs with an OpenSSL configuration that prefers the tpm2 provider, so that node:crypto's own calls make, load and use keys
 * in the TPM: children of the storage primary of the owner hierarchy, wrapped by it ("TSS2 PRIVATE KEY"). A TPM without a resource
 * manager has room for three objects, and loading takes one for the primary: one key is kept loaded, and released through the collector.
 */
const generate = promisify(generateKeyPair)
const probe = Buffer.from('thingwall key check')

/** Keys of the TPM that the provider was told of. `collect` runs the garbage collector: only that lets go of an object in the TPM. */
export function tpmHardware(collect: () => void): Hardware {
  let loaded: { readonly handle: Buffer | undefined; readonly key: KeyObject } | undefined
  let queue: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = queue.then(work)
    queue = mine.catch(() => {})
    return mine
  }
  const release = async (): Promise<void> => {
    loaded = undefined
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  const make = async (): Promise<Buffer> => {
    await release()
    const { privateKey, publicKey } = await generate('ec', { namedCurve: 'P-256' })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
    publicKey.export({ type: 'spki', format: 'der' })
    const blob = blobOf(pem)
    if (blob === undefined) throw new SignerTrouble('unavailable', 'The OpenSSL provider for the TPM did not make the key in the TPM.')
    return blob
  }
  const load = async (handle: Buffer): Promise<KeyObject> => {
    if (loaded?.handle?.equals(handle) === true) return loaded.key
    const trouble = boundTo(handle)
    if (trouble !== undefined) throw trouble
    await release()
    let key: KeyObject
    try {
      key = createPrivateKey(pemOf(handle))
    } catch (error) {
      // The TPM says an integrity error for what another TPM wrapped; to tell that from a TPM that is gone, it is asked for something else.
      await make()
      throw new SignerTrouble(
        'key-missing',
        `This TPM cannot load the key: another TPM made it, or the owner hierarchy was cleared (${messageOf(error)}).`,
      )
    }
    loaded = { handle: Buffer.from(handle), key }
    return key
  }
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw error instanceof SignerTrouble
        ? error
        : new SignerTrouble('unavailable', `The TPM does not answer as it should (${messageOf(error)}).`)
    }
  }
  return {
    check: () =>
      inTurn(() =>
        attempt(async () => {
          if (loaded === undefined) {
            const handle = await make()
            await release()
            await load(handle)
          }
          if (loaded !== undefined) sign('sha256', probe, loaded.key)
        }),
      ),
    make: () =>
      inTurn(() =>
        attempt(async () => {
          const handle = await make()
          await release()
          return { handle, publicKey: publicOf(await load(handle)) }
        }),
      ),
    find: (handle) => inTurn(() => attempt(async () => publicOf(await load(handle)))),
    sign: (handle, data) => inTurn(() => attempt(async () => sign('sha256', data, await load(handle)))),
  }
}

const label = 'TSS2 PRIVATE KEY'

function blobOf(pem: string): Buffer | undefined {
  const inner = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`).exec(pem)?.[1]
  return inner === undefined ? undefined : Buffer.from(inner, 'base64')
}

function pemOf(blob: Buffer): string {
  return `-----BEGIN ${label}-----\n${blob.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
}

function publicOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' })
}

/**
 * Refuses a blob whose public area (TPM 2.0 part 2, 12.2.4) does not say fixedTPM, fixedParent and sensitiveDataOrigin: such a key
 * could exist elsewhere. The TPM checks the area against the private half when it loads the key.
 */
function boundTo(blob: Buffer): SignerTrouble | undefined {
  // TPMT_PUBLIC of an ECC key with SHA-256 names; the attributes follow.
  const at = blob.indexOf(Buffer.from('0023000b', 'hex'))
  const attributes = at < 0 || at + 8 > blob.length ? 0 : blob.readUInt32BE(at + 4)
  const bound = 0x02 | 0x10 | 0x20
  return (attributes & bound) === bound
    ? undefined
    : new SignerTrouble('key-exportable', 'The key was not made inside this TPM, or may leave it.')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
