import type { CertificateProof, DeviceId, Grant, Instant, Result } from '#base'
import { ok, refuse } from '#base'
import { type Certificate, encodePem, keyIdentifier } from '#wire/x509'
import { type ServiceRequest, issueService } from './acme/issue-service.ts'
import { type Authorities, type Authority, type Foundry, fingerprintOf, isDue, openAuthorities, pemOf } from './authority.ts'
import { type LotIssuer, type MadeElsewhere, adoptCertificates, lotSerials, makeLotIssuer } from './authorities/lots.ts'
import { type Ceremony, ceremonyOf } from './authorities/ceremony-door.ts'
import { draftRoot } from './authorities/next-root.ts'
import { type Root, canBridge } from './authorities/roots.ts'
import { type TrustBundle, trustBundleOf } from './authorities/trust-bundle.ts'
import { DeviceChains, type LeafFacts, type Revoked, type VerifiedLeaf, judgeProof } from './device-chain.ts'
import { Inventory, type Revocation } from './inventory.ts'
import { type DeviceRequest, type Issued, issueDevices } from './issue-device.ts'
import { limits } from './limits.ts'
import type { PkiPorts } from './ports.ts'
import { Revocations, everyRenewal } from './revocation/revocations.ts'
import type { Selector } from './revocation/selector.ts'
import type { CertificateRecord, RevocationReason } from './row.ts'
import { type ServerCertificate, probeNames, serverCertificate, serverNames } from './server-certificate.ts'

/** What the server certificate is for. `localhost`, `127.0.0.1` and `::1` are added. */
export type PkiConfig = { readonly names: readonly string[]; readonly addresses: readonly string[] }

/** Opens the PKI, making root, issuers and server certificate on a first run. Refuses names that cannot stand in a certificate, and keys that do not open. */
export async function openPki(config: PkiConfig, ports: PkiPorts, signal: AbortSignal): Promise<Result<Pki>> {
  signal.throwIfAborted()
  const foundry = { ports, inventory: await Inventory.open(ports) }
  const authorities = await openAuthorities(foundry)
  if (!authorities.ok) return authorities
  const names = serverNames(config.names, config.addresses)
  const now = ports.clock.now()
  const server = await serverCertificate(foundry, authorities.value, names, now)
  if (!server.ok) return server
  const probe = await probeCertificate(foundry, authorities.value, names, now)
  if (!probe.ok) return probe
  return ok(new Pki(foundry, authorities.value, names, { server: server.value, probe: probe.value }, await lotSerials(foundry)))
}

/** What probes of trust in a new root are shown, while a fleet moves to one: nothing but the new root vouches for it. */
async function probeCertificate(
  foundry: Foundry,
  { probe }: Authorities,
  names: ServerCertificate['names'],
  now: Instant,
): Promise<Result<ServerCertificate | undefined>> {
  if (!probe) return ok(undefined)
  return await serverCertificate(foundry, { servers: probe, bridge: [] }, probeNames(names), now, 'probe')
}

/** What is served to everybody, and to probes of trust in a new root. */
type Served = { readonly server: ServerCertificate; readonly probe: ServerCertificate | undefined }

/** Makes, renews, verifies and revokes certificates. Owns the issuing keys and the timer of renewal; dispose of it to stop both. */
export class Pki implements AsyncDisposable {
  /** Lists and answers about what we revoked, for whoever asks by HTTP. */
  readonly revocations: Revocations
  /** Issuers that others sign, and the root's key kept elsewhere. */
  readonly ceremony: Ceremony
  readonly #foundry: Foundry
  readonly #names: ServerCertificate['names']
  readonly #chains: DeviceChains
  readonly #revoked: Revoked
  readonly #serverListeners = new Set<(certificate: ServerCertificate) => void>()
  readonly #revocationListeners = new Set<(revocation: Revocation) => void>()
  readonly #stop: () => void
  readonly #lots: Set<string>
  #authorities: Authorities
  #everybody: readonly Certificate[]
  #served: Served
  #renewing: Promise<Result<boolean>> = Promise.resolve(ok(false))

