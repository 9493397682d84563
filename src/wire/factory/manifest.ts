import { createHash } from 'node:crypto'
import { type Instant, type Result, instant, isoTime, ok, refuse } from '#base'
import { type Json, parseJson } from '#wire/json'
import { type Certificate, parseCertificate } from '#wire/x509'
import { parseLotName, parseNamePattern } from './name-pattern.ts'

/** Bounds of what goes between hub and station, units in the names. */
export const factoryLimits = {
  /** Devices of one lot. */
  devicesPerLot: 5_000,
  manifestBytes: 512 * 1024,
  /** One line of a ledger, and a whole one. */
  ledgerLineBytes: 8 * 1024,
  ledgerBytes: 16 * 1024 * 1024,
} as const

/** What a station is told of its lot: all that it may do, and until when. Changing a byte of it makes the sealed key useless. */
export type LotManifest = {
  readonly lot: string
  /** The enrollment group that the devices register by. */
  readonly group: string
  readonly pattern: string
  readonly idScope: string
  /** Where devices register: a host name, perhaps with a port. */
  readonly hub: string
  readonly issuedAt: Instant
  /** The last moment at which a device may be made. They may register as long as their certificates are valid. */
  readonly makeUntil: Instant
  /** The lot's own issuer, then what stands above it. */
  readonly chain: readonly [Certificate, ...Certificate[]]
  /** Serial numbers of certificates (32 lower-case hex digits) that the hub has recorded for this lot: one a device, no other counts. */
  readonly claims: readonly string[]
}

/** The text of a manifest: what `lot.json` holds. */
export function encodeManifest({ chain, issuedAt, makeUntil, claims, ...rest }: LotManifest): string {
  const shown = { format: 1, ...rest, issuedAt: isoTime(issuedAt), makeUntil: isoTime(makeUntil), count: claims.length }
  return `${JSON.stringify({ ...shown, chain: chain.map(({ der }) => der.toString('base64')), claims }, undefined, 1)}\n`
}

/** SHA-256 of a manifest's text, lower-case hex: where its ledger begins. */
export function manifestDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Reads a manifest. Refuses `factory/manifest-malformed`. It proves nothing: who holds the key that is sealed for this text may believe it. */
export function parseManifest(text: string): Result<LotManifest> {
  const no = (why: string) => refuse('factory/manifest-malformed', `The description of the lot cannot be used: ${why}.`)
  const json = parseJson(text, factoryLimits.manifestBytes)
  if (!json.ok) return no(json.error.message)
  const members = membersOf(json.value)
  if (members?.get('format') !== 1) return no('it is of another version')
  const word = (name: string) => textIn(members, name) ?? ''
  const lot = parseLotName(word('lot'))
  const pattern = parseNamePattern(word('pattern'))
  if (!lot.ok) return lot
  if (!pattern.ok) return pattern
  const issuedAt = timeIn(members, 'issuedAt')
  const makeUntil = timeIn(members, 'makeUntil')
  if (issuedAt === undefined || makeUntil === undefined) return no('its times cannot be read')
  const claims = textsIn(members, 'claims')
  const isClaims = claims !== undefined && claims.length <= factoryLimits.devicesPerLot && claims.every((one) => /^[0-9a-f]{32}$/.test(one))
  if (!isClaims || new Set(claims).size !== claims.length) return no('its claims cannot be read')
  const certificates: Certificate[] = []
  for (const one of textsIn(members, 'chain')?.slice(0, 4) ?? []) {
    const read = parseCertificate(Buffer.from(one, 'base64'))
    if (!read.ok) return read
    certificates.push(read.value)
  }
  const [issuer, ...above] = certificates
  if (issuer === undefined) return no('it has no issuer')
  const rest = { group: word('group'), idScope: word('idScope'), hub: word('hub') }
  return ok({ ...rest, lot: lot.value, pattern: pattern.value, issuedAt, makeUntil, chain: [issuer, ...above], claims })
}

type Members = ReadonlyMap<string, Json>

function membersOf(json: Json): Members | undefined {
  return typeof json === 'object' && json !== null && !isList(json) ? new Map(Object.entries(json)) : undefined
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json)
}

function textIn(members: Members, name: string): string | undefined {
  const value = members.get(name)
  return typeof value === 'string' ? value : undefined
}

function textsIn(members: Members, name: string): readonly string[] | undefined {
  const value = members.get(name)
  if (value === undefined || !isList(value)) return undefined
  const texts = value.filter((one) => typeof one === 'string')
  return texts.length === value.length ? texts : undefined
}

function timeIn(members: Members, name: string): Instant | undefined {
  const time = Date.parse(textIn(members, name) ?? '')
  return Number.isFinite(time) ? instant(time) : undefined
}
