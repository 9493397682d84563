import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemGrant } from '#access'
import { auditMigrations, openAudit } from '#audit'
import { type DeviceId, type Result, parseDeviceId, systemRandom } from '#base'
import { type PkiConfig, type PkiPorts, openPki, pkiMigrations } from '#pki'
import { type Store, openStore } from '#store'
import { decodePem } from '#wire/x509'
import { keyDisk, openVault } from '#vault'
import { FakeClock } from './fake-clock.ts'

/** A right to issue and revoke, for tests. */
export const mayIssue = systemGrant('certificate.issue', 'hub')

/** A directory that is gone with its user. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'thingwall-test-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** The parts that a PKI stands on, all real but the clock: encrypted store, audit log, vault. Open them again on the same directory to restart. */
export async function openGround(
  directory: string,
  clock: FakeClock = new FakeClock(),
): Promise<AsyncDisposable & { readonly ports: PkiPorts; readonly clock: FakeClock; readonly store: Store; readonly troubles: unknown[] }> {
  const signal = new AbortController().signal
  const vault = await openVault(
    { keyFile: join(directory, 'key', 'root.key'), dataDirectory: directory, mayCreate: true },
    { disk: keyDisk, random: systemRandom },
  )
  if (!vault.ok) throw new Error(vault.error.message)
  const migrations = [...auditMigrations, ...pkiMigrations]
  using key = vault.value.dataKey('store')
  const store = await openStore({ file: join(directory, 'hub.db'), key, migrations }, { clock }, signal)
  const audit = await openAudit({ store, clock }, signal)
  const troubles: unknown[] = []
  const ports: PkiPorts = {
    store,
    commit: (grant, what, statements) => audit.commit(grant, what, statements),
    seal: (purpose, plaintext) => vault.value.seal(purpose, plaintext),
    unseal: (purpose, sealed) => vault.value.unseal(purpose, sealed),
    clock,
    random: systemRandom,
    system: mayIssue,
    trouble: (_what, error) => void troubles.push(error),
  }
  return {
    ports,
    clock,
    store,
    troubles,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      vault.value[Symbol.dispose]()
    },
  }
}

/** A PKI on real ground. Throws when it does not open. */
export async function openThrowawayPki(ports: PkiPorts, config: PkiConfig = { names: ['hub.example'], addresses: ['192.0.2.7'] }) {
  const pki = await openPki(config, ports, new AbortController().signal)
  if (!pki.ok) throw new Error(pki.error.message)
  return pki.value
}

/** A temporary directory with a PKI on real ground in it. */
export async function setUpPki() {
  const directory = await temporaryDirectory()
  const ground = await openGround(directory.path)
  const pki = await openThrowawayPki(ground.ports)
  return {
    ground,
    pki,
    at: (name: string) => join(directory.path, name),
    async [Symbol.asyncDispose]() {
      await pki[Symbol.asyncDispose]()
      await ground[Symbol.asyncDispose]()
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** A device id that must be one. */
export function device(text: string): DeviceId {
  return value(parseDeviceId(text))
}

/** The value of a yes; throws for a no. */
export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`)
  return result.value
}

/** `accepted`, or the code of the refusal. */
export function codeOf(result: Result<unknown>): string {
  return result.ok ? 'accepted' : result.error.code
}

/** The DER certificates of a PEM text. */
export function dersOf(pem: string): Buffer[] {
  return [...value(decodePem('CERTIFICATE', pem))]
}
