import { createHash } from 'node:crypto'
import { Fault, type Instant, type Random, type Result, instant, isoTime, ok, refuse } from '#base'
import type { Row, Statement } from '#store'
import { type Certificate, encodePem, keyIdentifier, parseCertificate } from '#wire/x509'
import type { Inventory } from './inventory.ts'
import { Issuer, type IssuerIdentity } from './issuer.ts'
import { subjectOf } from './subject.ts'
import { type AuthorityPlace, type KeptKey, openAuthorityKey, placeOfNewKeys } from './authorities/authority-keys.ts'
import type { KeyPair } from './key-pair.ts'
import { limits } from './limits.ts'
import type { PkiPorts } from './ports.ts'
import { type ProfileName, type Template, profiles } from './profile.ts'
import { bytesOf, textOf } from './row.ts'
import { newestImported, readForeignAuthorities } from './authorities/imported.ts'
import type { IssuerRole } from './authorities/imported-path.ts'
import { type Root, type RootState, isInForce, isUnder, readRoots, rootStateRow } from './authorities/roots.ts'

/*
 * Theory of operation. Three authorities: a root that signs issuers and nothing else, an issuer for devices, an issuer for servers. Keys lie in
 * `pki_keyring`, each sealed for a purpose that names its serial. The root's key is opened for the moments in which an issuer is
 * made. When two thirds of an issuer's life are over, a new one is made beside it: the old one still vouches for what it signed.
 * A second root may stand beside the first while a fleet moves (`campaigns`): under the one that is not active yet there is only what proves that
 * devices trust it, and a certificate in which each root vouches for the other, which has no key of its own.
 */

/** The roles of what lies in the keyring. */
export type Role = 'root' | 'cross' | 'device-issuer' | 'server-issuer' | 'server' | 'probe'

/** An authority ready to sign, and its certificate. */
export type Authority = {
  readonly certificate: Certificate
  readonly issuer: Issuer
  /** What stands between it and its root, nearest first, where others signed it. */
  readonly chain?: readonly Certificate[]
}

/** The authorities: the active root's certificate, every root in force, every issuer we ever made, and the two that sign now. */
export type Authorities = {
  readonly root: Certificate
  readonly roots: readonly Root[]
  /** Roots of others, at which our imported issuers end. */
  readonly anchors: readonly Certificate[]
  readonly issuers: readonly Certificate[]
  readonly devices: Authority
  readonly servers: Authority
  /** What leads clients that trust only the root that is leaving to the active one: served after the issuer. */
  readonly bridge: readonly Certificate[]
  /** Who signs the certificate of probes while a fleet moves: an issuer of servers under the new root. */
  readonly probe: Authority | undefined
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
  let all = await readRoots(foundry)
  if (!all.ok) return all
  if (!all.value.some(({ state }) => state === 'active')) {
    const made = await makeRoot(foundry)
    if (!made.ok) return made
    all = await readRoots(foundry)
    if (!all.ok) return all
  }
  const roots = all.value.filter(isInForce)
  const active = roots.findLast(({ state }) => state === 'active')
  if (!active) throw new Error('bug: the root was made but is not there')
  const devices = (await openImported(foundry, 'device-issuer', 'device')) ?? (await openIssuer(foundry, active, 'device-issuer', 'device'))
  if (!devices.ok) return devices
  const servers = (await openImported(foundry, 'server-issuer', 'server')) ?? (await openIssuer(foundry, active, 'server-issuer', 'server'))
  if (!servers.ok) return servers
  const leaving = roots.find(({ state }) => state === 'leaving')
  const next = roots.find(({ state }) => state === 'published')
  const probe = next ? await openIssuer(foundry, next, 'server-issuer', 'server') : ok(leaving && servers.value)
  if (!probe.ok) return probe
  const own = await certificatesOf(foundry, ['device-issuer', 'server-issuer'])
  const foreign = await readForeignAuthorities(foundry)
  if (!foreign.ok) return foreign
  const crosses = leaving ? await certificatesOf(foundry, ['cross']) : []
  const bridge = crosses.filter(
    (one) => leaving && isUnder(one, leaving.certificate) && one.subject.der.equals(active.certificate.subject.der),
  )
  return ok({
    root: active.certificate,
    roots,
    anchors: foreign.value.anchors,
    issuers: [...own, ...foreign.value.between],
    devices: devices.value,
    servers: servers.value,
    bridge: bridge.slice(0, 1),
    probe: probe.value,
  })
}

