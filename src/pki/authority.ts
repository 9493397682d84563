import { createHash } from 'node:crypto'
import { type Instant, type Random, type Result, instant, isoTime, ok, refuse } from '#base'
import { type Certificate, encodePem, keyIdentifier, parseCertificate } from '#wire/x509'
import type { Inventory } from './inventory.ts'
import { Issuer, type IssuerIdentity } from './issuer.ts'
import { subjectOf } from './subject.ts'
import { type KeyPair, makeKeyPair, signingKey } from './key-pair.ts'
import { limits } from './limits.ts'
import type { PkiPorts } from './ports.ts'
import { type ProfileName, type Template, profiles } from './profile.ts'
import { bytesOf, textOf } from './row.ts'

/*
 * Theory of operation. Three authorities: a root that signs issuers and nothing else, an issuer for devices, an issuer for servers. Keys lie in
 * `pki_keyring`, each sealed for a purpose that names its serial. The root's key is opened for the moments in which an issuer is
 * made. When two thirds of an issuer's life are over, a new one is made beside it: the old one still vouches for what it signed.
 */

/** The roles that hold a key of ours. */
export type Role = 'root' | 'device-issuer' | 'server-issuer' | 'server'

/** An authority ready to sign, and its certificate. */
export type Authority = { readonly certificate: Certificate; readonly issuer: Issuer }

/** The authorities: the root's certificate, every issuer we ever made, and the two that sign now. */
export type Authorities = {
  readonly root: Certificate
  readonly issuers: readonly Certificate[]
  readonly devices: Authority
  readonly servers: Authority
}

/** What making certificates of our own needs. */
export type Foundry = { readonly ports: PkiPorts; readonly inventory: Inventory }

/** A fresh serial number: 128 random bits, in hex. Never begins with a zero byte, so that every reader prints it alike. */
export function freshSerial(random: Random): string {
  for (;;) {
    const bytes = random.bytes(limits.serialBytes)
    if (bytes[0] !== 0) return bytes.toString('hex')
  }
}

/** When a certificate made now begins and ends: backdated, in whole seconds, never before its issuer began. */
export function validityFrom(
  now: Instant,
  lifetimeMs: number,
  issuer?: { readonly notBefore: Instant },
): { readonly notBefore: Instant; readonly notAfter: Instant } {
  const seconds = (ms: number) => instant(Math.floor(ms / 1000) * 1000)
  const begin = seconds(now - limits.backdateMs)
  return { notBefore: issuer && issuer.notBefore > begin ? issuer.notBefore : begin, notAfter: seconds(now + lifetimeMs) }
}

/** Opens the authorities, making what is missing: all of them on a first run, an issuer that nears its end later. */
export async function openAuthorities(foundry: Foundry): Promise<Result<Authorities>> {
  const { ports } = foundry
  let root = await newest(foundry, 'root')
  if (!root.ok) return root
  if (!root.value) {
    const made = await makeRoot(foundry)
    if (!made.ok) return made
    root = await newest(foundry, 'root')
    if (!root.ok) return root
    if (!root.value) throw new Error('bug: the root was made but is not there')
  }
  const anchor = root.value
  const devices = await openIssuer(foundry, anchor, 'device-issuer', 'device')
  if (!devices.ok) return devices
  const servers = await openIssuer(foundry, anchor, 'server-issuer', 'server')
  if (!servers.ok) return servers
  const rows = await ports.store.query(`SELECT certificate FROM pki_keyring WHERE role IN ('device-issuer', 'server-issuer')`)
  const issuers = rows.map((row) => parseCertificate(bytesOf(row, 'certificate'))).flatMap((read) => (read.ok ? [read.value] : []))
  return ok({ root: anchor.certificate, issuers, devices: devices.value, servers: servers.value })
}

/** Whether two thirds of a validity are over. Also when it lies in the future: then it was made while the clock was wrong. */
export function isDue(validity: { readonly notBefore: Instant; readonly notAfter: Instant }, now: Instant): boolean {
  return now < validity.notBefore || now >= validity.notBefore + (validity.notAfter - validity.notBefore) * limits.renewAfter
}

