import { type DeviceId, type Grant, type Instant, type Result, Secret, ok, refuse } from '#base'
import { type PublicKey, type SigningRequest, decodePem, encodePem, parseSigningRequest } from '#wire/x509'
import { type Authority, fingerprintOf, freshSerial, pemOf, validityFrom } from './authority.ts'
import { type Inventory, type Planned, type Signed, keySha256, ownerOf } from './inventory.ts'
import { type Reserved } from './issuer.ts'
import { makeKeyPair, privateKeyPem } from './key-pair.ts'
import { limits } from './limits.ts'
import type { PkiPorts } from './ports.ts'
import { pointersOf } from './revocation/pointers.ts'
import { profiles } from './profile.ts'

/** Who gets a certificate, and for which key: one that the device made (signing request as PEM or DER), or one that we make. */
export type DeviceRequest =
  | { readonly deviceId: DeviceId; readonly csr: string | Uint8Array; readonly lifetimeMs?: number }
  | { readonly deviceId: DeviceId; readonly generate: true; readonly lifetimeMs?: number }

/** A certificate as it is handed out. The private key is there only if we made it; it is kept nowhere else. */
export type Issued = {
  /** Leaf, then the issuer. The root is not included: a client must have it already. */
  readonly certificatePem: string
  readonly privateKeyPem?: Secret
  /** 32 lower-case hex digits. */
  readonly serial: string
  /** SHA-256 of the leaf's DER, lower-case hex. */
  readonly fingerprintSha256: string
  readonly notBefore: Instant
  readonly notAfter: Instant
}

type Wanted = { readonly publicKey: PublicKey; readonly privateKey?: Secret }
type Draft = { readonly at: number; readonly planned: Planned; readonly privateKey: Secret | undefined }
type Workshop = { readonly ports: PkiPorts; readonly inventory: Inventory; readonly authority: Authority }

/**
 * Issues certificates for devices, in batches that share their commits. One answer for each request, in the same order; a refused
 * request does not hold up the others.
 */
export async function issueDevices(
  workshop: Workshop,
  grant: Grant<'certificate.issue'>,
  requests: readonly DeviceRequest[],
): Promise<readonly Result<Issued>[]> {
  const out: Result<Issued>[] = []
  for (let at = 0; at < requests.length; at += limits.batch)
    out.push(...(await issueBatch(workshop, grant, requests.slice(at, at + limits.batch))))
  return out
}

async function issueBatch(
  workshop: Workshop,
  grant: Grant<'certificate.issue'>,
  requests: readonly DeviceRequest[],
): Promise<readonly Result<Issued>[]> {
  const { inventory } = workshop
  const wanted = await Promise.all(requests.map(keyFor))
  const keys = wanted.flatMap((one) => (one.ok && !one.value.privateKey ? [keySha256(one.value.publicKey.der)] : []))
  const owners = new Map(await inventory.ownersOf(keys))
  const answers = new Map<number, Result<Issued>>()
  const drafts: Draft[] = []
  for (const [at, request] of requests.entries()) {
    const draft = draftOf(workshop, at, request, wanted[at], owners)
    if (draft.ok) drafts.push(draft.value)
    else answers.set(at, draft)
  }
  const made = drafts.length === 0 ? ok([]) : await makeAll(workshop, grant, drafts)
  for (const [n, { at, privateKey }] of drafts.entries()) {
    const issued = made.ok ? made.value[n] : undefined
    if (issued) answers.set(at, ok(issued))
    else if (!made.ok) answers.set(at, made)
    privateKey?.[Symbol.dispose]()
  }
  return requests.map((_request, at) => {
    const answer = answers.get(at)
    if (!answer) throw new Error('bug: a request without an answer')
    return answer
  })
}

async function makeAll(
  workshop: Workshop,
  grant: Grant<'certificate.issue'>,
  drafts: readonly Draft[],
): Promise<Result<readonly Issued[]>> {
  const recorded = await workshop.inventory.reserve(
    grant,
    drafts.map(({ planned }) => planned),
  )
  return recorded.ok ? await signAll(workshop, drafts, recorded.value) : recorded
}

