import { argon2 } from 'node:crypto'
import { promisify } from 'node:util'
import { type Random, type Result, Secret, ok, refuse } from '#base'
import { parseJson } from '#wire/json'
import { decrypt, encrypt, keyIdOf } from './envelope.ts'
import type { GuardChoice, GuardPlace, KeyGuards, Protection } from './key-guard.ts'
import { type KeyRing, decodeOlder, encodeOlder } from './key-ring.ts'

/*
 * Theory of operation. The key file is a line of text, so that it survives copying, printing and a password manager:
 *   thingwall-root-key-1 plain KEYID KEY
 *   thingwall-root-key-1 argon2id KEYID SALT BOX
 *   thingwall-root-key-1 guarded KEYID KIND PLACE SEALED BOX
 * and, once the root key was changed, lines of older keys (`key-ring.ts`). The third form: a guard (a token, a TPM, a keyring, a passphrase file) sealed a
 * wrapping key, SEALED, which it opens at PLACE (JSON, base64url); BOX is the root key under that.
 * KEYID is derived from the key and tells a damaged file from a wrong one. BOX is the key under AES-256-GCM with a key made
 * from the passphrase by Argon2id; everything before it on the line is authenticated with it.
 */

const format = 'thingwall-root-key-1'
// RFC 9106 section 4, second recommended option: 3 passes over 64 MiB; on one lane, for a hub has two cores. Fixed by the format.
const cost = { parallelism: 1, tagLength: 32, memory: 64 * 1024, passes: 3 } as const
const minPassphraseBytes = 12
const derive = promisify(argon2)

/** The line of an unprotected key file. */
export function encodePlain(root: Secret): Buffer {
  return root.use((key) => Buffer.from(`${format} plain ${keyIdOf(root).toString('hex')} ${key.toString('base64url')}\n`, 'latin1'))
}

/** The line of a key file that opens with `passphrase` only. */
export async function encodeProtected(root: Secret, passphrase: Secret, random: Random): Promise<Buffer> {
  const salt = random.bytes(16)
  const head = `${format} argon2id ${keyIdOf(root).toString('hex')} ${salt.toString('base64url')}`
  const wrapping = await wrappingKey(passphrase, salt)
  const box = root.use((key) => encrypt(wrapping, Buffer.from(head, 'latin1'), key, random))
  wrapping.fill(0)
  return Buffer.from(`${head} ${box.toString('base64url')}\n`, 'latin1')
}

const plainLine = /^thingwall-root-key-1 plain ([0-9a-f]{16}) ([A-Za-z0-9_-]{43})$/
const protectedLine = /^(thingwall-root-key-1 argon2id ([0-9a-f]{16}) ([A-Za-z0-9_-]{22})) ([A-Za-z0-9_-]{80})$/
const guardedLine =
  /^(thingwall-root-key-1 guarded ([0-9a-f]{16}) ([a-z0-9-]{1,32}) ([A-Za-z0-9_-]{1,5600}) ([A-Za-z0-9_-]{1,8000})) ([A-Za-z0-9_-]{80})$/

/** The line of a key file that opens where `choice` says, by that guard. Refuses `vault/guard-missing` and what the guard refuses. */
export async function encodeGuarded(root: Secret, choice: GuardChoice, guards: KeyGuards, random: Random): Promise<Result<Buffer>> {
  if (choice.with === 'plain-file') return ok(encodePlain(root))
  const guard = guards[choice.with]
  if (guard === undefined) return guardMissing(choice.with)
  using wrapping = new Secret(random.bytes(32))
  const sealed = await guard.seal(choice.place, wrapping)
  if (!sealed.ok) return sealed
  const place = Buffer.from(JSON.stringify(choice.place), 'utf8').toString('base64url')
  const head = `${format} guarded ${keyIdOf(root).toString('hex')} ${choice.with} ${place} ${sealed.value.toString('base64url')}`
  const box = wrapping.use((key) => root.use((bytes) => encrypt(key, Buffer.from(head, 'latin1'), bytes, random)))
  return ok(Buffer.from(`${head} ${box.toString('base64url')}\n`, 'latin1'))
}

/** A whole key file: the first line, and the older keys of the ring. */
export function withOlder(first: Buffer, ring: KeyRing, random: Random): Buffer {
  return Buffer.concat([first, Buffer.from(encodeOlder(ring, random), 'latin1')])
}

/** A key file that was read: its keys, and what guards them. `place` is where the guard looks; undefined for the first two forms. */
export type OpenedKeyFile = { readonly ring: KeyRing; readonly protection: Protection; readonly place: GuardPlace | undefined }

/** Reads a key file. Refuses a damaged one, and a guarded one whose guard does not open it, each with what to do about it. */
export async function decodeKeyFile(bytes: Buffer, passphrase: Secret | undefined, guards: KeyGuards = {}): Promise<Result<OpenedKeyFile>> {
  const [first = '', ...rest] = bytes.toString('latin1').split('\n')
  const read = first.startsWith(`${format} guarded `) ? await decodeGuarded(first, guards) : await decodeLine(first, passphrase)
  if (!read.ok) return read
  const { root, protection, place } = read.value
  const ring = decodeOlder(root, rest.at(-1) === '' ? rest.slice(0, -1) : rest)
  return ring === undefined ? damaged() : ok({ ring, protection, place })
}

