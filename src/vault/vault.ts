import { type Random, type Result, Secret, ok, refuse } from '#base'
import { keyIdOf, sealFor } from './envelope.ts'
import {
  type OpenedKeyFile,
  decodeKeyFile,
  encodeGuarded,
  encodePlain,
  encodeProtected,
  parsePassphrase,
  passphraseGuard,
  withOlder,
} from './key-file.ts'
import type { GuardChoice, KeyGuards, Protection } from './key-guard.ts'
import { type KeyRing, dataKeyOf, openWith, turnOver } from './key-ring.ts'
import type { KeyDisk } from './ports.ts'

/** Where the root key is and who guards it. */
export type VaultConfig = {
  /** The file with the root key. Best on another disk than the data, or in a secret mount. */
  readonly keyFile: string
  /** A file with a passphrase that protects the key file. A plain key file is rewritten under it. */
  readonly passphraseFile?: string
  /** Where the sealed data lies; only to tell whether the key lies beside it. */
  readonly dataDirectory: string
  /** True on a first run only: a missing key is then made. Later, a missing key is a refusal, since a new one would open nothing. */
  readonly mayCreate: boolean
}

/** What can be told about the root key, as the posture check for data at rest wants it (TW-DAR-01). */
export type VaultDescription = {
  readonly protection: Protection
  readonly path: string
  /** Permission bits as they are now; undefined when the file has gone since. */
  readonly mode: number | undefined
  readonly insideDataDirectory: boolean
  /** Names the key without telling anything about it: 16 hex digits. */
  readonly keyId: string
  /** Where its guard looks, by name; empty for a plain file. */
  readonly place: GuardChoice['place']
  /** Root keys that are being replaced: what they sealed is not all sealed anew. */
  readonly oldKeyIds: readonly string[]
}

/** What a vault takes from the world. Without `guards` there are files and passphrases only. */
export type VaultPorts = { readonly disk: KeyDisk; readonly random: Random; readonly guards?: KeyGuards }

const dataKeyPurpose = 'vault/data-key'

/**
 * Keeps the root key in memory and everything else sealed under it. Disposing of it zeroes the key; afterwards nothing opens.
 */
export class Vault implements Disposable {
  #ring: KeyRing
  #id: Buffer
  /** Keys that open, the sealing one first. Old ones stay here until the process ends: somebody may still hold what they sealed. */
  #keys: readonly { readonly key: Secret; readonly id: Buffer }[]
  #choice: GuardChoice
  readonly #config: VaultConfig
  readonly #disk: KeyDisk
  readonly #random: Random
  readonly #guards: KeyGuards
  #turn: Promise<unknown> = Promise.resolve()

