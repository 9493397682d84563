import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { JWK } from 'jose'
import { type Clock, type Grant, type Result, Secret, ok, refuse } from '#base'
import type { Row, Statement, Store } from '#store'
import { parseJson } from '#wire/json'
import type { ReadSecret } from '../secrets/reading.ts'
import type { AuditedSecret } from '../secrets/secret-ports.ts'
import { type SyncedSecret, digestOf, readReceipt, sealSyncDocument, syncLimits } from './sync-document.ts'

/** What an edge is to hold. With `partial` a secret that cannot be read is left out; without, the document waits for it. */
export type SyncSpec = {
  readonly edge: string
  readonly publicKeyPem: string
  readonly secrets: readonly string[]
  readonly everySeconds?: number
  readonly partial?: boolean
}

/** What an edge holds. `heldAt` is when its receipt came; stale: none came for the newest number, or for three rounds. */
export type SyncState = {
  readonly edge: string
  readonly secrets: readonly string[]
  readonly everySeconds: number
  readonly partial: boolean
  readonly version: number
  readonly heldVersion: number | null
  readonly heldAt: number | null
  readonly isStale: boolean
}

/** What sync asks of the rest. `read` asks the rules of access for `edge:NAME`. */
export type SyncPorts = {
  readonly store: Store
  readonly clock: Clock
  readonly seal: (purpose: string, plaintext: Uint8Array) => Buffer
  readonly unseal: (purpose: string, sealed: Buffer) => Result<Secret>
  readonly read: (edge: string, name: string) => Promise<Result<ReadSecret>>
  readonly commit: (grant: Grant, what: AuditedSecret, statements: readonly Statement[]) => Promise<Result<void, 'conflict'>>
}

/** Secrets on edges. */
export interface Sync {
  add(grant: Grant<'secret.administer'>, spec: SyncSpec): Promise<Result<SyncState>>
  remove(grant: Grant<'secret.administer'>, edge: string): Promise<Result<void>>
  list(grant: Grant<'secret.administer'>): Promise<readonly SyncState[]>
  /** The public key that documents are signed with. */
  hubKey(): Promise<JWK>
  /** The document for the edge whose TLS key has this SubjectPublicKeyInfo. Refuses `vault/sync-unknown`, and without `partial` what a secret is refused for. */
  document(spki: Buffer): Promise<Result<string>>
  /** Keeps what the edge says that it holds. Refuses `vault/sync-unknown` and `vault/sync-receipt`. */
  receipt(spki: Buffer, text: string): Promise<Result<void>>
}

/** Opens sync in the store (its tables come from `syncMigrations`). */
export function openSync(ports: SyncPorts): Sync {
  const { store, clock, commit } = ports
  let signing: Promise<JWK> | undefined
  const edgeOf = async (spki: Buffer): Promise<Row | undefined> =>
    (await store.query('SELECT * FROM sync_edge WHERE key_sha256 = ?', createHash('sha256').update(spki).digest('hex')))[0]
  const gather = async (row: Row, scope: DisposableStack): Promise<Result<readonly SyncedSecret[]>> => {
    const found: SyncedSecret[] = []
    for (const name of namesOf(row)) {
      const read = await ports.read(textOf(row, 'edge'), name)
      if (!read.ok && row['partial'] !== 1) return read
      if (!read.ok) continue
      const { item, value } = read.value
      found.push({ name: item.name, version: item.version, expiresAt: item.expiresAt ?? null, value: scope.use(value) })
    }
    return ok(found)
  }
  return {
    async add(grant, { edge, publicKeyPem, secrets, everySeconds = syncLimits.everySeconds, partial = true }) {
      const key = keyOf(publicKeyPem)
      if (key === undefined) return refuse('vault/sync-key', 'The key of an edge is on P-256: give its certificate or public key, PEM.')
      if (secrets.length === 0 || secrets.length > syncLimits.secrets)
        return refuse('vault/sync-secrets', `Name 1 to ${syncLimits.secrets} secrets.`)
      const done = await commit(
        grant,
        { action: 'sync.add', resource: `edge:${edge}`, detail: { secrets: secrets.join(' ').slice(0, 1_000) } },
        [
          {
            // The number only grows, whatever the edge is told to hold.
            sql: `INSERT INTO sync_edge (edge, key_sha256, jwk, secrets, every_seconds, partial, version, content, digest, created_at)
            VALUES (?, ?, ?, ?, ?, ?, 0, '', '', ?) ON CONFLICT (edge) DO UPDATE SET key_sha256 = excluded.key_sha256, jwk = excluded.jwk,
            secrets = excluded.secrets, every_seconds = excluded.every_seconds, partial = excluded.partial, content = ''`,
            args: [edge, key.sha256, JSON.stringify(key.jwk), JSON.stringify(secrets), everySeconds, partial ? 1 : 0, clock.now()],
          },
        ],
      )
      if (!done.ok) return refuse('vault/sync-key', 'This key is that of another edge.')
      const [row] = await store.query('SELECT * FROM sync_edge WHERE edge = ?', edge)
      return row === undefined ? unknown : ok(stateOf(row, clock.now()))
    },
    async remove(grant, edge) {
      const done = await commit(grant, { action: 'sync.remove', resource: `edge:${edge}` }, [
        { sql: 'DELETE FROM sync_edge WHERE edge = ?', args: [edge], expect: 1 },
      ])
      return done.ok ? ok(undefined) : unknown
    },
    list: async () => (await store.query('SELECT * FROM sync_edge ORDER BY edge')).map((row) => stateOf(row, clock.now())),
    async hubKey() {
      const { d: _private, ...open } = await (signing ??= signingKey(ports))
      return open
    },
    async document(spki) {
      const row = await edgeOf(spki)
      if (row === undefined) return unknown
      using scope = new DisposableStack()
      const secrets = await gather(row, scope)
      if (!secrets.ok) return secrets
      const edge = textOf(row, 'edge')
      const content = JSON.stringify(secrets.value.map(({ name, version }) => [name, version]))
      const isNew = content !== row['content']
      const version = Number(row['version']) + (isNew ? 1 : 0)
      const about = { edge, version, issuedAt: clock.now(), everySeconds: Number(row['every_seconds']) }
      if (isNew) {
        const update = 'UPDATE sync_edge SET version = ?, content = ?, digest = ? WHERE edge = ? AND version = ?'
        const args = [version, content, digestOf(about, secrets.value), edge, version - 1]
        const done = await store.commit([{ sql: update, args, expect: 1 }])
        if (!done.ok) return refuse('vault/conflict', 'The document changed meanwhile. Ask again.')
      }
      return ok(await sealSyncDocument(about, secrets.value, jwkOf(row, 'jwk'), await (signing ??= signingKey(ports))))
    },
    async receipt(spki, text) {
      const row = await edgeOf(spki)
      if (row === undefined) return unknown
      const receipt = await readReceipt(text, jwkOf(row, 'jwk'))
      const isNewest = receipt?.edge === row['edge'] && receipt?.version === row['version'] && receipt?.digest === row['digest']
      if (receipt === undefined || !isNewest)
        return refuse('vault/sync-receipt', 'This is no receipt for the newest document of this edge.')
      await store.commit([
        { sql: 'UPDATE sync_edge SET held_version = ?, held_at = ? WHERE edge = ?', args: [receipt.version, clock.now(), receipt.edge] },
      ])
      return ok(undefined)
    },
  }
}

