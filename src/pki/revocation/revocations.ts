import { type Clock, type Instant, type Refusal, type Result, instant, ok } from '#base'
import type { WebSite } from '#wire/web'
import { type Certificate, keyIdentifier, parseCertificate } from '#wire/x509'
import { type Foundry, fingerprintOf, freshSerial, isDue, validityFrom, withAuthority } from '../authority.ts'
import { makeKeyPair, signingKey } from '../key-pair.ts'
import { profiles } from '../profile.ts'
import { bytesOf, textOf } from '../row.ts'
import { RevocationLists, listLimits } from './lists.ts'
import { Responder, type ResponderKey } from './responder.ts'
import { listPrefix, responderPath, revocationSite } from './site.ts'

/** What revocation tells of as it happens. */
export type RevocationFact =
  | {
      readonly kind: 'revocation-list-ageing'
      readonly time: Instant
      readonly issuer: string
      readonly whose: 'ours' | 'theirs'
      readonly share: number
      readonly nextUpdate: number
    }
  | { readonly kind: 'revocation-lists-stuck'; readonly time: Instant; readonly issuers: readonly string[]; readonly message: string }
  | {
      readonly kind: 'responder-renewed'
      readonly time: Instant
      readonly issuer: string
      readonly serial: string
      readonly notAfter: number
    }

/** What publishing revocations needs besides the foundry. */
export type RevocationsPorts = {
  /** Certificates of our authorities, old ones and the root included; the same list until there is another. */
  authorities(): readonly Certificate[]
  /** `https://hub.example`: where the lists are reached from outside; undefined while nobody knows. */
  publicUrl(): string | undefined
  tell(fact: RevocationFact): void
}

/** The shares of a list's life at which somebody is told that no newer one has come. */
export const alarmShares = [50, 80, 100] as const

/** Lists, answers and staples of our authorities. Guards the responders' keys and what was told about lists that grow old. */
export class Revocations {
  readonly site: WebSite
  readonly lists: RevocationLists
  readonly #foundry: Foundry
  readonly #ports: RevocationsPorts
  readonly #responder: Responder
  readonly #responders = new Map<string, Promise<Result<ResponderKey>>>()
  readonly #alarms = new Map<string, number>()
  readonly #stuck = new Set<string>()

