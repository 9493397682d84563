import { timingSafeEqual } from 'node:crypto'
import { type Clock, instant, ok, refuse } from '#base'
import type { DeviceProvisioning, Operation, Registrant, RegisterRequest, RegistrantClaim, TpmClaim } from '#provisioning'
import { parseSharedAccessSignature, resourceSegments, signSharedAccess } from '#wire/azure'

const unauthorized = (why: string) => refuse('provisioning/unauthorized', 'Unauthorized.', why)

/**
 * Provisioning without a disk: devices with symmetric keys, or with the very certificate that is known of them. It verifies what it is shown; every
 * registration is assigned by the second poll, or fails for devices named `fails-...`.
 */
export class MemoryProvisioning implements DeviceProvisioning {
  readonly idScope = '0ne00ABCDEF'
  /** Decoded keys, and certificates, by registration id. */
  readonly keys = new Map<string, Buffer>()
  readonly certificates = new Map<string, Buffer>()
  /** What was asked of it, in order. */
  readonly registered: { readonly id: string; readonly request: RegisterRequest }[] = []
  readonly claims: RegistrantClaim[] = []
  readonly challenges: TpmClaim[] = []
  /** Milliseconds until a proof ends. */
  proofMs = 3_600_000
  /** Set: everything breaks with it. */
  broken: Error | undefined
  readonly #clock: Clock
  readonly #polls = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async authenticate(claim: RegistrantClaim) {
    this.claims.push(claim)
    if (claim.address === 'flooder') return refuse('provisioning/too-many-attempts', 'Try again later.')
    const { registrationId: id, token, certificates } = claim
    if (claim.idScope !== this.idScope) return unauthorized('another id scope')
    if (token === undefined) {
      const [leaf] = certificates
      if (leaf === undefined || this.certificates.get(id)?.equals(leaf) !== true) return unauthorized('not its certificate')
      return ok(this.#registrant(id, 'x509'))
    }
    const key = this.keys.get(id)
    const sas = parseSharedAccessSignature(token)
    if (key === undefined || !sas.ok) return unauthorized('no key or no token')
    const { resource, expiry, signature } = sas.value
    const isFor = resourceSegments(resource)?.join('/') === `${this.idScope}/registrations/${id}`
    const isSigned = timingSafeEqual(signature, signSharedAccess(key, resource, expiry))
    if (!isFor || !isSigned || Number(expiry) * 1_000 < this.#clock.now()) return unauthorized('a bad token')
    return ok(this.#registrant(id, 'symmetricKey'))
  }

  async challenge(claim: TpmClaim) {
    this.challenges.push(claim)
    if (claim.idScope !== this.idScope || claim.registrationId !== 'tpm-1') return unauthorized('not its endorsement key')
    return ok(Buffer.from(`blob for ${claim.endorsementKey.toString('hex')}`.padEnd(900, '.')))
  }

  async register({ registrationId: id }: Registrant, request: RegisterRequest) {
    if (this.broken !== undefined) throw this.broken
    this.registered.push({ id, request })
    return ok<Operation>({ operationId: `op-${id}`, status: 'assigning', retryAfterSeconds: 3 })
  }

  async operation({ registrationId: id }: Registrant, operationId: string) {
    if (this.broken !== undefined) throw this.broken
    if (operationId !== `op-${id}`) return refuse('provisioning/no-such-operation', 'There is no such operation.')
    const polls = (this.#polls.get(id) ?? 0) + 1
    this.#polls.set(id, polls)
    if (polls < 2) return ok<Operation>({ operationId, status: 'assigning', retryAfterSeconds: 2 })
    const status = id.startsWith('fails') ? 'failed' : 'assigned'
    return ok<Operation>({
      operationId,
      status,
      registrationState: { registrationId: id, deviceId: id, assignedHub: 'hub', payload: 'für €𝄞' },
    })
  }

  async lookup({ registrationId: id }: Registrant) {
    if (!this.registered.some((one) => one.id === id)) return refuse('provisioning/not-registered', 'It has not registered.')
    return ok({ registrationId: id, status: 'assigned' })
  }

  /** A token as devices sign it. */
  token(id: string, key = this.keys.get(id) ?? Buffer.alloc(32), scope: string = this.idScope): string {
    const resource = encodeURIComponent(`${scope}/registrations/${id}`)
    const expiry = String(Math.floor(this.#clock.now() / 1_000) + 3_600)
    const signature = signSharedAccess(key, resource, expiry).toString('base64')
    return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&skn=registration&se=${expiry}`
  }

  #registrant(registrationId: string, proof: 'x509' | 'symmetricKey'): Registrant {
    // What a test stands in for mints the brand.
    return { registrationId, proof, expiresAt: instant(this.#clock.now() + this.proofMs) } as Registrant
  }
}