/** The certificates of these roles in the keyring. */
export async function certificatesOf({ ports }: Foundry, roles: readonly Role[]): Promise<readonly Certificate[]> {
  const rows = await ports.store.query(`SELECT certificate FROM pki_keyring WHERE role IN (${roles.map(() => '?').join()})`, ...roles)
  return rows.map((row) => parseCertificate(bytesOf(row, 'certificate'))).flatMap((read) => (read.ok ? [read.value] : []))
}

/** Whether two thirds of a validity are over. Also when it lies in the future: then it was made while the clock was wrong. */
export function isDue(validity: { readonly notBefore: Instant; readonly notAfter: Instant }, now: Instant): boolean {
  return now < validity.notBefore || now >= validity.notBefore + (validity.notAfter - validity.notBefore) * limits.renewAfter
}

/** A certificate of ours and where its key is. */
export type Kept = KeptKey & { readonly certificate: Certificate; readonly serial: string }

/**
 * The newest certificate of a role, its key still sealed. Of issuers, those from the future do not count: they were made while the clock
 * ran ahead, and would make every leaf "not yet valid" once it is right again; nor do revoked ones, unless `any` will do. With `under`, only what
 * that root signed.
 */
export async function newest(
  { ports, inventory }: Foundry,
  role: Role,
  under?: Certificate,
  which: 'sound' | 'any' = 'sound',
): Promise<Result<Kept | undefined>> {
  const rows = await ports.store.query(`SELECT * FROM pki_keyring WHERE role = ? AND origin = 'ours' ORDER BY rowid`, role)
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
    if (under && !isUnder(read.value, under)) continue
    if (which === 'sound' && inventory.revokedAt(read.value.serial) !== undefined) continue
    // Of two that end together, because their root does, the later one.
    if (!best || read.value.notAfter >= best.certificate.notAfter) best = keptOf(row, role, read.value)
  }
  return ok(best)
}

/** A row of `pki_keyring` with its certificate read. */
export function keptOf(row: Row, role: Role, certificate: Certificate): Kept {
  const serial = textOf(row, 'serial')
  const purpose = row['purpose'] === null ? purposeOf(role, serial) : textOf(row, 'purpose')
  return { certificate, serial, purpose, place: placeOf(row), sealedKey: bytesOf(row, 'sealed_key') }
}

function placeOf(row: Row): AuthorityPlace {
  const place = (['software', 'pkcs11', 'tpm', 'none'] as const).find((one) => one === row['place'])
  if (place === undefined) throw new Error('bug: unknown place of a key')
  return place
}

/** Opens the private key of the server certificate, which TLS needs in memory. The caller disposes of it. */
export function openKey({ ports }: Foundry, { purpose, sealedKey }: Kept): ReturnType<PkiPorts['unseal']> {
  return ports.unseal(purpose, sealedKey)
}

function purposeOf(role: Role, serial: string): string {
  return `pki/${role}/${serial}`
}

/** Runs `work` with a root, whose key is open for that time only. `pki/root-offline` when it is kept elsewhere. */
export async function withRoot<T>(
  foundry: Foundry,
  kept: Kept,
  makes: readonly ProfileName[],
  work: (issuer: Issuer) => Promise<Result<T>>,
): Promise<Result<T>> {
  const key = await openAuthorityKey(foundry.ports, kept.certificate, kept)
  return key.ok ? await work(new Issuer(identityOf(kept.certificate, makes), key.value)) : key
}

/**
 * Runs `work` with the authority whose key has this identifier (lower-case hex), old ones and the root included, whose key is open for that time
 * only. It may make certificates that sign answers about its own; lists it may sign anyway. `pki/unknown-authority` for a key that is not here,
 * `pki/key-unavailable` for one whose token or TPM is away.
 */
