import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/*
 * A device with a TPM, as its own programs would drive it: tpm2-tools, one command after the other, for a TPM without a resource manager serves one
 * at a time and forgets nothing. The handles are those of Azure's clients (azure-iot-security-tpm).
 */

const run = promisify(execFile)
/** Where Azure's clients keep the endorsement key, the storage root key and the identity key. */
export const handles = {
  endorsementKey: '0x81010001',
  storageRootKey: '0x81000001',
  identityKey: '0x81000100',
  tlsKey: '0x81000002',
} as const

const storageAttributes = 'restricted|decrypt|fixedtpm|fixedparent|noda|userwithauth|sensitivedataorigin'

/** OpenSSL asks the TPM to sign and does everything else itself: a TPM that also digests and gives random bytes is slow, and out of memory. */
export const provider = ['-provider', 'default', '-provider', 'tpm2', '-propquery', '?tpm2.signature'] as const

const signing = 'sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth'

/** What a quote leaves: TPMS_ATTEST, TPMT_SIGNATURE, and the values of the registers one after the other. */
export type Quoted = { readonly message: Buffer; readonly signature: Buffer; readonly values: Buffer }

/** Commands on one TPM. Owns a folder for what goes in and out of them. */
export class TpmDevice implements Disposable {
  readonly tcti: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'thingwall-tpm-'))
  #last: Promise<unknown> = Promise.resolve()

  /** `tcti` as tpm2-tools take it, such as `swtpm:host=127.0.0.1,port=2321`. */
  constructor(tcti: string) {
    this.tcti = tcti
  }

  /** Runs a tool; rejects when it fails. */
  async tool(name: string, ...words: readonly string[]): Promise<string> {
    const { stdout } = await run(name, words, {
      cwd: this.#folder,
      env: { ...process.env, TPM2TOOLS_TCTI: this.tcti, TPM2OPENSSL_TCTI: this.tcti },
      timeout: 20_000,
    })
    return stdout
  }

  /** Runs `work` when everything before has ended, on a TPM without loaded objects. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(async () => {
      for (const kind of ['-t', '-l']) await this.tool('tpm2_flushcontext', kind)
      return work()
    })
    this.#last = mine.catch(() => undefined)
    return mine
  }

  /** Where a file of that name lies. */
  path(name: string): string {
    return join(this.#folder, name)
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name))
  }

  write(name: string, bytes: Buffer): void {
    writeFileSync(this.path(name), bytes)
  }

  /** Makes both root keys persistent, where Azure's clients look for them. `algorithm` is of both. */
  prepare(algorithm: 'rsa' | 'ecc' = 'rsa'): Promise<void> {
    return this.exclusive(async () => {
      const storage = algorithm === 'rsa' ? 'rsa2048:null:aes128cfb' : 'ecc256:null:aes128cfb'
      await this.tool('tpm2_createek', '-Q', '-c', handles.endorsementKey, '-G', algorithm, '-u', 'ek.pub')
      await this.tool('tpm2_createprimary', '-Q', '-C', 'o', '-g', 'sha256', '-G', storage, '-a', storageAttributes, '-c', 'srk.ctx')
      await this.tool('tpm2_evictcontrol', '-Q', '-C', 'o', '-c', 'srk.ctx', handles.storageRootKey)
      await this.tool('tpm2_readpublic', '-Q', '-c', handles.storageRootKey, '-f', 'tss', '-o', 'srk.pub')
    })
  }

  /** TPM2B_PUBLIC of the endorsement key. */
  get endorsementKey(): Buffer {
    return this.read('ek.pub')
  }

  /** TPM2B_PUBLIC of the storage root key. */
  get storageRootKey(): Buffer {
    return this.read('srk.pub')
  }

  /** TPM2_ActivateCredential for an object, with the endorsement key: the secret. */
  activateCredential(object: string, idObject: Buffer, encryptedSecret: Buffer): Promise<Buffer> {
    return this.exclusive(() => this.#activate(object, idObject, encryptedSecret))
  }

  async #activate(object: string, idObject: Buffer, encryptedSecret: Buffer): Promise<Buffer> {
    // The header of tpm2-tools' own file format: a magic number and version 1.
    this.write('credential', Buffer.concat([Buffer.from('badcc0de00000001', 'hex'), idObject, encryptedSecret]))
    await this.tool('tpm2_startauthsession', '--policy-session', '-S', 'session')
    await this.tool('tpm2_policysecret', '-Q', '-S', 'session', '-c', 'e')
    const words = ['-c', object, '-C', handles.endorsementKey, '-i', 'credential', '-o', 'secret', '-P', 'session:session']
    await this.tool('tpm2_activatecredential', '-Q', ...words)
    await this.tool('tpm2_flushcontext', 'session')
    return this.read('secret')
  }

  /** Takes in a key of a provisioning service (azure-wire 6.8) and keeps it as the identity key. */
  takeIdentityKey(blob: Buffer): Promise<void> {
    return this.exclusive(async () => {
      const [idObject, encryptedSecret, duplicate, seed, area] = parts(blob)
      const inner = await this.#activate(handles.storageRootKey, idObject, encryptedSecret)
      for (const [name, bytes] of Object.entries({ inner, duplicate, seed, area })) this.write(name, bytes)
      const root = handles.storageRootKey
      await this.tool('tpm2_import', '-Q', '-C', root, '-i', 'duplicate', '-u', 'area', '-s', 'seed', '-k', 'inner', '-r', 'id.priv')
      await this.tool('tpm2_load', '-Q', '-C', root, '-u', 'area', '-r', 'id.priv', '-c', 'id.ctx')
      await this.tool('tpm2_evictcontrol', '-Q', '-C', 'o', '-c', handles.identityKey).catch(() => undefined)
      await this.tool('tpm2_evictcontrol', '-Q', '-C', 'o', '-c', 'id.ctx', handles.identityKey)
    })
  }

  /** HMAC-SHA256 by the identity key, which never leaves the TPM. */
  hmac(message: Buffer): Promise<Buffer> {
    return this.exclusive(async () => {
      this.write('message', message)
      await this.tool('tpm2_hmac', '-c', handles.identityKey, '-g', 'sha256', '-o', 'hmac', 'message')
      return this.read('hmac')
    })
  }

  /** Makes a key for TLS in the TPM, at a persistent handle of its own, and a signing request for it by OpenSSL. `name` is the device id. */
  tlsKey(name: string): Promise<string> {
    return this.exclusive(async () => {
      await this.tool('tpm2_create', '-Q', '-C', handles.storageRootKey, '-G', 'ecc256', '-a', signing, '-u', 'tls.pub', '-r', 'tls.priv')
      await this.tool('tpm2_load', '-Q', '-C', handles.storageRootKey, '-u', 'tls.pub', '-r', 'tls.priv', '-c', 'tls.ctx')
      await this.tool('tpm2_evictcontrol', '-Q', '-C', 'o', '-c', 'tls.ctx', handles.tlsKey)
      await this.tool('tpm2_flushcontext', '-t')
      await this.tool('openssl', 'req', ...provider, '-new', '-key', `handle:${handles.tlsKey}`, '-subj', `/CN=${name}`, '-out', 'tls.csr')
      return this.read('tls.csr').toString()
    })
  }

  /** Makes an attestation key under the endorsement key: `ak.ctx`, and its TPM2B_PUBLIC. */
  attestationKey(): Promise<Buffer> {
    return this.exclusive(async () => {
      const words = ['-C', handles.endorsementKey, '-c', 'ak.ctx', '-G', 'ecc', '-g', 'sha256', '-s', 'ecdsa', '-u', 'ak.pub']
      await this.tool('tpm2_createak', '-Q', ...words)
      return this.read('ak.pub')
    })
  }

  /** TPM2_Certify of an object by the attestation key: TPMS_ATTEST and TPMT_SIGNATURE. */
  certify(object: string): Promise<Omit<Quoted, 'values'>> {
    return this.exclusive(async () => {
      await this.tool('tpm2_certify', '-Q', '-c', object, '-C', 'ak.ctx', '-g', 'sha256', '-f', 'tss', '-o', 'cert.msg', '-s', 'cert.sig')
      return { message: this.read('cert.msg'), signature: this.read('cert.sig') }
    })
  }

  /** A quote of registers, such as `sha256:0,7`, with a nonce. */
  quote(registers: string, nonce: Buffer): Promise<Quoted> {
    return this.exclusive(async () => {
      const out = ['-m', 'q.msg', '-s', 'q.sig', '-o', 'q.pcrs', '-F', 'values', '-f', 'tss', '-g', 'sha256']
      await this.tool('tpm2_quote', '-Q', '-c', 'ak.ctx', '-l', registers, '-q', nonce.toString('hex'), ...out)
      return { message: this.read('q.msg'), signature: this.read('q.sig'), values: this.read('q.pcrs') }
    })
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The parts of a blob that a provisioning service sends, each with its length before it. */
function parts(blob: Buffer): readonly [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer] {
  let at = 0
  const next = (): Buffer => {
    const start = at
    at += 2 + blob.readUInt16BE(at)
    if (at > blob.length) throw new Error('the blob is cut off')
    return blob.subarray(start, at)
  }
  const found: readonly [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer] = [next(), next(), next(), next(), next(), next()]
  if (at !== blob.length) throw new Error('bytes follow the blob')
  return found
}

type Answer<T> = (error: Error, value?: T) => void

// Null, which the SDK's clients answer with, and its types forbid.
const noError: Error = JSON.parse('null')

/** The TPM security client that Azure's provisioning SDK for Node asks (`TpmSecurityClient` of azure-iot-provisioning-device), over a device here. */
export function tpmSecurityClient(device: TpmDevice, registrationId: string) {
  const tell = <T>(work: Promise<T>, answer: Answer<T>) =>
    void work.then(
      (value) => answer(noError, value),
      (error: unknown) => answer(error instanceof Error ? error : new Error(String(error))),
    )
  return {
    getEndorsementKey: (answer: Answer<Buffer>) => answer(noError, device.endorsementKey),
    getStorageRootKey: (answer: Answer<Buffer>) => answer(noError, device.storageRootKey),
    getRegistrationId: (answer: Answer<string>) => answer(noError, registrationId),
    signWithIdentity: (message: Buffer, answer: Answer<Buffer>) => tell(device.hmac(message), answer),
    activateIdentityKey: (blob: Buffer, answer: Answer<void>) => tell(device.takeIdentityKey(blob), answer),
  }
}