  /** For {@link openPki}. */
  constructor(foundry: Foundry, authorities: Authorities, names: ServerCertificate['names'], served: Served, lots: Iterable<string>) {
    this.#foundry = foundry
    this.#lots = new Set(lots)
    this.#authorities = authorities
    this.#everybody = everybodyOf(authorities)
    this.#names = names
    this.#served = served
    this.#revoked = { serial: (serial) => this.isRevoked(serial), denied: (kind, value) => foundry.inventory.isDenied(kind, value) }
    this.#chains = new DeviceChains(knownOf(authorities), this.#revoked)
    const { clock, publicUrl, tell, trouble } = foundry.ports
    this.revocations = new Revocations(foundry, {
      authorities: () => this.#everybody,
      publicUrl: () => publicUrl?.(),
      tell: (fact) => tell?.(fact),
    })
    const signing = () => [this.#authorities.devices, this.#authorities.servers].map(({ certificate }) => certificate.serial)
    this.ceremony = ceremonyOf(foundry, names, () => this.reload(), signing)
    const stopLists = everyRenewal(clock, this.revocations, trouble)
    const stopRenewal = clock.every(limits.renewalCheckMs, () => this.#renewLater('renewal of the server certificate'))
    this.#stop = () => {
      stopRenewal()
      stopLists()
    }
  }

  /** What clients must trust, PEM: the active root first, then our others in force, then the roots of others that vouch for our issuers. */
  get rootPem(): string {
    const { root, roots, anchors } = this.#authorities
    const others = certificatesOf(roots).filter(({ der }) => !der.equals(root.der))
    return [root, ...others, ...anchors].map(pemOf).join('')
  }

  /** Serial number of the active root. */
  get rootSerial(): string {
    return this.#authorities.root.serial
  }

  /** Whether the active root leaves room for the next one below it, so that clients of either can be served: not all older ones do. */
  get couldBridge(): boolean {
    return canBridge(this.#authorities.root)
  }

  /** What clients must trust, with its version: every root in force. */
  trustBundle(): TrustBundle {
    return trustBundleOf(anchorsOf(this.#authorities))
  }

  /** SHA-256 of the root's DER, lower-case hex. */
  get rootFingerprintSha256(): string {
    return fingerprintOf(this.#authorities.root.der)
  }

  /** Every certificate at which a device's chain may end, PEM, for the TLS context. */
  get trustAnchorsPem(): string {
    return anchorsOf(this.#authorities).map(pemOf).join('')
  }

  /** Our issuers of device certificates, PEM, newest and older: what a TLS context offers to build chains with. */
  get issuersPem(): string {
    return this.#authorities.issuers.map(pemOf).join('')
  }

  /** What the listeners serve now. */
  serverCertificate(): ServerCertificate {
    return this.#served.server
  }

  /** What the listeners serve to probes of trust in a new root; undefined while no fleet moves. Told of with {@link Pki.onServerCertificate}. */
  probeCertificate(): ServerCertificate | undefined {
    return this.#served.probe
  }

  /** An OCSP answer about the server certificate of now, to be sent along with it. Good for a day. */
  staple(): Promise<Result<Buffer>> {
    return this.revocations.staple(this.#served.server.serial, this.#authorities.servers.issuer.identity.keyId.toString('hex'))
  }

  /** Calls `listener` with every new server certificate, so that listeners reload it. Returns how to stop. */
  onServerCertificate(listener: (certificate: ServerCertificate) => void): () => void {
    this.#serverListeners.add(listener)
    return () => void this.#serverListeners.delete(listener)
  }

  /**
   * Renews the server certificate, and the issuers before it, once two thirds of their life are over. True when there is a new one. Runs by itself
   * every ten minutes; calls at the same time run one after the other.
   */
  renewServerIfDue(now: Instant): Promise<Result<boolean>> {
    const again = () => this.#renew(now)
    this.#renewing = this.#renewing.then(again, again)
    return this.#renewing
  }

  /** Makes the root that may follow the active one, which nobody hears of yet: see `authorities/next-root.ts`. */
  draftRoot(_grant: Grant<'pki.administer'>): ReturnType<typeof draftRoot> {
    return draftRoot(this.#foundry)
  }

  /** Goes by where the roots stand now, after that was changed in the store. Listeners are told. */
  reload(): Promise<Result<boolean>> {
    const again = () => this.#renew(this.#foundry.ports.clock.now(), true)
    this.#renewing = this.#renewing.then(again, again)
    return this.#renewing
  }

  /** Issues one certificate for a device. */
  async issueDevice(grant: Grant<'certificate.issue'>, request: DeviceRequest): Promise<Result<Issued>> {
    const [issued] = await this.issueDevices(grant, [request])
    if (!issued) throw new Error('bug: a request without an answer')
    return issued
  }

  /** Issues many, with few commits. One answer for each request, in the same order. */
  async issueDevices(grant: Grant<'certificate.issue'>, requests: readonly DeviceRequest[]): Promise<readonly Result<Issued>[]> {
    const { ports, inventory } = this.#foundry
    // What a revoked issuer signs is worth nothing: its successor is being made.
    if (this.isRevoked(this.#authorities.devices.certificate.serial)) await this.#renewing
    if (this.isRevoked(this.#authorities.devices.certificate.serial)) {
      const none = refuse(
        'pki/no-issuer',
        'The issuer of device certificates was revoked, and there is no other. Its root has to sign one.',
      )
      return requests.map(() => none)
    }
    return issueDevices({ ports, inventory, authority: this.#authorities.devices }, grant, requests)
  }

  /** Issues a certificate for a service of an operator, whose names were proven: see {@link issueService}. */
  issueService(grant: Grant<'certificate.issue'>, request: ServiceRequest): Promise<Result<Issued>> {
    return issueService(this.#foundry, this.#authorities.servers, grant, request)
  }

  /** A certificate of ours and its DER, which is undefined when it was never handed out; undefined for a serial of none. */
  recorded(_grant: Grant<'certificate.issue'>, serial: string): ReturnType<Inventory['bySerial']> {
    return this.#foundry.inventory.bySerial(serial)
  }

  /** Verifies what a device presented (DER, leaf first) at `now`: see {@link DeviceChains.verify}. */
  verifyDeviceChain(presented: readonly Buffer[], now: Instant): Result<VerifiedLeaf> {
    const verified = this.#chains.verify(presented, now)
    // A lot's issuer is in somebody else's hands: what it signed is good for registering, and proves no device to this hub.
    return verified.ok && verified.value.proof.chain.serials.some((serial) => this.#lots.has(serial))
      ? refuse('pki/lot-certificate', 'The certificate was made in a factory. It is good for registering only.')
      : verified
  }

  /** Makes the issuer of a lot for a key that a factory holds: see `authorities/lots.ts`. */
  async issueLotIssuer(grant: Grant<'certificate.issue'>, wish: Parameters<typeof makeLotIssuer>[3]): Promise<Result<LotIssuer>> {
    const made = await makeLotIssuer(this.#foundry, this.#authorities.root, grant, wish)
    if (made.ok) this.#lots.add(made.value.certificate.serial)
    return made
  }

  /** Records certificates that a factory made under the issuer of a lot. Who calls this has checked their signatures. */
  adoptCertificates(grant: Grant<'certificate.issue'>, issuer: Certificate, made: readonly MadeElsewhere[]): Promise<Result<void>> {
    return adoptCertificates(this.#foundry, grant, issuer, made)
  }

  /** What a presented certificate says about itself; nothing is verified. */
  leafFacts(der: Buffer): Result<LeafFacts> {
    return this.#chains.facts(der)
  }

  /** Whether a certificate of ours was revoked. */
  isRevoked(serial: string): boolean {
    return this.#foundry.inventory.revokedAt(serial) !== undefined
  }

  /** Whether what a connection was proven with still stands: see {@link judgeProof}. */
  judgeProof(proof: CertificateProof): Result<void> {
    return judgeProof(proof, this.#revoked)
  }

  /**
   * Revokes certificates: one, all of a device or of several, one key's, or an issuer and with it everything under it. Listeners are told before
   * this resolves, and only of what changed. `pki/root-not-revocable` for a root, which nobody can vouch against.
   */
  async revoke(grant: Grant<'certificate.issue'>, which: Selector, reason: RevocationReason): Promise<Result<Revocation>> {
    const issuers = 'issuer' in which ? this.#issuersBy(which.issuer) : ok([])
    if (!issuers.ok) return issuers
    const revoked = await this.#foundry.inventory.revoke(grant, which, reason, issuers.value)
    if (!revoked.ok) return revoked
    this.revocations.changed()
    if (revoked.value.serials.length > 0) for (const listener of this.#revocationListeners) listener(revoked.value)
    // Not waited for: whoever asked has sessions to end first.
    if (issuers.value.length > 0) this.#renewLater('a new issuer in place of a revoked one')
    return revoked
  }

  #renewLater(what: string): void {
    const { clock, trouble } = this.#foundry.ports
    this.renewServerIfDue(clock.now()).then(
      (renewed) => void (renewed.ok || trouble(what, renewed.error)),
      (error: unknown) => trouble(what, error),
    )
  }

  /** Serial numbers of our issuers' certificates that carry this key. */
  #issuersBy(keyId: string): Result<readonly string[]> {
    const { roots, issuers } = this.#authorities
    const isMeant = (one: Certificate) => keyIdentifier(one.publicKey).toString('hex') === keyId
    if (certificatesOf(roots).some(isMeant))
      return refuse('pki/root-not-revocable', 'A root cannot be revoked. Replace it: thingwall pki rotate start.')
    return ok(issuers.filter(isMeant).map(({ serial }) => serial))
  }

  /** Calls `listener` whenever certificates were revoked, after it is durable. Returns how to stop. */
  onRevoked(listener: (revocation: Revocation) => void): () => void {
    this.#revocationListeners.add(listener)
    return () => void this.#revocationListeners.delete(listener)
  }

  /** Every certificate of a device, newest first, revoked and expired ones included. */
  certificatesOf(_grant: Grant<'device.read'>, device: DeviceId): Promise<readonly CertificateRecord[]> {
    return this.#foundry.inventory.ofDevice(device)
  }

  /** One certificate that we made, by serial; its PEM (leaf alone) once it was handed out. `pki/unknown-serial` for none of ours. */
  async certificate(
    _grant: Grant<'device.read'>,
    serial: string,
  ): Promise<Result<{ readonly record: CertificateRecord; readonly pem: string | undefined }>> {
    const found = await this.#foundry.inventory.bySerial(serial)
    if (!found) return refuse('pki/unknown-serial', 'No certificate of this hub has this serial number.', serial)
    return ok({ record: found.record, pem: found.der && encodePem('CERTIFICATE', found.der) })
  }

  /** The inventory in pages of at most 1,000, by serial, beginning after `after` (`''` for the first). */
  inventory(_grant: Grant<'check.run'>, after: string, limit: number): Promise<readonly CertificateRecord[]> {
    return this.#foundry.inventory.page(after, Math.min(limit, 1_000))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    await this.#renewing.catch(() => undefined)
    this.#served.server.keyPem[Symbol.dispose]()
    this.#served.probe?.keyPem[Symbol.dispose]()
  }

  async #renew(now: Instant, again = false): Promise<Result<boolean>> {
    const { devices, servers, probe } = this.#authorities
    const isOver = (authority: Authority | undefined) =>
      authority !== undefined && (isDue(authority.certificate, now) || this.isRevoked(authority.certificate.serial))
    const isAnother = again || isOver(devices) || isOver(servers) || isOver(probe)
    if (isAnother) {
      const opened = await openAuthorities(this.#foundry)
      if (!opened.ok) return opened
      this.#authorities = opened.value
      this.#everybody = everybodyOf(opened.value)
      this.#chains.trust(knownOf(opened.value))
    }
    const { server, probe: proving } = this.#served
    // An issuer of devices alone has no part in what is served.
    const stays = this.#authorities.servers.certificate.serial === servers.certificate.serial
    if (!again && stays && !isDue(server, now) && !(proving && isDue(proving, now))) return ok(false)
    const next = await serverCertificate(this.#foundry, this.#authorities, this.#names, now)
    if (!next.ok) return next
    const nextProbe = await probeCertificate(this.#foundry, this.#authorities, this.#names, now)
    if (!nextProbe.ok) return nextProbe
    // The old keys are left to the garbage collector: a listener may be reading them in this very turn.
    this.#served = { server: next.value, probe: nextProbe.value }
    for (const listener of this.#serverListeners) listener(next.value)
    return ok(true)
  }
}

function everybodyOf({ roots, issuers }: Authorities): readonly Certificate[] {
  return [...certificatesOf(roots), ...issuers]
}

function knownOf({ roots, anchors, issuers }: Authorities): ConstructorParameters<typeof DeviceChains>[0] {
  return { anchors: anchorsOf({ roots, anchors }), issuers }
}

function anchorsOf({ roots, anchors }: Pick<Authorities, 'roots' | 'anchors'>): readonly Certificate[] {
  return [...certificatesOf(roots), ...anchors]
}

function certificatesOf(roots: readonly Root[]): readonly Certificate[] {
  return roots.map(({ certificate }) => certificate)
}
