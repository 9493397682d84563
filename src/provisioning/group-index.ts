import { type Instant, type Result, refuse } from '#base'
import type { HeldCertificate } from './enrollment.ts'
import type { OpenEnrollment } from './enrollments.ts'
import { sha256Of } from './held-certificate.ts'
import type { ChainTrust, ProvenChain, ProvisioningPorts } from './ports.ts'
import type { IdKey } from './registration-id.ts'

/** Groups that share an authority, in the order of their names: the first decides. */
type Anchored = { readonly trust: ChainTrust; readonly byAnchor: ReadonlyMap<string, readonly OpenEnrollment[]> }

/** What a chain led to. */
export type MatchedGroup = { readonly group: OpenEnrollment; readonly chain: ProvenChain }

/** All groups, in memory: there are at most two hundred. Trust in their authorities is made anew when one of them changes. */
export class GroupIndex {
  readonly #ports: Pick<ProvisioningPorts, 'openTrust' | 'authorities'>
  readonly #groups = new Map<IdKey, OpenEnrollment>()
  #sorted: readonly OpenEnrollment[] = []
  #anchored: { readonly of: Anchored | undefined; readonly references: string } | undefined

  constructor(ports: Pick<ProvisioningPorts, 'openTrust' | 'authorities'>) {
    this.#ports = ports
  }

  /** Groups in the order of their names. */
  all(): readonly OpenEnrollment[] {
    return this.#sorted
  }

  /** Groups whose devices prove themselves by derived keys, in the order of their names, disabled ones included. */
  keyed(): readonly OpenEnrollment[] {
    return this.#sorted.filter(({ enrollment }) => enrollment.attestation.type === 'symmetricKey')
  }

  find(key: IdKey): OpenEnrollment | undefined {
    return this.#groups.get(key)
  }

  put(group: OpenEnrollment): void {
    this.#groups.set(group.enrollment.key, group)
    this.#changed()
  }

  remove(key: IdKey): void {
    this.#groups.delete(key)
    this.#changed()
  }

  /**
   * The group whose authority is nearest to the leaf on its chain, disabled or not: the first match decides, so that disabling a group for one batch refuses it
   * though a group for its root would take it (azure-wire 7.4).
   */
  match(presented: readonly Buffer[], now: Instant): Result<MatchedGroup> {
    const anchored = this.#trust()
    if (anchored === undefined) return refuse('provisioning/unauthorized', 'Not authorized.', 'there is no group with an authority')
    const chain = anchored.trust(presented, now)
    if (!chain.ok) return chain
    const [group] = anchored.byAnchor.get(chain.value.anchorSha256) ?? []
    return group === undefined
      ? refuse('provisioning/unauthorized', 'Not authorized.', 'no group has this authority')
      : { ok: true, value: { group, chain: chain.value } }
  }

  #changed(): void {
    this.#sorted = [...this.#groups.values()].sort((a, b) => (a.enrollment.key < b.enrollment.key ? -1 : 1))
    this.#anchored = undefined
  }

  #trust(): Anchored | undefined {
    const authorities = this.#ports.authorities?.() ?? []
    const references = authorities.map(({ name, certificate }) => `${name} ${sha256Of(certificate)}`).join('\n')
    if (this.#anchored?.references === references) return this.#anchored.of
    const byAnchor = new Map<string, OpenEnrollment[]>()
    const anchors: Buffer[] = []
    for (const group of this.#sorted)
      for (const { der, sha256 } of anchorsOf(group, authorities)) {
        const others = byAnchor.get(sha256)
        if (others === undefined) anchors.push(der)
        byAnchor.set(sha256, [...(others ?? []), group])
      }
    const trust = anchors.length === 0 ? undefined : this.#ports.openTrust(anchors)
    this.#anchored = { of: trust?.ok === true ? { trust: trust.value, byAnchor } : undefined, references }
    return this.#anchored.of
  }
}

/** The authorities whose devices an enrollment takes. */
export function anchorsOf(
  { enrollment }: OpenEnrollment,
  authorities: readonly { readonly name: string; readonly certificate: Buffer }[],
): readonly HeldCertificate[] {
  const { attestation } = enrollment
  if (attestation.type === 'signingCertificates') {
    const { primary, secondary } = attestation.certificates
    return [primary, secondary].filter((one) => one !== null)
  }
  if (attestation.type !== 'caReferences') return []
  const { primary, secondary } = attestation.names
  return authorities
    .filter(({ name }) => name === primary || name === secondary)
    .map(({ certificate }) => ({ der: certificate, sha256: sha256Of(certificate) }))
}
