import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { PKCS11 } from 'pkcs11js'
import { systemRandom } from '#base'
import { derOfRawSignature, spkiOfPoint } from '../ecdsa.ts'
import { type Hardware, SignerTrouble } from './child.ts'
import { tokenWrapping } from './token-wrapping.ts'

type Pkcs11 = typeof import('pkcs11js')

/** Where the token is: the module's path, the token's label, the file with the user's PIN. */
export type TokenPlace = { readonly module: string; readonly token: string; readonly pinFile: string }

const p256 = Buffer.from('06082a8648ce3d030107', 'hex')
const sessions = 8
/** CKF_TOKEN_PRESENT (PKCS #11 2.40, 3.2), which the package does not name. */
const tokenPresent = 1

/** The token behind a PKCS #11 module, logged in. The PIN is read here and nowhere else; it is tried once. */
export async function openToken(place: TokenPlace): Promise<Hardware> {
  const pkcs11: Pkcs11 = await import('pkcs11js').then(
    (loaded) => loaded.default ?? loaded,
    () => {
      throw new SignerTrouble(
        'unavailable',
        'The package pkcs11js is not there or was not built. Install it where the hub runs: npm install pkcs11js.',
      )
    },
  )
  const library = new pkcs11.PKCS11()
  const trying = <T>(what: string, work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw error instanceof SignerTrouble ? error : new SignerTrouble('unavailable', `${what} (${nameOf(error)}).`)
    }
  }
  trying(`The PKCS #11 module ${place.module} cannot be loaded. Name the right file`, () => {
    library.load(place.module)
    // Signatures are made on several threads.
    library.C_Initialize({ flags: pkcs11.CKF_OS_LOCKING_OK })
  })
  const slot = trying('The module does not tell its tokens', () => findSlot(library, place.token))
  const flags = trying('The token does not tell its state', () => library.C_GetTokenInfo(slot).flags)
  if (flags & pkcs11.CKF_USER_PIN_LOCKED)
    throw new SignerTrouble('pin', 'The token has locked its PIN. Its security officer can unlock it.')
  if (flags & pkcs11.CKF_USER_PIN_FINAL_TRY)
    throw new SignerTrouble(
      'pin',
      'The token would lock itself at one more wrong PIN, so none is tried. Log in once by hand, then touch the PIN file.',
    )
  const pin = await readPin(place.pinFile)
  const main = trying('The token opens no session', () => library.C_OpenSession(slot, pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION))
  try {
    library.C_Login(main, pkcs11.CKU_USER, pin.toString('utf8'))
  } catch (error) {
    const code = nameOf(error)
    if (code.includes('PIN'))
      throw new SignerTrouble(
        'pin',
        `The token refused the PIN (${code}). Put the right one into ${place.pinFile}; it is not tried again before that.`,
      )
    throw new SignerTrouble('unavailable', `The token lets nobody log in (${code}).`)
  } finally {
    pin.fill(0)
  }
  const pool = trying('The token opens no more sessions', () =>
    Array.from({ length: sessions }, () => library.C_OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)),
  )
  return tokenHardware(pkcs11, library, slot, main, pool, trying)
}

