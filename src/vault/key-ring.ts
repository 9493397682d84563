import { type Random, type Result, Secret, ok, refuse } from '#base'
import { deriveKey, keyIdOf, sealFor, unsealFor } from './envelope.ts'

/*
 * Theory of operation. Besides the root key a key file may hold lines of older keys, each sealed under the root key:
 *   old KEYID SEALED     a root key that is being replaced: what it sealed still opens, until everything is sealed anew
 *   data KEYID SEALED    the first root key of this hub, from which the keys of bulk data (database, files) are derived: those are never encrypted anew
 * A change of the root key is one replacement of the file, so a crash leaves the file before or the file after, and both open everything.
 */

/** Root keys by what they do. The first seals; `old` ones open; bulk data keys come from `data`, which is the root key until that is replaced once. */
export type KeyRing = { readonly root: Secret; readonly old: readonly Secret[]; readonly data: Secret | undefined }

const purposes = { old: 'vault/old-root', data: 'vault/data-root' } as const
const lineForm = /^(old|data) ([0-9a-f]{16}) ([A-Za-z0-9_-]{96})$/
const maxOld = 8

/** The lines behind the first one of a key file. */
export function encodeOlder({ root, old, data }: KeyRing, random: Random): string {
  const line = (word: keyof typeof purposes, key: Secret) =>
    `${word} ${keyIdOf(key).toString('hex')} ${key.use((bytes) => sealFor(root, keyIdOf(root), purposes[word], bytes, random)).toString('base64url')}\n`
  return [...old.map((key) => line('old', key)), ...(data === undefined ? [] : [line('data', data)])].join('')
}

/** Reads those lines with the root key of the first. Undefined: damaged. */
export function decodeOlder(root: Secret, lines: readonly string[]): KeyRing | undefined {
  const old: Secret[] = []
  let data: Secret | undefined
  for (const text of lines) {
    const [, word, keyId, sealed = ''] = lineForm.exec(text) ?? []
    if ((word !== 'old' && word !== 'data') || old.length >= maxOld) return undefined
    const opened = unsealFor(root, keyIdOf(root), purposes[word], Buffer.from(sealed, 'base64url'))
    if (!opened.ok || keyIdOf(opened.value).toString('hex') !== keyId) return undefined
    if (word === 'old') old.push(opened.value)
    else if (data === undefined) data = opened.value
    else return undefined
  }
  return { root, old, data }
}

/** The same keys behind a fresh root key; the one that was the root opens what it sealed. */
export function turnOver(ring: KeyRing, random: Random): KeyRing {
  return { root: new Secret(random.bytes(32)), old: [...ring.old, ring.root], data: ring.data ?? copyOf(ring.root) }
}

/** The key from which keys of bulk data are derived. */
export function dataKeyOf({ root, data }: KeyRing, purpose: string): Secret {
  return new Secret(deriveKey(data ?? root, `data/${purpose}`))
}

/** The key of the ring that sealed a value. Refuses as {@link unsealFor} does when it is none of them. */
export function openWith(keys: readonly { readonly key: Secret; readonly id: Buffer }[], purpose: string, sealed: Buffer): Result<Secret> {
  const [first] = keys
  if (first === undefined) return refuse('vault/not-sealed', 'This is not a value that this version of the vault sealed.')
  const named = keys.find(({ id }) => sealed.subarray(4, 12).equals(id)) ?? first
  const opened = unsealFor(named.key, named.id, purpose, sealed)
  return opened.ok ? ok(opened.value) : opened
}

/** A key of its own, for its own end. */
export function copyOf(key: Secret): Secret {
  return new Secret(key.use((bytes) => Buffer.from(bytes)))
}
