import { createHash } from 'node:crypto'
import { CompactEncrypt, CompactSign, type JWK, compactDecrypt, compactVerify, importJWK } from 'jose'
import { type Result, Secret, ok, refuse } from '#base'
import { parseJson } from '#wire/json'

/*
 * Theory of operation. What an edge keeps of the vault is one document: a JWS (RFC 7515, ES256) by the hub over a number that only grows and a JWE (RFC 7516,
 * ECDH-ES on P-256, A256GCM) to the key of the edge. Whoever carries or stores it reads nothing and changes nothing; an older one is refused by its number. The
 * edge and the number stand inside the encryption too, so that no part can be put under another signature.
 */

/** Most secrets in a document, and the longest document in bytes. */
export const syncLimits = { secrets: 64, documentBytes: 4 * 1024 * 1024, everySeconds: 3_600, staleAfterRounds: 3 } as const

/** A secret on its way to an edge. */
export type SyncedSecret = { readonly name: string; readonly version: string; readonly expiresAt: number | null; readonly value: Secret }

/** What a document is about. Times in milliseconds since the epoch; `everySeconds` is how often an edge asks for a newer one. */
export type SyncAbout = { readonly edge: string; readonly version: number; readonly issuedAt: number; readonly everySeconds: number }

/** A document that was opened. Dispose of the values. `digest` names its content for the receipt. */
export type OpenedSync = SyncAbout & { readonly digest: string; readonly secrets: readonly SyncedSecret[] }

const types = { document: 'thingwall-sync+jws', receipt: 'thingwall-sync-receipt+jws' } as const

/** Names what a document holds: which versions of which secrets, for whom and under which number. Tells no value. */
export function digestOf(about: Pick<SyncAbout, 'edge' | 'version'>, secrets: readonly Pick<SyncedSecret, 'name' | 'version'>[]): string {
  const list = secrets.map(({ name, version }) => [name, version])
  return createHash('sha256')
    .update(JSON.stringify([about.edge, about.version, list]))
    .digest('hex')
}

/** Makes a document: `edgeKey` is the public key of the edge, `hubKey` the private one that signs. */
export async function sealSyncDocument(about: SyncAbout, secrets: readonly SyncedSecret[], edgeKey: JWK, hubKey: JWK): Promise<string> {
  const list = secrets.map(({ name, version, expiresAt, value }) => ({
    name,
    version,
    expiresAt,
    value: value.use((bytes) => bytes.toString('base64')),
  }))
  const plain = Buffer.from(JSON.stringify({ edge: about.edge, version: about.version, secrets: list }), 'utf8')
  const jwe = await new CompactEncrypt(plain)
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' })
    .encrypt(await importJWK(edgeKey, 'ECDH-ES'))
  plain.fill(0)
  return await sign({ ...about, jwe }, types.document, hubKey)
}

/**
 * Opens a document, at the edge and without the hub. `held` is the number of the one that it has. Refuses `vault/sync-document` for what is none, is not signed by
 * this hub or not for this edge, and `vault/sync-rollback` for one that is older.
 */
export async function openSyncDocument(
  text: string,
  by: { readonly edge: string; readonly edgeKey: JWK; readonly hubKey: JWK; readonly held: number },
): Promise<Result<OpenedSync>> {
  const said = await verify(text, types.document, by.hubKey)
  if (said === undefined) return notOurs
  const { edge, version, issuedAt, everySeconds, jwe }: Record<string, unknown> = said
  if (edge !== by.edge || !isCount(version) || !isCount(issuedAt) || !isCount(everySeconds) || typeof jwe !== 'string') return notOurs
  if (version < by.held)
    return refuse('vault/sync-rollback', `This document has the number ${version}, and the edge has ${by.held}. It is kept.`)
  const secrets = await opened(jwe, by.edgeKey, { edge, version })
  if (secrets === undefined) return notOurs
  return ok({ edge, version, issuedAt, everySeconds, secrets, digest: digestOf({ edge, version }, secrets) })
}

/** Says that an edge holds a document: signed by its key. `heldAt` is the edge's own clock. */
export async function signReceipt(
  held: { readonly edge: string; readonly version: number; readonly digest: string; readonly heldAt: number },
  edgeKey: JWK,
): Promise<string> {
  return await sign(held, types.receipt, edgeKey)
}

/** Reads a receipt of the edge with this public key. Undefined: it is none. */
export async function readReceipt(
  text: string,
  edgeKey: JWK,
): Promise<{ readonly edge: string; readonly version: number; readonly digest: string } | undefined> {
  const said = await verify(text, types.receipt, edgeKey)
  const { edge, version, digest }: Record<string, unknown> = said ?? {}
  return typeof edge === 'string' && isCount(version) && typeof digest === 'string' ? { edge, version, digest } : undefined
}

const notOurs = refuse('vault/sync-document', 'This is no document of secrets that this hub signed for this edge.')

async function sign(payload: object, typ: string, key: JWK): Promise<string> {
  const bytes = Buffer.from(JSON.stringify(payload), 'utf8')
  return await new CompactSign(bytes).setProtectedHeader({ alg: 'ES256', typ }).sign(await importJWK(key, 'ES256'))
}

async function verify(text: string, typ: string, key: JWK): Promise<Record<string, unknown> | undefined> {
  if (text.length > syncLimits.documentBytes) return undefined
  try {
    const { payload, protectedHeader } = await compactVerify(text, await importJWK(key, 'ES256'), { algorithms: ['ES256'] })
    const json = protectedHeader.typ === typ ? parseJson(Buffer.from(payload).toString('utf8'), syncLimits.documentBytes) : undefined
    return json?.ok === true ? Object(json.value) : undefined
  } catch {
    return undefined
  }
}

async function opened(jwe: string, key: JWK, about: Pick<SyncAbout, 'edge' | 'version'>): Promise<readonly SyncedSecret[] | undefined> {
  try {
    const allowed = { keyManagementAlgorithms: ['ECDH-ES'], contentEncryptionAlgorithms: ['A256GCM'] }
    const { plaintext } = await compactDecrypt(jwe, await importJWK(key, 'ECDH-ES'), allowed)
    const json = parseJson(Buffer.from(plaintext).toString('utf8'), syncLimits.documentBytes)
    plaintext.fill(0)
    const { edge, version, secrets }: Record<string, unknown> = Object(json.ok ? json.value : null)
    if (edge !== about.edge || version !== about.version || !Array.isArray(secrets) || secrets.length > syncLimits.secrets) return undefined
    const read = secrets.map((one: unknown): SyncedSecret | undefined => {
      const { name, version: of, expiresAt, value }: Record<string, unknown> = Object(one)
      if (typeof name !== 'string' || typeof of !== 'string' || typeof value !== 'string') return undefined
      return {
        name,
        version: of,
        expiresAt: typeof expiresAt === 'number' ? expiresAt : null,
        value: new Secret(Buffer.from(value, 'base64')),
      }
    })
    const whole = read.filter((one) => one !== undefined)
    return whole.length === read.length ? whole : undefined
  } catch {
    return undefined
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