function tokenHardware(
  pkcs11: Pkcs11,
  library: PKCS11,
  slot: Buffer,
  main: Buffer,
  pool: Buffer[],
  trying: <T>(what: string, work: () => T) => T,
): Hardware {
  const known = new Map<string, { readonly key: Buffer; readonly spki: Buffer }>()
  const waiting: ((session: Buffer) => void)[] = []
  const gone = 'The token does not answer; put it back'
  const objects = (kind: number, id: Buffer): readonly Buffer[] => {
    library.C_FindObjectsInit(main, [
      { type: pkcs11.CKA_CLASS, value: kind },
      { type: pkcs11.CKA_ID, value: id },
    ])
    try {
      return library.C_FindObjects(main, 2)
    } finally {
      library.C_FindObjectsFinal(main)
    }
  }
  const find = (id: Buffer): { readonly key: Buffer; readonly spki: Buffer } => {
    const name = id.toString('hex')
    const before = known.get(name)
    if (before !== undefined) return before
    const [[key, twin], [shown]] = trying(gone, () => [objects(pkcs11.CKO_PRIVATE_KEY, id), objects(pkcs11.CKO_PUBLIC_KEY, id)])
    if (key === undefined || shown === undefined || twin !== undefined)
      throw new SignerTrouble('key-missing', `The token has no key ${name}, or more than one.`)
    trying(gone, () => refuseExportable(pkcs11, library, main, key))
    const point = trying(gone, () => library.C_GetAttributeValue(main, shown, [{ type: pkcs11.CKA_EC_POINT }])[0]?.value)
    const spki = point instanceof Buffer ? spkiOfPoint(point) : undefined
    if (spki === undefined) throw new SignerTrouble('key-missing', `The key ${name} in the token is not on P-256.`)
    if (known.size >= 256) known.clear()
    known.set(name, { key, spki })
    return { key, spki }
  }
  const withSession = async <T>(work: (session: Buffer) => Promise<T>): Promise<T> => {
    const session = pool.pop() ?? (await new Promise<Buffer>((resolve) => waiting.push(resolve)))
    try {
      return await work(session)
    } finally {
      const next = waiting.shift()
      if (next === undefined) pool.push(session)
      else next(session)
    }
  }
  return {
    ...tokenWrapping(
      pkcs11,
      library,
      main,
      (key) => refuseExportable(pkcs11, library, main, key),
      (work) => trying(gone, work),
    ),
    async check() {
      // A module may remember a token that was pulled; what it was asked last is asked of the token itself.
      trying(gone, () => {
        if ((library.C_GetSlotInfo(slot).flags & tokenPresent) === 0)
          throw new SignerTrouble('unavailable', `${gone} (CKR_TOKEN_NOT_PRESENT).`)
        library.C_GetSessionInfo(main)
        objects(pkcs11.CKO_PRIVATE_KEY, Buffer.from('thingwall'))
      })
    },
    async make(label) {
      const id = systemRandom.bytes(16)
      const common = [
        { type: pkcs11.CKA_TOKEN, value: true },
        { type: pkcs11.CKA_ID, value: id },
        { type: pkcs11.CKA_LABEL, value: label },
      ]
      const pair = trying('The token makes no key', () =>
        library.C_GenerateKeyPair(
          main,
          { mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN },
          [...common, { type: pkcs11.CKA_EC_PARAMS, value: p256 }, { type: pkcs11.CKA_VERIFY, value: true }],
          [
            ...common,
            { type: pkcs11.CKA_PRIVATE, value: true },
            { type: pkcs11.CKA_SENSITIVE, value: true },
            { type: pkcs11.CKA_EXTRACTABLE, value: false },
            { type: pkcs11.CKA_SIGN, value: true },
            { type: pkcs11.CKA_DERIVE, value: false },
          ],
        ),
      )
      try {
        return { handle: id, publicKey: find(id).spki }
      } catch (error) {
        // What could leave the token is not left lying in it.
        library.C_DestroyObject(main, pair.privateKey)
        library.C_DestroyObject(main, pair.publicKey)
        throw error
      }
    },
    find: async (handle) => {
      known.delete(handle.toString('hex'))
      return find(handle).spki
    },
    async sign(handle, data) {
      const { key } = find(handle)
      const digest = createHash('sha256').update(data).digest()
      const raw = await withSession(async (session) => {
        try {
          library.C_SignInit(session, { mechanism: pkcs11.CKM_ECDSA }, key)
          return await library.C_SignAsync(session, digest, Buffer.alloc(64))
        } catch (error) {
          throw new SignerTrouble('unavailable', `${gone} (${nameOf(error)}).`)
        }
      })
      const der = derOfRawSignature(raw)
      if (der === undefined) throw new SignerTrouble('unavailable', 'The token gave a signature of a wrong size.')
      return der
    },
  }
}

function findSlot(library: PKCS11, token: string): Buffer {
  const slots = library.C_GetSlotList(true)
  const fitting = slots.filter((slot) => library.C_GetTokenInfo(slot).label.trimEnd() === token)
  const [slot] = fitting
  if (slot === undefined)
    throw new SignerTrouble('unavailable', `The module has no token with the label "${token}"; put it in, or name the right one.`)
  if (fitting.length > 1) throw new SignerTrouble('unavailable', `The module has more than one token with the label "${token}".`)
  return slot
}

/** A key that may leave the token, in the clear or wrapped, or was ever able to, is none that we use. */
function refuseExportable(pkcs11: Pkcs11, library: PKCS11, session: Buffer, key: Buffer): void {
  const types = [pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_ALWAYS_SENSITIVE, pkcs11.CKA_NEVER_EXTRACTABLE]
  const read = library.C_GetAttributeValue(
    session,
    key,
    types.map((type) => ({ type })),
  )
  const [sensitive, extractable, always, never] = read.map(({ value }) => value instanceof Buffer && value[0] === 1)
  if (sensitive !== true || extractable !== false || always !== true || never !== true)
    throw new SignerTrouble(
      'key-exportable',
      'The key in the token may leave it, or once might have. The hub uses only keys that never could.',
    )
}

async function readPin(path: string): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new SignerTrouble('pin', `The file with the PIN, ${path}, cannot be read (${nameOf(error)}).`)
  })
  try {
    const { mode, size, isFile } = await file.stat().then((found) => ({ mode: found.mode, size: found.size, isFile: found.isFile() }))
    if (!isFile || size === 0 || size > 1_024) throw new SignerTrouble('pin', `${path} is not a small file with a PIN.`)
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw new SignerTrouble('pin', `Others can read the PIN in ${path}. Run chmod 600 on it, and change the PIN if anyone may have.`)
    const bytes = await file.readFile()
    const end = bytes.indexOf(10)
    const pin = Buffer.from(end < 0 ? bytes : bytes.subarray(0, bytes[end - 1] === 13 ? end - 1 : end))
    bytes.fill(0)
    return pin
  } finally {
    await file.close()
  }
}

/** The short name of what a module or the system said: `CKR_PIN_INCORRECT`, `ENOENT`. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const code: unknown = Reflect.get(error, 'code')
  return (typeof code === 'string' ? code : error.message).split(/[:\n]/)[0] ?? 'unknown'
}
