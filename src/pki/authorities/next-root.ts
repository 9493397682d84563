import { type Result, instant, ok } from '#base'
import type { Certificate } from '#wire/x509'
import { type Foundry, certificatesOf, makeOwn, makeRoot, validityFrom, withRoot } from '../authority.ts'
import { profiles } from '../profile.ts'
import { type Root, canBridge, isUnder, readRoots } from './roots.ts'

/**
 * Makes the root that shall follow the active one, and lets each vouch for the other, unless that was done before. Nobody hears of it yet. Cross-certificates
 * are left out where the active root's path length leaves no room for them: then `isBridged` is false.
 */
export async function draftRoot(foundry: Foundry): Promise<Result<{ readonly root: Root; readonly isBridged: boolean }>> {
  const draft = async () => {
    const all = await readRoots(foundry)
    return all.ok ? ok(all.value.findLast(({ state }) => state === 'drafted')) : all
  }
  let root = await draft()
  if (!root.ok) return root
  if (!root.value) {
    const made = await makeRoot(foundry, 'drafted')
    if (!made.ok) return made
    root = await draft()
    if (!root.ok) return root
  }
  const all = await readRoots(foundry)
  if (!all.ok) return all
  const active = all.value.findLast(({ state }) => state === 'active')
  if (!root.value || !active) throw new Error('bug: the root was made but is not there')
  if (!canBridge(active.certificate)) return ok({ root: root.value, isBridged: false })
  for (const [above, below] of [
    [active, root.value],
    [root.value, active],
  ] as const) {
    const crossed = await crossSign(foundry, above, below.certificate)
    if (!crossed.ok) return crossed
  }
  return ok({ root: root.value, isBridged: true })
}

/** Lets `above` vouch for the key of `below`, unless it has. The certificate carries the name of `below`, and no key of its own is kept. */
async function crossSign(foundry: Foundry, above: Root, below: Certificate): Promise<Result<void>> {
  const known = await certificatesOf(foundry, ['cross'])
  if (known.some((one) => isUnder(one, above.certificate) && one.subject.der.equals(below.subject.der))) return ok(undefined)
  const commonName = below.subject.commonName ?? ''
  const latest = Math.max(above.certificate.notBefore, below.notBefore)
  const wished = validityFrom(foundry.ports.clock.now(), profiles.cross.defaultLifetimeMs, { notBefore: instant(latest) })
  const notAfter = instant(Math.min(wished.notAfter, above.certificate.notAfter, below.notAfter))
  return await withRoot(foundry, above, ['cross'], (issuer) =>
    makeOwn(foundry, issuer, 'cross', { publicKey: below.publicKey }, { commonName, validity: { ...wished, notAfter } }),
  )
}