  /** For {@link openVault}, which knows that `opened` is what the file holds. */
  constructor(opened: OpenedKeyFile, config: VaultConfig, ports: VaultPorts) {
    this.#ring = opened.ring
    this.#id = keyIdOf(opened.ring.root)
    this.#keys = [opened.ring.root, ...opened.ring.old].map((key) => ({ key, id: keyIdOf(key) }))
    const file = config.passphraseFile
    this.#choice = {
      with: opened.protection,
      place: opened.place ?? (opened.protection === 'passphrase-file' && file !== undefined ? { file } : {}),
    }
    this.#config = config
    this.#disk = ports.disk
    this.#random = ports.random
    this.#guards = guardsOf(config, ports)
  }

  /** Encrypts and authenticates `plaintext` for one purpose, such as `pki/issuer`. */
  seal(purpose: string, plaintext: Uint8Array): Buffer {
    return sealFor(this.#ring.root, this.#id, purpose, plaintext, this.#random)
  }

  /** Opens what was sealed for the same purpose. Refusals: `vault/not-sealed`, `vault/other-key`, `vault/damaged`. */
  unseal(purpose: string, sealed: Buffer): Result<Secret> {
    return openWith(this.#keys, purpose, sealed)
  }

  /** The same value under the root key of now; undefined when it is under that already, or does not open. */
  reseal(purpose: string, sealed: Buffer): Buffer | undefined {
    if (sealed.subarray(4, 12).equals(this.#id)) return undefined
    const opened = this.unseal(purpose, sealed)
    if (!opened.ok) return undefined
    using plain = opened.value
    return plain.use((bytes) => this.seal(purpose, bytes))
  }

  /** As {@link Vault.reseal}, for a wrapped data key. */
  rewrapKey(wrapped: Buffer): Buffer | undefined {
    return this.reseal(dataKeyPurpose, wrapped)
  }

  /** A key of 32 bytes that is always the same for this hub and purpose, such as the one of the database. */
  dataKey(purpose: string): Secret {
    return dataKeyOf(this.#ring, purpose)
  }

  /** A fresh random key of 32 bytes, to be kept wrapped. */
  newDataKey(): Secret {
    return new Secret(this.#random.bytes(32))
  }

  /** Seals a data key. */
  wrapKey(key: Secret): Buffer {
    return key.use((bytes) => this.seal(dataKeyPurpose, bytes))
  }

  /** Opens a data key; refusals as {@link Vault.unseal}. */
  unwrapKey(wrapped: Buffer): Result<Secret> {
    return this.unseal(dataKeyPurpose, wrapped)
  }

  /** Where the key is and how it is guarded, measured now. */
  async describe(): Promise<VaultDescription> {
    const { keyFile, dataDirectory } = this.#config
    const file = await this.#disk.read(keyFile)
    file?.bytes.fill(0)
    return {
      protection: this.#choice.with,
      path: keyFile,
      mode: file?.mode,
      insideDataDirectory: file !== undefined && (await this.#disk.isInside(keyFile, dataDirectory)),
      keyId: this.#id.toString('hex'),
      place: this.#choice.place,
      oldKeyIds: this.oldKeyIds,
    }
  }

  /** Root keys that are being replaced, 16 hex digits each. */
  get oldKeyIds(): readonly string[] {
    return this.#ring.old.map((key) => keyIdOf(key).toString('hex'))
  }

  /**
   * Puts the root key under another guard. The file is replaced whole, and only by one that was opened again; so a crash leaves the one or the other.
   * Refuses what guards refuse, and leaves everything as it was.
   */
  async protect(choice: GuardChoice): Promise<Result<void>> {
    return await this.#inTurn(() => this.#write(this.#ring, choice))
  }

  /** Makes a new root key. What the old one sealed opens as before; {@link Vault.endRotation} ends that. Refuses `vault/rotation-unfinished`. */
  async beginRotation(): Promise<Result<void>> {
    return await this.#inTurn(async () => {
      if (this.#ring.old.length > 0)
        return refuse(
          'vault/rotation-unfinished',
          'The change of the root key before this one is not done. Finish it with thingwall vault rotate.',
        )
      return await this.#write(turnOver(this.#ring, this.#random), this.#choice)
    })
  }

  /** Takes old root keys out of the key file. Only when nothing is left that they sealed. */
  async endRotation(): Promise<Result<void>> {
    return await this.#inTurn(() => this.#write({ ...this.#ring, old: [] }, this.#choice))
  }

  /** A line that restores this vault elsewhere, the root key in the clear. For a backup, which encrypts it. */
  exportKeyFile(): Secret {
    return new Secret(withOlder(encodePlain(this.#ring.root), this.#ring, this.#random))
  }

  [Symbol.dispose](): void {
    for (const { key } of this.#keys) key[Symbol.dispose]()
    this.#ring.data?.[Symbol.dispose]()
  }

  async #write(ring: KeyRing, choice: GuardChoice): Promise<Result<void>> {
    const first = await encodeGuarded(ring.root, choice, this.#guards, this.#random)
    if (!first.ok) return first
    const bytes = withOlder(first.value, ring, this.#random)
    // A guard that seals what it cannot open would lock us out at the next start.
    const again = await decodeKeyFile(bytes, undefined, this.#guards)
    if (!again.ok) return again
    const isSame = ring.root.use((key) => again.value.ring.root.equals(key))
    for (const key of [again.value.ring.root, ...again.value.ring.old]) key[Symbol.dispose]()
    if (!isSame) return refuse('vault/guard-refused', 'The guard did not give back what it was given. Nothing was changed.')
    await this.#disk.replace(this.#config.keyFile, bytes)
    bytes.fill(0)
    this.#ring = ring
    this.#id = keyIdOf(ring.root)
    this.#choice = choice
    const known = this.#keys.filter(({ key }) => key !== ring.root)
    this.#keys = [{ key: ring.root, id: keyIdOf(ring.root) }, ...known]
    return ok(undefined)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }
}

function guardsOf({ passphraseFile }: VaultConfig, { disk, random, guards = {} }: VaultPorts): KeyGuards {
  // The settings know better than the key file where the passphrase is by now.
  return { 'passphrase-file': passphraseGuard(({ file }) => readPassphrase(passphraseFile ?? file ?? '', disk), random), ...guards }
}

/**
 * Opens the vault, making its root key on a first run. Refuses, naming the fix: a key or passphrase that others can read or
 * replace, a missing, damaged or foreign key file, a missing or wrong passphrase.
 */
export async function openVault(config: VaultConfig, ports: VaultPorts): Promise<Result<Vault>> {
  const passphrase = config.passphraseFile === undefined ? undefined : await readPassphrase(config.passphraseFile, ports.disk)
  if (passphrase && !passphrase.ok) return passphrase
  using secret = passphrase?.value
  const existing = await readPrivate(config.keyFile, ports.disk)
  if (!existing.ok) return existing
  if (existing.value) {
    const opened = await decodeKeyFile(existing.value, secret, guardsOf(config, ports))
    existing.value.fill(0)
    if (!opened.ok) return opened
    const { ring, protection } = opened.value
    if (!secret || protection !== 'plain-file') return ok(new Vault(opened.value, config, ports))
    await ports.disk.replace(config.keyFile, withOlder(await encodeProtected(ring.root, secret, ports.random), ring, ports.random))
    return ok(new Vault({ ring, protection: 'passphrase-file', place: undefined }, config, ports))
  }
  if (!config.mayCreate)
    return refuse(
      'vault/key-missing',
      'The key file is missing, and without it nothing stored here can be read. Restore it from its backup.',
      config.keyFile,
    )
  const root = new Secret(ports.random.bytes(32))
  const bytes = secret ? await encodeProtected(root, secret, ports.random) : encodePlain(root)
  const created = await ports.disk.create(config.keyFile, bytes)
  bytes.fill(0)
  // Somebody made one since we looked. Theirs may have sealed something already, so it counts.
  if (!created) return openVault({ ...config, mayCreate: false }, ports)
  const ring = { root, old: [], data: undefined }
  return ok(new Vault({ ring, protection: secret ? 'passphrase-file' : 'plain-file', place: undefined }, config, ports))
}

async function readPassphrase(path: string, disk: KeyDisk): Promise<Result<Secret>> {
  const file = await readPrivate(path, disk)
  if (!file.ok) return file
  if (!file.value) return refuse('vault/passphrase-missing', 'The passphrase file does not exist. Make it, or name the right one.', path)
  const passphrase = parsePassphrase(file.value)
  file.value.fill(0)
  return passphrase
}

/** The file's bytes if only its owner can read it and only they can replace it. */
async function readPrivate(path: string, disk: KeyDisk): Promise<Result<Buffer | undefined>> {
  const file = await disk.read(path)
  if (!file) return ok(undefined)
  if (file.mode & 0o077)
    return refuse('vault/key-exposed', 'Others can read the key file. Run chmod 600 on it, and replace the key if anyone may have.', path)
  if (file.directoryMode & 0o022)
    return refuse('vault/directory-exposed', 'Others can write in the directory of the key file. Run chmod 700 on it.', path)
  return ok(file.bytes)
}