const unknown = refuse('vault/sync-unknown', 'No edge with this key is to hold secrets.')

async function signingKey({ store, clock, seal, unseal }: SyncPorts): Promise<JWK> {
  const [row] = await store.query('SELECT kid, sealed_key FROM sync_key ORDER BY created_at DESC LIMIT 1')
  const sealed = row?.['sealed_key']
  if (row !== undefined && sealed instanceof Uint8Array) {
    const opened = unseal(`vault/sync-key/${textOf(row, 'kid')}`, Buffer.from(sealed))
    if (!opened.ok) throw new Error(`the key that signs documents for edges does not open: ${opened.error.message}`)
    using held = opened.value
    return parsed(held.use((bytes) => bytes.toString('utf8')))
  }
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kid = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16)
  const jwk: JWK = { ...privateKey.export({ format: 'jwk' }), kid }
  const args = [
    kid,
    JSON.stringify(publicKey.export({ format: 'jwk' })),
    seal(`vault/sync-key/${kid}`, Buffer.from(JSON.stringify(jwk))),
    clock.now(),
  ]
  await store.commit([{ sql: 'INSERT INTO sync_key (kid, jwk, sealed_key, created_at) VALUES (?, ?, ?, ?)', args }])
  return jwk
}

/** A key on P-256 of a certificate or public key, and its name. */
function keyOf(pem: string): { readonly jwk: JWK; readonly sha256: string } | undefined {
  try {
    const key = createPublicKey(pem)
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return undefined
    const sha256 = createHash('sha256')
      .update(key.export({ type: 'spki', format: 'der' }))
      .digest('hex')
    return { jwk: key.export({ format: 'jwk' }), sha256 }
  } catch {
    return undefined
  }
}

function stateOf(row: Row, now: number): SyncState {
  const [version, everySeconds] = [Number(row['version']), Number(row['every_seconds'])]
  const held = row['held_version'] === null || row['held_version'] === undefined ? null : Number(row['held_version'])
  const heldAt = row['held_at'] === null || row['held_at'] === undefined ? null : Number(row['held_at'])
  const isLate = heldAt === null || now - heldAt > everySeconds * 1_000 * syncLimits.staleAfterRounds
  return {
    edge: textOf(row, 'edge'),
    secrets: namesOf(row),
    everySeconds,
    partial: row['partial'] === 1,
    version,
    heldVersion: held,
    heldAt,
    isStale: isLate || held !== version,
  }
}

function namesOf(row: Row): readonly string[] {
  const json = parseJson(textOf(row, 'secrets'), 64 * 1024)
  return json.ok && Array.isArray(json.value) ? json.value.filter((one) => typeof one === 'string') : []
}

function jwkOf(row: Row, column: string): JWK {
  return parsed(textOf(row, column))
}

function parsed(text: string): JWK {
  const json = parseJson(text, 16 * 1024)
  return json.ok ? Object(json.value) : {}
}

function textOf(row: Row, column: string): string {
  const value = row[column]
  return typeof value === 'string' ? value : ''
}