  constructor(foundry: Foundry, ports: RevocationsPorts) {
    this.#foundry = foundry
    this.#ports = ports
    const { store, clock, trouble } = foundry.ports
    const { inventory } = foundry
    this.lists = new RevocationLists({
      store,
      clock,
      revoked: inventory.revoked,
      sign: (keyId, fields, entries) =>
        this.#noted(
          keyId,
          withAuthority(foundry, keyId, async ({ issuer }) => ok(await issuer.signRevocationList(fields, entries))),
        ),
      pointOf: (keyId, shard) => this.pointerOf(keyId, shard),
      trouble: (issuer, refusal) => trouble(`the revocation list of ${issuer}`, refusal),
    })
    this.#responder = new Responder({
      clock,
      inventory,
      authorities: () => ports.authorities(),
      responderFor: (keyId) => this.#responderFor(keyId),
      trouble: (issuer: string, refusal: Refusal) => trouble(`answers about certificates of ${issuer}`, refusal),
    })
    this.site = revocationSite(this.lists, this.#responder)
  }

  /** Something was revoked. */
  changed(): void {
    this.#responder.forget()
  }

  /** The URI of the list that would name a certificate; undefined while nobody knows where we are reached. */
  pointerOf(keyId: string, shard: number): string | undefined {
    const url = this.#ports.publicUrl()
    return url === undefined ? undefined : `${url}${listPrefix}${keyId}/${shard}.crl`
  }

  /** The URI of the responder. */
  get responderUri(): string | undefined {
    const url = this.#ports.publicUrl()
    return url === undefined ? undefined : url + responderPath
  }

  /** What is sent along with a certificate of ours in TLS. */
  staple(serial: string, keyId: string): Promise<Result<Buffer>> {
    return this.#responder.staple(serial, keyId)
  }

  /** Makes anew what is due, and says which lists grow old because it could not be. */
  async renewDue(): Promise<void> {
    await this.lists.renewDue()
    const now = this.#foundry.ports.clock.now()
    for (const [name, { thisUpdate, nextUpdate }] of this.lists.known) {
      const [issuer = ''] = name.split('/')
      const share = alarmShares.findLast((one) => (now - thisUpdate) * 100 >= one * (nextUpdate - thisUpdate)) ?? 0
      if (share > (this.#alarms.get(name) ?? 0))
        this.#ports.tell({ kind: 'revocation-list-ageing', time: now, issuer, whose: 'ours', share, nextUpdate })
      this.#alarms.set(name, share)
    }
  }

  /** Why revocation is not well; empty: it is. */
  reasons(): readonly string[] {
    const late = [...this.#alarms].filter(([, share]) => share >= 80).map(([name]) => name)
    return late.length === 0 ? [] : [`revocation lists near their end: ${late.slice(0, 5).join(', ')}`]
  }

  /** Tells when the lists of an issuer can be signed no more, and when they can be again: once each. */
  async #noted(keyId: string, signing: Promise<Result<Buffer>>): Promise<Result<Buffer>> {
    const signed = await signing
    if (!signed.ok && signed.error.code === 'pki/unknown-authority') return signed
    if (signed.ok !== this.#stuck.has(keyId)) return signed
    if (signed.ok) this.#stuck.delete(keyId)
    else this.#stuck.add(keyId)
    const message = signed.ok ? 'Revocation lists are signed again.' : `Revocation lists are not signed: ${signed.error.message}`
    this.#ports.tell({ kind: 'revocation-lists-stuck', time: this.#foundry.ports.clock.now(), issuers: [keyId], message })
    return signed
  }

  async #responderFor(keyId: string): Promise<Result<ResponderKey>> {
    const running = this.#responders.get(keyId)
    if (running !== undefined) {
      const known = await running
      if (known.ok && !isDue(known.value.certificate, this.#foundry.ports.clock.now())) return known
    }
    const latest = this.#responders.get(keyId)
    // Somebody else has asked for a new one meanwhile.
    if (latest !== undefined && latest !== running) return latest
    const opened = this.#openResponder(keyId)
    this.#responders.set(keyId, opened)
    const outcome = await opened.catch((error: unknown) => {
      this.#responders.delete(keyId)
      throw error
    })
    if (outcome.ok) return outcome
    // The old one is good for another third of its life.
    const before = running && (await running)
    if (before?.ok === true && this.#foundry.ports.clock.now() < before.value.certificate.notAfter) {
      this.#responders.set(keyId, Promise.resolve(before))
      return before
    }
    this.#responders.delete(keyId)
    return outcome
  }

  async #openResponder(keyId: string): Promise<Result<ResponderKey>> {
    const { ports } = this.#foundry
    const [row] = await ports.store.query('SELECT serial, certificate, sealed_key FROM revocation_responder WHERE issuer = ?', keyId)
    if (row !== undefined) {
      const certificate = parseCertificate(Buffer.from(bytesOf(row, 'certificate')))
      const key = ports.unseal(purposeOf(keyId, textOf(row, 'serial')), bytesOf(row, 'sealed_key'))
      if (certificate.ok && key.ok && !isDue(certificate.value, ports.clock.now())) {
        using secret = key.value
        return ok({ certificate: certificate.value, key: signingKey(secret) })
      }
    }
    return this.#makeResponder(keyId)
  }

  async #makeResponder(keyId: string): Promise<Result<ResponderKey>> {
    const { ports, inventory } = this.#foundry
    const now = ports.clock.now()
    const pair = await makeKeyPair()
    using secret = pair.privateKey
    return await withAuthority(this.#foundry, keyId, async ({ issuer, certificate: authority }): Promise<Result<ResponderKey>> => {
      const serial = freshSerial(ports.random)
      const commonName = `Thingwall OCSP ${keyId.slice(0, 8)}`
      const wanted = validityFrom(now, profiles['ocsp-responder'].defaultLifetimeMs, authority)
      const validity = { ...wanted, notAfter: instant(Math.min(wanted.notAfter, authority.notAfter)) }
      const proof = issuer.lint({
        profile: 'ocsp-responder',
        serial,
        commonName,
        alternativeNames: [],
        publicKey: pair.publicKey,
        ...validity,
      })
      if (!proof.ok) return proof
      const recorded = await inventory.reserve(ports.system, [{ proof: proof.value, device: null, issuer: keyId, subject: commonName }])
      if (!recorded.ok) return recorded
      const [reservation] = recorded.value
      if (reservation === undefined) throw new Error('bug: nothing was reserved')
      const der = await issuer.sign(proof.value, reservation)
      const sealed = secret.use((bytes) => ports.seal(purposeOf(keyId, serial), bytes))
      const kept = await inventory.complete(
        [{ serial, der, fingerprintSha256: fingerprintOf(der) }],
        [
          {
            sql: `INSERT INTO revocation_responder (issuer, serial, certificate, sealed_key) VALUES (?, ?, ?, ?)
                  ON CONFLICT (issuer) DO UPDATE SET serial = excluded.serial, certificate = excluded.certificate, sealed_key = excluded.sealed_key`,
            args: [keyId, serial, der, sealed],
          },
        ],
      )
      if (!kept.ok) return kept
      const certificate = parseCertificate(der)
      if (!certificate.ok) throw new Error('bug: a certificate of ours cannot be read')
      this.#ports.tell({ kind: 'responder-renewed', time: now, issuer: keyId, serial, notAfter: validity.notAfter })
      return ok({ certificate: certificate.value, key: signingKey(secret) })
    })
  }
}

function purposeOf(keyId: string, serial: string): string {
  return `revocation/responder/${keyId}/${serial}`
}

/** The key identifier of an authority as the inventory and the lists name it. */
export function keyIdOf(authority: Certificate): string {
  return keyIdentifier(authority.publicKey).toString('hex')
}

/** How often lists are looked after. */
export const renewalMs = Math.min(10 * 60_000, listLimits.renewMs)

/** For {@link Revocations}, told by the clock. */
export function everyRenewal(clock: Clock, revocations: Revocations, trouble: (what: string, error: unknown) => void): () => void {
  return clock.every(renewalMs, () => {
    revocations.renewDue().catch((error: unknown) => trouble('revocation lists', error))
  })
}
