import type { JWK } from 'jose'
import { type Instant, instant } from '#base'
import type { Migration, Row } from '#store'
import { type Json, parseJson } from '#wire/json'
import { bytesOf, numberOf, textOf } from '../row.ts'
import { type Identifier, memberOf } from './names.ts'
import { type KeptAuthorizationState, type KeptOrderState, keptAuthorizationStates, keptOrderStates } from './states.ts'

/** Tables of ACME. Of a binding there is its key, sealed; of an account's key its public half. */
export const acmeMigrations: readonly Migration[] = [
  {
    name: 'pki-acme/001-accounts-and-orders',
    sql: `
      CREATE TABLE pki_acme_account (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        names TEXT NOT NULL,
        sealed_mac BLOB NOT NULL,
        status TEXT NOT NULL,
        thumbprint TEXT UNIQUE,
        jwk TEXT,
        contact TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL
      );
      CREATE TABLE pki_acme_order (
        id TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        status TEXT NOT NULL,
        identifiers TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        serial TEXT,
        certificate TEXT,
        problem TEXT
      );
      CREATE INDEX pki_acme_order_account ON pki_acme_order (account, created_at);
      CREATE INDEX pki_acme_order_serial ON pki_acme_order (serial) WHERE serial IS NOT NULL;
      CREATE TABLE pki_acme_authorization (
        id TEXT PRIMARY KEY,
        order_id TEXT NOT NULL,
        account TEXT NOT NULL,
        place INTEGER NOT NULL,
        type TEXT NOT NULL,
        value TEXT NOT NULL,
        status TEXT NOT NULL,
        token TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        method TEXT,
        validated_at INTEGER,
        problem TEXT
      );
      CREATE INDEX pki_acme_authorization_order ON pki_acme_authorization (order_id, place);
      CREATE INDEX pki_acme_authorization_account ON pki_acme_authorization (account, value);
    `,
  },
]

/** How an account stands: made for a client that has not come yet, in use, or ended by its client. */
export const accountStates = ['waiting', 'valid', 'deactivated'] as const

/** What is known of an account; never the key of its binding. */
export type AccountRecord = {
  /** Also the key identifier of its binding, and the end of its URL. */
  readonly id: string
  readonly name: string
  /** What it may have certificates for: hosts, `*.domain`, addresses, networks. */
  readonly names: readonly string[]
  readonly status: (typeof accountStates)[number]
  /** The RFC 7638 thumbprint of its key; null until a client came. */
  readonly thumbprint: string | null
  readonly contact: readonly string[]
  readonly createdAt: Instant
  readonly createdBy: string
}

/** An account and what it is proven by. */
export type Account = { readonly record: AccountRecord; readonly sealedMac: Buffer; readonly jwk: JWK | undefined }

/** What is kept of an order. */
export type Order = {
  readonly id: string
  readonly account: string
  readonly status: KeptOrderState
  readonly identifiers: readonly Identifier[]
  readonly expiresAt: Instant
  readonly serial: string | undefined
  readonly certificatePem: string | undefined
  readonly problem: Problem | undefined
}

/** Why something failed: a code of ours and its sentence. */
export type Problem = { readonly code: string; readonly message: string }

/** What is kept of an authorization. */
export type Authorization = {
  readonly id: string
  readonly orderId: string
  readonly account: string
  readonly identifier: Identifier
  readonly status: KeptAuthorizationState
  readonly token: string
  readonly expiresAt: Instant
  /** The way that was tried; undefined before. */
  readonly method: string | undefined
  readonly validatedAt: Instant | undefined
  readonly problem: Problem | undefined
}

/** Reads a row of `pki_acme_account`. */
export function accountOfRow(row: Row): Account {
  const jwk = row['jwk'] === null ? undefined : jsonOf(row, 'jwk')
  const record = {
    id: textOf(row, 'id'),
    name: textOf(row, 'name'),
    names: wordsOf(row, 'names'),
    status: oneOf(accountStates, textOf(row, 'status')),
    thumbprint: row['thumbprint'] === null ? null : textOf(row, 'thumbprint'),
    contact: wordsOf(row, 'contact'),
    createdAt: instant(numberOf(row, 'created_at')),
    createdBy: textOf(row, 'created_by'),
  }
  return { record, sealedMac: bytesOf(row, 'sealed_mac'), jwk: jwk === undefined ? undefined : jwkOf(jwk) }
}

/** Reads a row of `pki_acme_order`. */
export function orderOfRow(row: Row): Order {
  const identifiers = jsonOf(row, 'identifiers')
  return {
    id: textOf(row, 'id'),
    account: textOf(row, 'account'),
    status: oneOf(keptOrderStates, textOf(row, 'status')),
    identifiers: Array.isArray(identifiers) ? identifiers.map((one) => identifierOf(memberOf(one, 'type'), memberOf(one, 'value'))) : [],
    expiresAt: instant(numberOf(row, 'expires_at')),
    serial: row['serial'] === null ? undefined : textOf(row, 'serial'),
    certificatePem: row['certificate'] === null ? undefined : textOf(row, 'certificate'),
    problem: problemOfRow(row),
  }
}

/** Reads a row of `pki_acme_authorization`. */
export function authorizationOfRow(row: Row): Authorization {
  return {
    id: textOf(row, 'id'),
    orderId: textOf(row, 'order_id'),
    account: textOf(row, 'account'),
    identifier: identifierOf(textOf(row, 'type'), textOf(row, 'value')),
    status: oneOf(keptAuthorizationStates, textOf(row, 'status')),
    token: textOf(row, 'token'),
    expiresAt: instant(numberOf(row, 'expires_at')),
    method: row['method'] === null ? undefined : textOf(row, 'method'),
    validatedAt: row['validated_at'] === null ? undefined : instant(numberOf(row, 'validated_at')),
    problem: problemOfRow(row),
  }
}

function problemOfRow(row: Row): Problem | undefined {
  if (row['problem'] === null) return undefined
  const json = jsonOf(row, 'problem')
  const [code, message] = [memberOf(json, 'code'), memberOf(json, 'message')]
  if (typeof code !== 'string' || typeof message !== 'string') throw new Error('bug: a problem without its code')
  return { code, message }
}

function jwkOf(json: Json): JWK {
  const word = (name: string): string | undefined => {
    const found = memberOf(json, name)
    return typeof found === 'string' ? found : undefined
  }
  const kty = word('kty')
  if (kty === undefined) throw new Error('bug: a key without its kind')
  const members = ['crv', 'x', 'y', 'n', 'e'].flatMap((name) => {
    const found = word(name)
    return found === undefined ? [] : [[name, found] as const]
  })
  return { kty, ...Object.fromEntries(members) }
}

function identifierOf(type: Json | undefined, value: Json | undefined): Identifier {
  if ((type !== 'dns' && type !== 'ip') || typeof value !== 'string') throw new Error('bug: an identifier without type and value')
  return { type, value }
}

function wordsOf(row: Row, column: string): readonly string[] {
  const json = jsonOf(row, column)
  if (!Array.isArray(json)) throw new Error(`bug: ${column} is no list`)
  return json.filter((one) => typeof one === 'string')
}

function jsonOf(row: Row, column: string): Json {
  const read = parseJson(textOf(row, column), 1024 * 1024)
  if (!read.ok) throw new Error(`bug: ${column} is no JSON`)
  return read.value
}

function oneOf<T extends string>(known: readonly T[], text: string): T {
  const found = known.find((one) => one === text)
  if (found === undefined) throw new Error('bug: unknown word in a row')
  return found
}
