import { type Instant, type Result, never, ok, refuse } from '#base'
import type { RootState } from '../authorities/roots.ts'

/*
 * Theory of operation. A campaign moves a fleet from one root to the next. `distributing`: clients are told of both roots, the hub is still known by the old
 * one, and each device proves by a probe that it trusts the new one; all of it can be taken back. `cut-over`: the hub is known by the new root, and by a
 * cross-certificate to whoever trusts the old one alone; devices get certificates under the new root as they renew. `retired`: the old root counts no
 * more. Nothing here asks the clock: a proof is a proof however wrong a clock was, and a certificate that seems to have expired still counts as held, for
 * the clock that says so may be ours. What a step writes is written in one commit, so that a hub that dies stands before the step or after it.
 */

/** How far a campaign is. The last two are its ends. */
export type Stage = 'distributing' | 'cut-over' | 'retired' | 'rolled-back'

/** A device that is left behind on purpose, and why. */
export type Exception = { readonly device: string; readonly reason: string }

/** One change of the root. Kept as a row. */
export type Campaign = {
  readonly id: string
  readonly stage: Stage
  /** Serial numbers of the roots. */
  readonly oldRoot: string
  readonly newRoot: string
  /** Whether those who trust the old root alone can be served after the cut-over. */
  readonly isBridged: boolean
  /** Why nothing goes on, where it does not. */
  readonly held: { readonly by: 'operator' | 'failures'; readonly reason: string } | undefined
  /** Probes whose handshake failed since it began or was last resumed, and how many of them hold it. */
  readonly failures: number
  readonly failureLimit: number
  /** The devices that were named when a step went on without them. */
  readonly excepted: readonly Exception[]
  readonly startedAt: Instant
  /** Of the last step; undefined while there was none. */
  readonly cutOverAt: Instant | undefined
  readonly endedAt: Instant | undefined
}

/** Where the fleet stands: every device of the registry, disabled ones too, for they may come back. */
export type Readiness = {
  readonly devices: number
  /** Those that have not shown that they trust the new root. */
  readonly unproven: readonly string[]
  /** Those that sign in with a certificate of ours and have not yet used one under the new root. */
  readonly unmoved: readonly string[]
}

/** A step that cannot be taken back, and whom it may leave behind. */
type Forward = { readonly readiness: Readiness; readonly except: readonly Exception[] }

/** What can happen to a campaign. */
export type CampaignEvent =
  | {
      readonly on: 'start'
      readonly id: string
      readonly oldRoot: string
      readonly newRoot: string
      readonly isBridged: boolean
      readonly failureLimit: number
    }
  | { readonly on: 'probe-failed' }
  | { readonly on: 'hold'; readonly reason: string }
  | { readonly on: 'resume' }
  | { readonly on: 'rollback' }
  | ({ readonly on: 'cut-over' | 'retire' } & Forward)

/** What is to be written: the campaign, and where roots stand from now on. */
export type Step = { readonly campaign: Campaign; readonly roots: readonly (readonly [serial: string, state: RootState])[] }

/** Whether a campaign still goes on. */
export function isOpen({ stage }: Pick<Campaign, 'stage'>): boolean {
  return stage === 'distributing' || stage === 'cut-over'
}

/**
 * One step. Refuses `pki/no-campaign` and `pki/campaign-open` where there is none or one already, `pki/campaign-stage` for what does not follow,
 * `pki/campaign-held`, `pki/campaign-unproven` and `pki/campaign-unmoved` while devices are behind that nobody named.
 */