export async function withAuthority<T>(
  foundry: Foundry,
  keyId: string,
  work: (authority: Authority) => Promise<Result<T>>,
): Promise<Result<T>> {
  const rows = await foundry.ports.store.query(`SELECT * FROM pki_keyring WHERE role IN ('root', 'device-issuer', 'server-issuer')`)
  for (const row of rows) {
    const read = parseCertificate(Buffer.from(bytesOf(row, 'certificate')))
    if (!read.ok || keyIdentifier(read.value.publicKey).toString('hex') !== keyId) continue
    const role = textOf(row, 'role')
    if (role !== 'root' && role !== 'device-issuer' && role !== 'server-issuer') continue
    const key = await openAuthorityKey(foundry.ports, read.value, keptOf(row, role, read.value))
    if (!key.ok) return key
    const issuer = new Issuer(identityOf(read.value, ['ocsp-responder']), key.value)
    return await whileKeysAreThere(() => work({ certificate: read.value, issuer }))
  }
  return refuse('pki/unknown-authority', 'No authority of this hub has this key.', keyId)
}

function identityOf(certificate: Certificate, own: readonly ProfileName[]): IssuerIdentity {
  // Who makes our server certificate makes those of operators' services too.
  const makes = own.includes('server') ? [...own, 'operator-service' as const] : own
  const { subject, notBefore, notAfter, publicKey, extensions } = certificate
  const { nameConstraints, subjectKeyId } = extensions
  const facts = { subject: subject.der, keyId: keyIdentifier(publicKey), notBefore, notAfter, profiles: makes }
  return { ...facts, ...(subjectKeyId ? { subjectKeyId } : {}), ...(nameConstraints ? { nameConstraints } : {}) }
}

/** Makes a root that signs itself, to stand in `state`. `pki/clock-wrong` under a clock that was not set. */
export async function makeRoot(foundry: Foundry, state: RootState = 'active'): Promise<Result<void>> {
  const now = foundry.ports.clock.now()
  if (now < limits.earliestClock)
    return refuse(
      'pki/clock-wrong',
      `The clock of this machine says ${isoTime(now).slice(0, 10)}. Set it before the first start: the root is made only once.`,
    )
  const serial = freshSerial(foundry.ports.random)
  const made = await makeAuthorityKey(foundry, 'root', serial)
  if (!made.ok) return made
  const { key, material } = made.value
  // A few random letters, so that one client can trust two hubs and tell their roots apart.
  const commonName = `Thingwall Root ${foundry.ports.random.bytes(4).toString('hex')}`
  const validity = validityFrom(now, profiles.root.defaultLifetimeMs)
  const identity = {
    ...validity,
    subject: subjectOf('root', commonName),
    keyId: keyIdentifier(key.publicKey),
    profiles: ['root'],
  } as const
  return await makeOwn(foundry, new Issuer(identity, key), 'root', material, { serial, commonName, validity }, [
    rootStateRow(serial, state),
  ])
}

async function makeAuthorityKey({ ports }: Foundry, role: Role, serial: string) {
  const store = placeOfNewKeys(ports)
  const made = await store.make(purposeOf(role, serial))
  if (!made.ok) return made
  const { key, reference } = made.value
  return ok({ key, material: { publicKey: key.publicKey, place: store.place, reference } })
}

/** What `work` answers; hardware that is away is a no too. */
async function whileKeysAreThere<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Fault && error.code === 'pki/key-unavailable') return refuse('pki/key-unavailable', error.message)
    throw error
  }
}

/** Makes an issuer under `root`, beside those that there are: the newest signs. `pki/key-unavailable` when a key it takes is away. */
export function makeIssuer(foundry: Foundry, root: Kept, role: IssuerRole): Promise<Result<void>> {
  const now = foundry.ports.clock.now()
  return whileKeysAreThere(() =>
    withRoot(foundry, root, ['device-issuer', 'server-issuer'], async (issuer) => {
      const serial = freshSerial(foundry.ports.random)
      const key = await makeAuthorityKey(foundry, role, serial)
      if (!key.ok) return key
      const title = role === 'device-issuer' ? 'Thingwall Devices' : 'Thingwall Servers'
      const commonName = `${title} ${foundry.ports.random.bytes(4).toString('hex')}`
      const validity = validityFrom(now, profiles[role].defaultLifetimeMs, root.certificate)
      const notAfter = validity.notAfter > root.certificate.notAfter ? root.certificate.notAfter : validity.notAfter
      return await makeOwn(foundry, issuer, role, key.value.material, { serial, commonName, validity: { ...validity, notAfter } })
    }),
  )
}

