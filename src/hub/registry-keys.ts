import { type Result, Secret, ok } from '#base'
import type { RegistryPorts } from './registry-state.ts'
import {
  type GivenKey,
  type GivenKeys,
  type KeyOwner,
  type SharedKeyPorts,
  type SharedKeys,
  mayShareKeys,
  newKey,
  openSharedKeys,
  sealSharedKeys,
} from './shared-keys.ts'

/** The keys of an identity after a change, sealed; `isLost`: one that was good is not any more. */
export type KeysAfter = { readonly sealed: Buffer; readonly isLost: boolean }

const noneGiven: GivenKeys = { primary: undefined, secondary: undefined }

/**
 * Keys for a new identity: those that are given, and new ones where none is. Asks nobody whether there may be any: {@link mayShareKeys} has, or
 * the identity arrives disabled.
 */
export function firstKeys(owner: KeyOwner, given: GivenKeys | undefined, sharing: SharedKeyPorts, { random }: RegistryPorts): Buffer {
  const { primary, secondary } = given ?? noneGiven
  using fresh = new DisposableStack()
  const take = (key: GivenKey) => (key instanceof Secret ? key : fresh.use(newKey(random)))
  return sealSharedKeys(owner, { primary: take(primary), secondary: take(secondary) }, sharing)
}

/**
 * The keys of an identity that has some, `sealed`, when others are given. The same ones, or changed about, are no change of who may connect.
 * While there may be no shared keys, none is made or taken: what is there stays, so that the identity can be disabled by those who send empty
 * keys with every change. Refuses `hub/sas-off` for a key that is not there yet.
 */
export function keysAfter(owner: KeyOwner, sealed: Buffer, given: GivenKeys, ports: RegistryPorts): Result<KeysAfter> {
  const before = ports.sharedKeys === undefined ? undefined : openSharedKeys(owner, ports.sharedKeys, sealed)
  const sharing = mayShareKeys(ports.sharedKeys, ports.clock)
  using opened = new DisposableStack()
  for (const key of before === undefined ? [] : [before.primary, before.secondary]) opened.use(key)
  const isThere = (key: Secret) => before !== undefined && (isSame(key, before.primary) || isSame(key, before.secondary))
  const isNew = (key: GivenKey) => key instanceof Secret && !isThere(key)
  if (!sharing.ok) {
    if (isNew(given.primary) || isNew(given.secondary)) return sharing
    if (before === undefined || ports.sharedKeys === undefined) return ok({ sealed, isLost: false })
    const keys = { primary: kept(given.primary) ?? before.primary, secondary: kept(given.secondary) ?? before.secondary }
    return ok({ sealed: sealSharedKeys(owner, keys, ports.sharedKeys), isLost: isLost(before, keys) })
  }
  const take = (key: GivenKey, now: Secret | undefined) =>
    kept(key) ?? (key === undefined && now !== undefined ? now : opened.use(newKey(ports.random)))
  const keys = { primary: take(given.primary, before?.primary), secondary: take(given.secondary, before?.secondary) }
  return ok({ sealed: sealSharedKeys(owner, keys, sharing.value), isLost: before === undefined || isLost(before, keys) })
}

function kept(key: GivenKey): Secret | undefined {
  return key instanceof Secret ? key : undefined
}

function isLost(before: SharedKeys, after: SharedKeys): boolean {
  return [before.primary, before.secondary].some((key) => !isSame(key, after.primary) && !isSame(key, after.secondary))
}

function isSame(one: Secret, other: Secret): boolean {
  return one.use((bytes) => other.equals(bytes))
}
