import { type Instant, type Random, type Result, instant, ok, refuse } from '#base'
import { dayMs, secretLimits } from './limits.ts'
import type { SecretVersion } from './secret.ts'

/**
 * When a secret gets a new version, and where its value comes from. `random` values are made here; with `none` the hub only says that it is due, and
 * somebody sets it. Of `everyDays` and `beforeExpiryDays` one at least is there; either is reason enough.
 */
export type RotationPolicy = {
  readonly everyDays: number | undefined
  readonly beforeExpiryDays: number | undefined
  readonly generator: 'random' | 'none'
  /** Random bytes of a new value, before they are written as text. */
  readonly bytes: number
  readonly encoding: 'base64url' | 'hex'
  /** How long the version before stays enabled. */
  readonly overlapHours: number
}

/** Why a rotation is due. */
export type DueReason = 'schedule' | 'expiry'

/** Judges a policy. Refuses `vault/rotation-policy`. */
export function checkRotation(policy: RotationPolicy): Result<RotationPolicy> {
  const no = (why: string) => refuse('vault/rotation-policy', why)
  const { everyDays, beforeExpiryDays, bytes, overlapHours } = policy
  if (everyDays === undefined && beforeExpiryDays === undefined) return no('Say every how many days, or how many days before the expiry.')
  for (const days of [everyDays, beforeExpiryDays])
    if (days !== undefined && !isWithin(days, 1, secretLimits.rotationDays)) return no(`Days are from 1 to ${secretLimits.rotationDays}.`)
  if (!isWithin(bytes, 16, secretLimits.generatedBytes)) return no(`A value has from 16 to ${secretLimits.generatedBytes} random bytes.`)
  if (!isWithin(overlapHours, 0, secretLimits.rotationDays * 24))
    return no(`The overlap is from 0 to ${secretLimits.rotationDays * 24} hours.`)
  return ok(policy)
}

/** When the newest version is due to be replaced, and why; undefined: never. */
export function dueAt(policy: RotationPolicy, newest: SecretVersion): { readonly at: Instant; readonly why: DueReason } | undefined {
  const { everyDays, beforeExpiryDays } = policy
  const planned = everyDays === undefined ? undefined : instant(newest.createdAt + everyDays * dayMs)
  const { expiresAt } = newest
  const expiring = beforeExpiryDays === undefined || expiresAt === undefined ? undefined : instant(expiresAt - beforeExpiryDays * dayMs)
  if (expiring !== undefined && (planned === undefined || expiring < planned)) return { at: expiring, why: 'expiry' }
  return planned === undefined ? undefined : { at: planned, why: 'schedule' }
}

/** A new value. The caller zeroes it. */
export function generateValue({ bytes, encoding }: RotationPolicy, random: Random): Buffer {
  const raw = random.bytes(bytes)
  const text = Buffer.from(raw.toString(encoding), 'latin1')
  raw.fill(0)
  return text
}

/** A rotation policy as its row keeps it. */
export function encodeRotation(policy: RotationPolicy): string {
  return JSON.stringify(policy)
}

/** Reads it back; undefined for a damaged one, which rotates nothing. */
export function decodeRotation(text: string): RotationPolicy | undefined {
  try {
    const { everyDays, beforeExpiryDays, generator, bytes, encoding, overlapHours } = Object(JSON.parse(text))
    const policy = {
      everyDays: optionalNumber(everyDays),
      beforeExpiryDays: optionalNumber(beforeExpiryDays),
      generator: generator === 'random' ? ('random' as const) : ('none' as const),
      bytes: Number(bytes),
      encoding: encoding === 'hex' ? ('hex' as const) : ('base64url' as const),
      overlapHours: Number(overlapHours),
    }
    return checkRotation(policy).ok ? policy : undefined
  } catch {
    return undefined
  }
}

function optionalNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}