function draftOf(
  { ports, authority }: Workshop,
  at: number,
  request: DeviceRequest,
  wanted: Result<Wanted> | undefined,
  owners: Map<string, string>,
): Result<Draft> {
  if (!wanted) throw new Error('bug: a request without an answer')
  if (!wanted.ok) return wanted
  const { publicKey, privateKey } = wanted.value
  const { deviceId, lifetimeMs = profiles.device.defaultLifetimeMs } = request
  if (!Number.isFinite(lifetimeMs) || lifetimeMs < minLifetimeMs)
    return refuse('pki/lifetime-too-short', 'A certificate lives at least one minute.')
  const key = keySha256(publicKey.der)
  // Also within one batch: the second of two devices with one key is refused, and the first is not.
  const owner = owners.get(key)
  if (owner !== undefined && owner !== ownerOf(deviceId))
    return refuse('pki/key-in-use', 'This key already belongs to someone else. Make a new key pair.', owner)
  const { issuer } = authority
  const serial = freshSerial(ports.random)
  const proof = issuer.lint({
    profile: 'device',
    serial,
    commonName: deviceId,
    alternativeNames: [],
    publicKey,
    ...pointersOf(ports, issuer.identity.keyId.toString('hex'), serial),
    ...validityFrom(ports.clock.now(), lifetimeMs, issuer.identity),
  })
  if (!proof.ok) return proof
  owners.set(key, ownerOf(deviceId))
  const planned = { proof: proof.value, device: deviceId, issuer: issuer.identity.keyId.toString('hex'), subject: deviceId }
  return ok({ at, planned, privateKey })
}

const minLifetimeMs = 60_000

async function signAll(
  { inventory, authority }: Workshop,
  drafts: readonly Draft[],
  recorded: readonly Reserved[],
): Promise<Result<readonly Issued[]>> {
  const signed: Signed[] = []
  const issued: Issued[] = []
  const issuerPem = [authority.certificate, ...(authority.chain ?? [])].map(pemOf).join('')
  for (const [n, { planned, privateKey }] of drafts.entries()) {
    const reservation = recorded[n]
    if (!reservation) throw new Error('bug: a draft without its reservation')
    const { serial, notBefore, notAfter } = planned.proof.template
    const der = await authority.issuer.sign(planned.proof, reservation)
    const fingerprintSha256 = fingerprintOf(der)
    signed.push({ serial, fingerprintSha256, der })
    issued.push({
      certificatePem: encodePem('CERTIFICATE', der) + issuerPem,
      ...(privateKey ? { privateKeyPem: privateKeyPem(privateKey) } : {}),
      serial,
      fingerprintSha256,
      notBefore,
      notAfter,
    })
  }
  const completed = await inventory.complete(signed)
  return completed.ok ? ok(issued) : completed
}

async function keyFor(request: DeviceRequest): Promise<Result<Wanted>> {
  if ('generate' in request) return ok(await makeKeyPair())
  const read = readRequest(request.csr)
  if (!read.ok) return read
  const { subject, requested, publicKey } = read.value
  // A request for an authority, or for somebody else, is a mistake or an attack; to overrule it silently would hide both.
  if (requested.basicConstraints?.ca || requested.keyUsage?.includes('keyCertSign'))
    return refuse('pki/authority-requested', 'The signing request asks for the certificate of an authority.')
  if (subject.commonName !== undefined && subject.commonName !== request.deviceId)
    return refuse('pki/name-mismatch', 'The common name in the signing request is not the id of the device.', subject.text)
  return ok({ publicKey })
}

function readRequest(csr: string | Uint8Array): Result<SigningRequest> {
  if (typeof csr !== 'string') return parseSigningRequest(Buffer.from(csr))
  const blocks = decodePem('CERTIFICATE REQUEST', csr)
  if (!blocks.ok) return blocks
  const [der, ...more] = blocks.value
  if (!der || more.length > 0) return refuse('pki/one-request', 'Send one signing request at a time.')
  return parseSigningRequest(der)
}