type Kept = { readonly certificate: Certificate; readonly serial: string; readonly sealedKey: Buffer }

/**
 * The newest certificate of a role, its key still sealed. Of issuers, those from the future do not count: they were made while the clock
 * ran ahead, and would make every leaf "not yet valid" once it is right again.
 */
export async function newest({ ports, inventory }: Foundry, role: Role): Promise<Result<Kept | undefined>> {
  const rows = await ports.store.query('SELECT serial, certificate, sealed_key FROM pki_keyring WHERE role = ?', role)
  let best: Kept | undefined
  for (const row of rows) {
    const read = parseCertificate(Buffer.from(bytesOf(row, 'certificate')))
    if (!read.ok)
      return refuse(
        'pki/keyring-damaged',
        'A certificate of this hub is damaged in the store. Restore the store from its backup.',
        read.error.message,
      )
    if (role.endsWith('issuer') && read.value.notBefore > ports.clock.now()) continue
    if (inventory.revokedAt(read.value.serial) !== undefined) continue
    if (!best || read.value.notAfter > best.certificate.notAfter)
      best = { certificate: read.value, serial: textOf(row, 'serial'), sealedKey: bytesOf(row, 'sealed_key') }
  }
  return ok(best)
}

/** Opens the key that belongs to a certificate of ours. The caller disposes of it. */
export function openKey({ ports }: Foundry, role: Role, kept: Kept): ReturnType<PkiPorts['unseal']> {
  return ports.unseal(purposeOf(role, kept.serial), kept.sealedKey)
}

function purposeOf(role: Role, serial: string): string {
  return `pki/${role}/${serial}`
}

/** Runs `work` with the root, whose key is in memory for that time only. */
async function withRoot<T>(foundry: Foundry, kept: Kept, work: (issuer: Issuer) => Promise<Result<T>>): Promise<Result<T>> {
  const key = openKey(foundry, 'root', kept)
  if (!key.ok) return key
  using secret = key.value
  return await work(new Issuer(identityOf(kept.certificate, ['device-issuer', 'server-issuer']), signingKey(secret)))
}

/**
 * Runs `work` with the authority whose key has this identifier (lower-case hex), old ones and the root included, whose key is open for that time
 * only. It may make certificates that sign answers about its own; lists it may sign anyway. `pki/unknown-authority` for a key that is not here.
 */
export async function withAuthority<T>(
  foundry: Foundry,
  keyId: string,
  work: (authority: Authority) => Promise<Result<T>>,
): Promise<Result<T>> {
  const rows = await foundry.ports.store.query(`SELECT serial, role, certificate, sealed_key FROM pki_keyring WHERE role <> 'server'`)
  for (const row of rows) {
    const read = parseCertificate(Buffer.from(bytesOf(row, 'certificate')))
    if (!read.ok || keyIdentifier(read.value.publicKey).toString('hex') !== keyId) continue
    const kept = { certificate: read.value, serial: textOf(row, 'serial'), sealedKey: bytesOf(row, 'sealed_key') }
    const role = textOf(row, 'role')
    if (role !== 'root' && role !== 'device-issuer' && role !== 'server-issuer') continue
    const key = openKey(foundry, role, kept)
    if (!key.ok) return key
    using secret = key.value
    const issuer = new Issuer(identityOf(read.value, ['ocsp-responder']), signingKey(secret))
    return await work({ certificate: read.value, issuer })
  }
  return refuse('pki/unknown-authority', 'No authority of this hub has this key.', keyId)
}

function identityOf(certificate: Certificate, makes: readonly ProfileName[]): IssuerIdentity {
  const { subject, notBefore, notAfter, publicKey } = certificate
  return { subject: subject.der, keyId: keyIdentifier(publicKey), notBefore, notAfter, profiles: makes }
}

