import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Duplex } from 'node:stream'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Clock } from '#base'
import { hardwareKeys } from '../hardware-keys.ts'
import type { KeyStore, KeyStoreState } from '../signing-key.ts'
import type { Sealing } from '../software-keys.ts'
import { SignerSupervisor, type ChildEvents, type SignerChild } from './supervisor.ts'
import type { TokenPlace } from './pkcs11-hardware.io.ts'

/** Which hardware: a token behind a PKCS #11 module, or the TPM behind a TCTI of the TSS (`device:/dev/tpmrm0`). */
export type HardwarePlace = ({ readonly place: 'pkcs11' } & TokenPlace) | { readonly place: 'tpm'; readonly tcti: string }

/** What opening a place of keys in hardware takes. */
export type HardwareStorePorts = Sealing & {
  readonly clock: Clock
  /** Of the hub; modules look there for their own settings. What is ours, and Node's, the signer does not get. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Told when the place goes away, and when it is back. */
  readonly changed: (state: KeyStoreState) => void
}

const main = import.meta.url.endsWith('.ts') ? './signer-main.io.ts' : './signer-main.io.js'
const run = promisify(execFile)
const stderrBytes = 1_024

/** Where distributions put the OpenSSL provider for TPMs. */
const providerFolders = [
  '/usr/lib/x86_64-linux-gnu/ossl-modules',
  '/usr/lib/aarch64-linux-gnu/ossl-modules',
  '/usr/lib64/ossl-modules',
  '/usr/lib/ossl-modules',
  '/usr/local/lib/ossl-modules',
]

/** Starts the signer process for `where` and opens its store. Resolves when it is known whether the hardware is there; it need not be. */
export async function openHardwareKeys(where: HardwarePlace, ports: HardwareStorePorts): Promise<KeyStore> {
  const signer = await openSigner(where, ports)
  return hardwareKeys({
    place: where.place,
    title: where.place === 'pkcs11' ? `pkcs11 token ${where.token}` : `tpm ${where.tcti}`,
    signer: signer.supervisor,
    seal: ports.seal,
    unseal: ports.unseal,
    close: async () => signer[Symbol.asyncDispose](),
  })
}

/** Starts the signer process for `where`. Resolves when it is known whether the hardware is there. Disposing of it ends the process. */
export async function openSigner(
  where: HardwarePlace,
  ports: Omit<HardwareStorePorts, keyof Sealing>,
): Promise<AsyncDisposable & { readonly supervisor: SignerSupervisor }> {
  const scope = new DisposableStack()
  const prepare = where.place === 'tpm' ? prepareTpm(where.tcti, scope) : async () => ({})
  const supervisor = new SignerSupervisor({
    clock: ports.clock,
    spawn: (events) => spawnSigner(where, ports.environment, prepare, events),
    pinStamp: () => (where.place === 'pkcs11' ? stampOf(where.pinFile) : ''),
    changed: ports.changed,
  })
  scope.use(supervisor)
  await supervisor.settled()
  return { supervisor, [Symbol.asyncDispose]: async () => scope.dispose() }
}

function spawnSigner(
  where: HardwarePlace,
  environment: HardwareStorePorts['environment'],
  prepare: () => Promise<Readonly<Record<string, string>>>,
  events: ChildEvents,
): SignerChild {
  const words = where.place === 'pkcs11' ? [where.place, where.module, where.token, where.pinFile] : [where.place]
  const conditions = main.endsWith('.ts') ? ['--conditions=source', '--disable-warning=ExperimentalWarning'] : []
  const unwritten: Buffer[] = []
  let pipe: Duplex | undefined
  let kill = (): void => {}
  let isOver = false
  const end = (why: string): void => {
    if (!isOver) events.ended(why)
    isOver = true
  }
  const begin = async (): Promise<void> => {
    const extra = await prepare()
    if (isOver) return
    const child = spawn(process.execPath, [...conditions, '--expose-gc', fileURLToPath(new URL(main, import.meta.url)), ...words], {
      env: { ...ownless(environment), ...extra },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    })
    kill = () => void child.kill('SIGKILL')
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-stderrBytes)))
    child.on('error', (error) => end(error.message))
    child.on('exit', (code, signal) => end(`${signal ?? `code ${code ?? 'unknown'}`}${said === '' ? '' : `, ${lastLine(said)}`}`))
    const third: unknown = child.stdio[3]
    if (!(third instanceof Duplex)) return end('it has no pipe')
    pipe = third
    pipe.on('data', (bytes: Buffer) => events.data(bytes)).on('error', () => {})
    for (const bytes of unwritten.splice(0)) pipe.write(bytes)
  }
  begin().catch((error: unknown) => end(error instanceof Error ? error.message : 'it could not be started'))
  return {
    write(bytes) {
      if (pipe === undefined) unwritten.push(bytes)
      else pipe.write(bytes)
    },
    kill() {
      isOver = true
      kill()
    },
  }
}

/** The environment without what is ours or Node's. */
function ownless(environment: HardwareStorePorts['environment']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value === undefined || /^(?:THINGWALL|NODE|npm|OPENSSL|TPM2)_/i.test(name) ? [] : [[name, value]],
    ),
  )
}

/** Writes the OpenSSL configuration that puts keys into the TPM, and makes room in a TPM that nobody manages before each start. */
function prepareTpm(tcti: string, scope: DisposableStack): () => Promise<Readonly<Record<string, string>>> {
  const directory = mkdtempSync(join(tmpdir(), 'thingwall-signer-'))
  scope.defer(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'openssl.cnf')
  return async () => {
    const folder = providerFolders.find((one) => existsSync(join(one, 'tpm2.so')))
    if (folder === undefined) throw new Error('the OpenSSL provider for TPMs is not installed (Debian: apt-get install tpm2-openssl)')
    writeFileSync(file, configurationOf(join(folder, 'tpm2.so')), { mode: 0o600 })
    // Objects of clients that were killed stay in a TPM without a resource manager, and there is room for three.
    if (!/tpmrm|tabrmd/.test(tcti))
      await run('tpm2_flushcontext', ['-t'], { env: { PATH: '/usr/bin:/bin', TPM2TOOLS_TCTI: tcti }, timeout: 5_000 }).catch(() => {})
    return { OPENSSL_CONF: file, TPM2OPENSSL_TCTI: tcti, TSS2_LOG: 'all+none' }
  }
}

// Digests and ciphers stay in software: a TPM computes them a thousand times slower.
function configurationOf(provider: string): string {
  return `nodejs_conf = init
openssl_conf = init
[init]
providers = providers
alg_section = algorithms
[providers]
default = default_provider
tpm2 = tpm2_provider
[default_provider]
activate = 1
[tpm2_provider]
module = ${provider}
activate = 1
[algorithms]
default_properties = ?provider=tpm2,tpm2.digest!=yes,tpm2.cipher!=yes
`
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, ctimeMs, size, ino } = statSync(path)
    return `${mtimeMs} ${ctimeMs} ${size} ${ino}`
  } catch {
    return 'missing'
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 200) ?? ''
}
