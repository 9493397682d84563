import { type Clock, type DeviceId, type Grant, type Result, ok } from '#base'
import type { Audited } from './ports.ts'
import { type TwinFact, afterFact, nextEtag, withoutNulls } from './twin-change.ts'
import { checkTwinPart, checkTwinWeight } from './twin-rules.ts'
import type { Twin, TwinCause, TwinObject, TwinOrder, TwinPatch } from './twin.ts'

type ChangedFact = Extract<TwinFact, { readonly kind: 'twin-changed' }>

/** A change of a back end. Without a grant it is automatic device management's. */
export type Change = TwinPatch & {
  readonly replaces: boolean
  readonly configurations?: TwinOrder['configurations'] | undefined
  readonly etag: string | undefined
  readonly cause: TwinCause | undefined
  readonly grant: Grant<'twin.write'> | undefined
}

function factOf(twin: Twin, { tags, desired, configurations, replaces, cause, grant }: Change, clock: Clock): ChangedFact {
  const given = (part: TwinObject) => (replaces ? withoutNulls(part) : part)
  return {
    kind: 'twin-changed',
    time: clock.now(),
    device: twin.identity,
    generation: twin.generationId,
    twinVersion: twin.version + 1,
    actor: grant === undefined ? 'system:hub' : `${grant.actor.kind}:${grant.actor.id}`,
    replaces,
    desiredVersion: twin.desired.version + (desired === undefined ? 0 : 1),
    etag: nextEtag(twin.etag),
    ...(tags === undefined ? {} : { tags: given(tags) }),
    ...(desired === undefined ? {} : { desired: given(desired) }),
    ...(configurations === undefined ? {} : { configurations }),
    ...(cause === undefined ? {} : { cause }),
    ...(replaces ? { reported: twin.reported.properties, reportedVersion: twin.reported.version } : {}),
  }
}

/** What the audit log says of a change: which members it names, never their values. */
export function auditOf(identity: DeviceId, { tags, desired, replaces }: Change): Audited {
  const names = (part: TwinObject | undefined) => (part === undefined ? null : Object.keys(part).join(' ').slice(0, 200))
  return {
    action: replaces ? 'twin.replace' : 'twin.update',
    resource: `device:${identity}`,
    detail: { tags: names(tags), desired: names(desired) },
  }
}

/** Looks at what was given, before any twin is looked at. Refuses `hub/twin-malformed`, `hub/twin-too-large`. */
export function checkChange(change: Change): Result<void> {
  for (const part of ['tags', 'desired'] as const) {
    const given = change[part]
    const checked = given === undefined ? ok({}) : checkTwinPart(part, given)
    if (!checked.ok) return checked
  }
  return ok(undefined)
}

/** The fact that a change would be, and the twin after it. Refuses `hub/twin-too-large`. */
export function planChange(twin: Twin, change: Change, clock: Clock): Result<{ readonly fact: ChangedFact; readonly after: Twin }> {
  const fact = factOf(twin, change, clock)
  const after = afterFact(twin, fact)
  const tags = checkTwinWeight('tags', after.tags)
  if (!tags.ok) return tags
  const desired = checkTwinWeight('desired', after.desired.properties)
  return desired.ok ? ok({ fact, after }) : desired
}