async function openIssuer(
  foundry: Foundry,
  root: Kept,
  role: 'device-issuer' | 'server-issuer',
  makes: ProfileName,
): Promise<Result<Authority>> {
  const now = foundry.ports.clock.now()
  let kept = await newest(foundry, role, root.certificate)
  if (!kept.ok) return kept
  if (!kept.value || isDue(kept.value.certificate, now)) {
    const made = await makeIssuer(foundry, root, role)
    kept = await newest(foundry, role, root.certificate, made.ok ? 'sound' : 'any')
    if (!kept.ok) return kept
    // Better an issuer near its end, or one that is known to be revoked, than a hub that does not start: what is served stays as it is.
    if (!made.ok && !kept.value) return made
    if (!made.ok) foundry.ports.trouble(`a new ${role}`, made.error)
  }
  if (!kept.value) throw new Error('bug: the issuer was made but is not there')
  const { certificate } = kept.value
  const key = await openAuthorityKey(foundry.ports, certificate, kept.value)
  return key.ok ? ok({ certificate, issuer: new Issuer(identityOf(certificate, [makes]), key.value) }) : key
}

async function openImported(foundry: Foundry, role: IssuerRole, makes: ProfileName): Promise<Result<Authority> | undefined> {
  const found = await newestImported(foundry, role)
  if (!found.ok) return found
  if (!found.value) return undefined
  const { certificate, chain } = found.value
  const key = await openAuthorityKey(foundry.ports, certificate, found.value)
  return key.ok ? ok({ certificate, chain, issuer: new Issuer(identityOf(certificate, [makes]), key.value) }) : key
}

/** What one of our own certificates shall say. */
type Wish = { readonly commonName: string; readonly validity: { readonly notBefore: Instant; readonly notAfter: Instant } } & Partial<
  Pick<Template, 'alternativeNames' | 'serial'>
>

/** The key of a certificate of ours: in memory, to be sealed; in a place of keys, by its reference; or that of another, of which nothing is kept. */
type Material = Pick<KeyPair, 'publicKey'> &
  Partial<Pick<KeyPair, 'privateKey'> & { readonly place: AuthorityPlace; readonly reference: Buffer }>

/**
 * Makes a certificate of our own: lint, record, sign, keep with its sealed key, if there is one. A new server certificate takes the place of the old. `more`
 * rows are written together with it.
 */
export async function makeOwn(
  foundry: Foundry,
  issuer: Issuer,
  role: Role,
  material: Material,
  wish: Wish,
  more: readonly Statement[] = [],
): Promise<Result<void>> {
  const { ports, inventory } = foundry
  const { publicKey } = material
  const { commonName, validity, alternativeNames = [], serial = freshSerial(ports.random) } = wish
  const proof = issuer.lint({ profile: role === 'probe' ? 'server' : role, serial, commonName, alternativeNames, publicKey, ...validity })
  if (!proof.ok) return proof
  const recorded = await inventory.reserve(ports.system, [
    { proof: proof.value, device: null, issuer: issuer.identity.keyId.toString('hex'), subject: commonName },
  ])
  if (!recorded.ok) return recorded
  const [reservation] = recorded.value
  if (!reservation) throw new Error('bug: nothing was reserved')
  const der = await issuer.sign(proof.value, reservation)
  const ownSealed = material.privateKey?.use((bytes) => ports.seal(purposeOf(role, serial), bytes))
  const sealed = material.reference ?? ownSealed ?? Buffer.alloc(0)
  const place = material.place ?? (ownSealed === undefined ? 'none' : 'software')
  return await inventory.complete(
    [{ serial, der, fingerprintSha256: fingerprintOf(der) }],
    [
      ...(role === 'server' || role === 'probe' ? [{ sql: 'DELETE FROM pki_keyring WHERE role = ?', args: [role] }] : []),
      {
        sql: 'INSERT INTO pki_keyring (serial, role, certificate, sealed_key, place) VALUES (?, ?, ?, ?, ?)',
        args: [serial, role, der, sealed, place],
        expect: 1,
      },
      ...more,
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