type OpenedLine = { readonly root: Secret; readonly protection: Protection; readonly place: GuardPlace | undefined }

async function decodeGuarded(line: string, guards: KeyGuards): Promise<Result<OpenedLine>> {
  const [, head = '', keyId, kind, place64 = '', sealed = '', box = ''] = guardedLine.exec(line) ?? []
  const place = placeOf(place64)
  if (!isGuard(kind) || place === undefined) return damaged()
  const guard = guards[kind]
  if (guard === undefined) return guardMissing(kind)
  const opened = await guard.open(place, Buffer.from(sealed, 'base64url'))
  if (!opened.ok) return opened
  using wrapping = opened.value
  const key = wrapping.use((held) => decrypt(held, Buffer.from(head, 'latin1'), Buffer.from(box, 'base64url')))
  if (key === undefined) return damaged()
  const root = new Secret(key)
  return keyIdOf(root).toString('hex') === keyId ? ok({ root, protection: kind, place }) : damaged()
}

function placeOf(text: string): GuardPlace | undefined {
  const json = parseJson(Buffer.from(text, 'base64url').toString('utf8'), 4_096, 2)
  if (!json.ok || json.value === null || typeof json.value !== 'object' || Array.isArray(json.value)) return undefined
  const place: Record<string, string> = {}
  for (const [name, value] of Object.entries(json.value)) {
    if (typeof value !== 'string') return undefined
    place[name] = value
  }
  return place
}

function isGuard(kind: string | undefined): kind is Exclude<Protection, 'plain-file'> {
  return kind === 'passphrase-file' || kind === 'pkcs11' || kind === 'tpm' || kind === 'keyring'
}

function guardMissing(kind: string): Result<never> {
  return refuse('vault/guard-missing', `This hub cannot use ${kind} as the guard of its root key. docs/keys.md says what it takes.`)
}

async function decodeLine(line: string, passphrase: Secret | undefined): Promise<Result<OpenedLine>> {
  const plain = plainLine.exec(line)
  if (plain) {
    const root = new Secret(Buffer.from(plain[2] ?? '', 'base64url'))
    return keyIdOf(root).toString('hex') === plain[1] ? ok({ root, protection: 'plain-file', place: undefined }) : damaged()
  }
  const kept = protectedLine.exec(line)
  if (!kept) return damaged()
  if (!passphrase)
    return refuse(
      'vault/passphrase-needed',
      'The root key is protected by a passphrase. Name the file that holds it as the passphrase file.',
    )
  const [, head = '', keyId, salt = '', box = ''] = kept
  const wrapping = await wrappingKey(passphrase, Buffer.from(salt, 'base64url'))
  const key = decrypt(wrapping, Buffer.from(head, 'latin1'), Buffer.from(box, 'base64url'))
  wrapping.fill(0)
  if (!key) return wrongPassphrase()
  const root = new Secret(key)
  return keyIdOf(root).toString('hex') === keyId ? ok({ root, protection: 'passphrase-file', place: undefined }) : damaged()
}

/** A guard whose place is a passphrase: `seal` gives salt and box. `read` fetches the passphrase of a place. */
export function passphraseGuard(
  read: (place: GuardPlace) => Promise<Result<Secret>>,
  random: Random,
): KeyGuards['passphrase-file'] & object {
  const context = Buffer.from('thingwall passphrase guard 1', 'latin1')
  return {
    async seal(place, key) {
      const passphrase = await read(place)
      if (!passphrase.ok) return passphrase
      using held = passphrase.value
      const salt = random.bytes(16)
      const wrapping = await wrappingKey(held, salt)
      const box = key.use((bytes) => encrypt(wrapping, context, bytes, random))
      wrapping.fill(0)
      return ok(Buffer.concat([salt, box]))
    },
    async open(place, sealed) {
      const passphrase = await read(place)
      if (!passphrase.ok) return passphrase
      using held = passphrase.value
      const wrapping = await wrappingKey(held, sealed.subarray(0, 16))
      const key = decrypt(wrapping, context, sealed.subarray(16))
      wrapping.fill(0)
      return key === undefined ? wrongPassphrase() : ok(new Secret(key))
    },
  }
}

/** A passphrase from the content of its file: without the line end that editors add. Refuses a short one. */
export function parsePassphrase(content: Buffer): Result<Secret> {
  let end = content.length
  if (end > 0 && content[end - 1] === 0x0a) end--
  if (end > 0 && content[end - 1] === 0x0d) end--
  if (end < minPassphraseBytes) return refuse('vault/passphrase-short', `The passphrase must have at least ${minPassphraseBytes} bytes.`)
  return ok(new Secret(Buffer.from(content.subarray(0, end))))
}

async function wrappingKey(passphrase: Secret, salt: Buffer): Promise<Buffer> {
  return passphrase.use((message) => derive('argon2id', { ...cost, message, nonce: salt }))
}

function wrongPassphrase(): Result<never> {
  return refuse(
    'vault/wrong-passphrase',
    'The passphrase does not open the root key. Check the passphrase file, or restore the key file from its backup.',
  )
}

function damaged(): Result<never> {
  return refuse('vault/key-file-damaged', 'The key file is not readable as one. Restore it from its backup.')
}
