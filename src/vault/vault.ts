import { type Random, type Result, Secret, ok, refuse } from '#base'
import { deriveKey, keyIdOf, sealFor, unsealFor } from './envelope.ts'
import { type Protection, decodeKeyFile, encodePlain, encodeProtected, parsePassphrase } from './key-file.ts'
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
}

const dataKeyPurpose = 'vault/data-key'

/**
 * Keeps the root key in memory and everything else sealed under it. Disposing of it zeroes the key; afterwards nothing opens.
 */
export class Vault implements Disposable {
  readonly #root: Secret
  readonly #keyId: Buffer
  readonly #protection: Protection
  readonly #config: VaultConfig
  readonly #disk: KeyDisk
  readonly #random: Random

  /** For {@link openVault}, which knows that `root` is what the file holds. */
  constructor(root: Secret, protection: Protection, config: VaultConfig, ports: { readonly disk: KeyDisk; readonly random: Random }) {
    this.#root = root
    this.#keyId = keyIdOf(root)
    this.#protection = protection
    this.#config = config
    this.#disk = ports.disk
    this.#random = ports.random
  }

  /** Encrypts and authenticates `plaintext` for one purpose, such as `pki/issuer`. */
  seal(purpose: string, plaintext: Uint8Array): Buffer {
    return sealFor(this.#root, this.#keyId, purpose, plaintext, this.#random)
  }

  /** Opens what was sealed for the same purpose. Refusals: `vault/not-sealed`, `vault/other-key`, `vault/damaged`. */
  unseal(purpose: string, sealed: Buffer): Result<Secret> {
    return unsealFor(this.#root, this.#keyId, purpose, sealed)
  }

  /** A key of 32 bytes that is always the same for this root key and purpose, such as the one of the database. */
  dataKey(purpose: string): Secret {
    return new Secret(deriveKey(this.#root, `data/${purpose}`))
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
      protection: this.#protection,
      path: keyFile,
      mode: file?.mode,
      insideDataDirectory: file !== undefined && (await this.#disk.isInside(keyFile, dataDirectory)),
      keyId: this.#keyId.toString('hex'),
    }
  }

  [Symbol.dispose](): void {
    this.#root[Symbol.dispose]()
  }
}

/**
 * Opens the vault, making its root key on a first run. Refuses, naming the fix: a key or passphrase that others can read or
 * replace, a missing, damaged or foreign key file, a missing or wrong passphrase.
 */
export async function openVault(config: VaultConfig, ports: { readonly disk: KeyDisk; readonly random: Random }): Promise<Result<Vault>> {
  const passphrase = config.passphraseFile === undefined ? undefined : await readPassphrase(config.passphraseFile, ports.disk)
  if (passphrase && !passphrase.ok) return passphrase
  using secret = passphrase?.value
  const existing = await readPrivate(config.keyFile, ports.disk)
  if (!existing.ok) return existing
  if (existing.value) {
    const opened = await decodeKeyFile(existing.value, secret)
    existing.value.fill(0)
    if (!opened.ok) return opened
    const { root, protection } = opened.value
    if (!secret || protection === 'passphrase-file') return ok(new Vault(root, protection, config, ports))
    await ports.disk.replace(config.keyFile, await encodeProtected(root, secret, ports.random))
    return ok(new Vault(root, 'passphrase-file', config, ports))
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
  return ok(new Vault(root, secret ? 'passphrase-file' : 'plain-file', config, ports))
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