export function step(campaign: Campaign | undefined, event: CampaignEvent, now: Instant): Result<Step> {
  if (event.on === 'start') {
    if (campaign && isOpen(campaign)) return refuse('pki/campaign-open', 'A campaign is under way already.', campaign.id)
    return ok(begun(event, now))
  }
  if (!campaign || !isOpen(campaign)) return refuse('pki/no-campaign', 'No campaign is under way.')
  const stay = (change: Partial<Campaign>) => ok({ campaign: { ...campaign, ...change }, roots: [] })
  switch (event.on) {
    case 'probe-failed': {
      const failures = campaign.failures + 1
      const tooMany = !campaign.held && failures >= campaign.failureLimit
      const held = tooMany ? ({ by: 'failures', reason: `${failures} probes failed` } as const) : campaign.held
      return stay({ failures, held })
    }
    case 'hold':
      return stay({ held: { by: 'operator', reason: event.reason } })
    case 'resume':
      return stay({ held: undefined, failures: 0 })
    case 'rollback':
      if (campaign.stage !== 'distributing')
        return refuse('pki/campaign-stage', 'The hub is known by the new root already: going back would be another campaign.')
      return ok({ campaign: { ...campaign, stage: 'rolled-back', endedAt: now }, roots: [[campaign.newRoot, 'withdrawn']] })
    case 'cut-over':
      return cutOver(campaign, event, now)
    case 'retire':
      return retire(campaign, event, now)
    default:
      return never(event)
  }
}

function begun(event: Extract<CampaignEvent, { on: 'start' }>, now: Instant): Step {
  const { id, oldRoot, newRoot, isBridged, failureLimit } = event
  const fresh = { held: undefined, failures: 0, excepted: [], cutOverAt: undefined, endedAt: undefined }
  return {
    campaign: { id, stage: 'distributing', oldRoot, newRoot, isBridged, failureLimit, startedAt: now, ...fresh },
    roots: [[newRoot, 'published']],
  }
}

function cutOver(campaign: Campaign, { readiness, except }: Forward, now: Instant): Result<Step> {
  if (campaign.stage !== 'distributing') return refuse('pki/campaign-stage', 'The cut-over was made already.')
  const may = mayGoOn(campaign, except, campaign.isBridged ? [] : readiness.unproven, [])
  if (!may.ok) return may
  return ok({
    campaign: { ...campaign, stage: 'cut-over', excepted: may.value, cutOverAt: now },
    roots: [
      [campaign.oldRoot, 'leaving'],
      [campaign.newRoot, 'active'],
    ],
  })
}

function retire(campaign: Campaign, { readiness, except }: Forward, now: Instant): Result<Step> {
  if (campaign.stage !== 'cut-over') return refuse('pki/campaign-stage', 'The old root is still the one that the hub is known by.')
  const may = mayGoOn(campaign, except, readiness.unproven, readiness.unmoved)
  if (!may.ok) return may
  return ok({
    campaign: { ...campaign, stage: 'retired', excepted: may.value, endedAt: now },
    roots: [[campaign.oldRoot, 'retired']],
  })
}

/** The exceptions, old and new, when everybody who is behind is among them. */
function mayGoOn(
  campaign: Campaign,
  except: readonly Exception[],
  unproven: readonly string[],
  unmoved: readonly string[],
): Result<readonly Exception[]> {
  if (campaign.held) return refuse('pki/campaign-held', `The campaign is held: ${campaign.held.reason}.`)
  // Whoever was named for an earlier step was named for that step: being left behind for good is said again.
  const named = new Set(except.map(({ device }) => device))
  const doubters = unproven.filter((device) => !named.has(device))
  if (doubters.length > 0) return refuse('pki/campaign-unproven', 'Devices have not proven that they trust the new root.', someOf(doubters))
  const holders = unmoved.filter((device) => !named.has(device))
  if (holders.length > 0) return refuse('pki/campaign-unmoved', 'Devices still sign in under the old root.', someOf(holders))
  const fresh = except.filter(({ device }) => !campaign.excepted.some((one) => one.device === device))
  return ok([...campaign.excepted, ...fresh])
}

function someOf(devices: readonly string[]): string {
  const shown = devices.slice(0, 10).join(', ')
  return devices.length > 10 ? `${shown} and ${devices.length - 10} more` : shown
}