async function makeRoot(foundry: Foundry): Promise<Result<void>> {
  const now = foundry.ports.clock.now()
  if (now < limits.earliestClock)
    return refuse(
      'pki/clock-wrong',
      `The clock of this machine says ${isoTime(now).slice(0, 10)}. Set it before the first start: the root is made only once.`,
    )
  const pair = await makeKeyPair()
  using privateKey = pair.privateKey
  // A few random letters, so that one client can trust two hubs and tell their roots apart.
  const commonName = `Thingwall Root ${foundry.ports.random.bytes(4).toString('hex')}`
  const validity = validityFrom(now, profiles.root.defaultLifetimeMs)
  const identity = {
    ...validity,
    subject: subjectOf('root', commonName),
    keyId: keyIdentifier(pair.publicKey),
    profiles: ['root'],
  } as const
  return await makeOwn(foundry, new Issuer(identity, signingKey(privateKey)), 'root', pair, { commonName, validity })
}

async function openIssuer(
  foundry: Foundry,
  root: Kept,
  role: 'device-issuer' | 'server-issuer',
  makes: ProfileName,
): Promise<Result<Authority>> {
  const now = foundry.ports.clock.now()
  let kept = await newest(foundry, role)
  if (!kept.ok) return kept
  if (!kept.value || isDue(kept.value.certificate, now)) {
    const made = await withRoot(foundry, root, async (issuer) => {
      const pair = await makeKeyPair()
      using _private = pair.privateKey
      const title = role === 'device-issuer' ? 'Thingwall Devices' : 'Thingwall Servers'
      const commonName = `${title} ${foundry.ports.random.bytes(4).toString('hex')}`
      const validity = validityFrom(now, profiles[role].defaultLifetimeMs, root.certificate)
      const notAfter = validity.notAfter > root.certificate.notAfter ? root.certificate.notAfter : validity.notAfter
      return await makeOwn(foundry, issuer, role, pair, { commonName, validity: { ...validity, notAfter } })
    })
    if (!made.ok) return made
    kept = await newest(foundry, role)
    if (!kept.ok) return kept
  }
  if (!kept.value) throw new Error('bug: the issuer was made but is not there')
  const key = openKey(foundry, role, kept.value)
  if (!key.ok) return key
  using secret = key.value
  return ok({ certificate: kept.value.certificate, issuer: new Issuer(identityOf(kept.value.certificate, [makes]), signingKey(secret)) })
}

/** What one of our own certificates shall say. */
type Wish = { readonly commonName: string; readonly validity: { readonly notBefore: Instant; readonly notAfter: Instant } } & Partial<
  Pick<Template, 'alternativeNames'>
>

/** Makes a certificate of our own: lint, record, sign, keep with its sealed key. A new server certificate takes the place of the old. */
export async function makeOwn(foundry: Foundry, issuer: Issuer, role: Role, pair: KeyPair, wish: Wish): Promise<Result<void>> {
  const { ports, inventory } = foundry
  const serial = freshSerial(ports.random)
  const { commonName, validity, alternativeNames = [] } = wish
  const proof = issuer.lint({ profile: role, serial, commonName, alternativeNames, publicKey: pair.publicKey, ...validity })
  if (!proof.ok) return proof
  const recorded = await inventory.reserve(ports.system, [
    { proof: proof.value, device: null, issuer: issuer.identity.keyId.toString('hex'), subject: commonName },
  ])
  if (!recorded.ok) return recorded
  const [reservation] = recorded.value
  if (!reservation) throw new Error('bug: nothing was reserved')
  const der = await issuer.sign(proof.value, reservation)
  const sealed = pair.privateKey.use((bytes) => ports.seal(purposeOf(role, serial), bytes))
  return await inventory.complete(
    [{ serial, der, fingerprintSha256: fingerprintOf(der) }],
    [
      ...(role === 'server' ? [{ sql: `DELETE FROM pki_keyring WHERE role = 'server'`, args: [] }] : []),
      {
        sql: 'INSERT INTO pki_keyring (serial, role, certificate, sealed_key) VALUES (?, ?, ?, ?)',
        args: [serial, role, der, sealed],
        expect: 1,
      },
    ],
  )
}

/** SHA-256 of a certificate's DER in lower-case hex, as thumbprints are compared everywhere. */
export function fingerprintOf(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex')
}

/** PEM of a certificate. */
export function pemOf(certificate: Certificate): string {
  return encodePem('CERTIFICATE', certificate.der)
}
