import { type Clock, type Grant, type Instant, type Random, type Result, instant, ok, refuse, uuid } from '#base'
import type { Store } from '#store'
import type { TrustBundle } from '../authorities/trust-bundle.ts'
import type { VerifiedLeaf } from '../device-chain.ts'
import type { Pki } from '../pki.ts'
import type { Audited, AuditedCommit } from '../ports.ts'
import { rootStateRow } from '../authorities/roots.ts'
import { type Campaign, type CampaignEvent, type Exception, type Readiness, isOpen, step } from './machine.ts'
import { type Shown, campaignOf, campaignRows, shownOf, shownRow } from './rows.ts'

/** A device as a campaign counts it. */
export type FleetMember = {
  readonly id: string
  /** Whether it signs in with a certificate that this hub issued. */
  readonly isIssued: boolean
  /** What operators know it by: readiness is told for each. */
  readonly group: string
}

/** What happened in a campaign, for the journal; times in milliseconds since the epoch. */
export type CampaignFact =
  | { readonly kind: 'campaign-started'; readonly actor: string; readonly devices: number }
  | { readonly kind: 'campaign-held'; readonly by: string; readonly reason: string }
  | { readonly kind: 'campaign-resumed'; readonly actor: string }
  | {
      readonly kind: 'campaign-cut-over'
      readonly actor: string
      readonly proven: number
      readonly devices: number
      readonly excepted: number
    }
  | { readonly kind: 'campaign-ended'; readonly actor: string; readonly outcome: 'retired' | 'rolled-back'; readonly excepted: number }
  | { readonly kind: 'trust-proven'; readonly device: string; readonly fingerprint: string }

/** What campaigns ask of others. */
export type CampaignPorts = {
  readonly store: Pick<Store, 'query' | 'commit'>
  readonly commit: AuditedCommit
  readonly clock: Clock
  readonly random: Random
  readonly pki: Pick<Pki, 'draftRoot' | 'reload' | 'trustBundle' | 'rootPem' | 'rootSerial' | 'couldBridge'>
  /** Every device of the registry, disabled ones too. */
  readonly fleet: () => Iterable<FleetMember>
  /** Tells devices what to trust from now on. */
  readonly distribute: (bundle: TrustBundle) => Promise<void>
  readonly tell: (fact: CampaignFact & { readonly time: Instant; readonly campaign: string }) => void
  readonly trouble: (what: string, error: unknown) => void
}

/** How far a group is. */
export type GroupProgress = { readonly group: string; readonly devices: number; readonly proven: number; readonly moved: number }

/** A campaign with its numbers: what a step answers with, as its receipt, and what status shows. */
export type CampaignStatus = {
  readonly campaign: Campaign
  readonly devices: number
  readonly proven: number
  /** Devices with certificates of ours, and those of them that use one under the new root. */
  readonly issued: number
  readonly moved: number
  readonly groups: readonly GroupProgress[]
  /** The first of those that are behind, by id. */
  readonly laggards: readonly string[]
}

/** What a campaign would do, before anything is done. */
export type CampaignPlan = Pick<CampaignStatus, 'devices' | 'issued'> & {
  readonly rootFingerprint: string
  /** Whether devices that never proved anything can be served after the cut-over. */
  readonly isBridged: boolean
  readonly failureLimit: number
}

const shownLaggards = 100
const shownGroups = 200

/** Opens campaigns: the one that was under way goes on where it stood. */
export async function openCampaigns(ports: CampaignPorts): Promise<Campaigns> {
  const [row] = await ports.store.query('SELECT * FROM pki_campaign ORDER BY rowid DESC LIMIT 1')
  if (row === undefined) return new Campaigns(ports, undefined, new Map())
  const id = row['id'] ?? null
  const exceptions = await ports.store.query('SELECT device, reason FROM pki_campaign_exception WHERE campaign = ? ORDER BY device', id)
  const shown = await ports.store.query('SELECT * FROM pki_campaign_device WHERE campaign = ?', id)
  const campaigns = new Campaigns(ports, campaignOf(row, exceptions), new Map(shown.map((one) => [String(one['device']), shownOf(one)])))
  if (campaigns.isOpen) campaigns.distribute()
  return campaigns
}

/** Moves the fleet from one root to the next, one campaign at a time. What it knows is written before it is believed. */
export class Campaigns {
  readonly #ports: CampaignPorts
  readonly #shown: Map<string, Shown>
  #campaign: Campaign | undefined
  // Steps run one after the other: each judges by what the one before has written.
  #turn: Promise<unknown> = Promise.resolve()

  /** For {@link openCampaigns}. */
  constructor(ports: CampaignPorts, campaign: Campaign | undefined, shown: Map<string, Shown>) {
    this.#ports = ports
    this.#campaign = campaign
    this.#shown = shown
  }

  /** Whether a campaign is under way. */
  get isOpen(): boolean {
    return this.#campaign !== undefined && isOpen(this.#campaign)
  }

  /** What a campaign would find, without doing anything. */
  plan(_grant: Grant<'pki.read'>): CampaignPlan {
    const { devices, issued } = this.#count()
    const { pki } = this.#ports
    return { devices, issued, rootFingerprint: pki.trustBundle().sha256, isBridged: pki.couldBridge, failureLimit: defaultLimit(devices) }
  }

  /** The campaign that is under way, or the last one. `pki/no-campaign` when there was none. */
  status(_grant: Grant<'pki.read'>): Result<CampaignStatus> {
    return this.#campaign ? ok(this.#statusOf(this.#campaign)) : noCampaign
  }

  /** Makes the new root, tells clients to trust both, and begins to gather proof. `failureLimit`: failed probes that hold it. */
  start(grant: Grant<'pki.administer'>, given: { readonly failureLimit?: number | undefined } = {}): Promise<Result<CampaignStatus>> {
    return this.#inTurn(async () => {
      if (this.isOpen) return refuse('pki/campaign-open', 'A campaign is under way already.', this.#campaign?.id)
      const { pki, random } = this.#ports
      const oldRoot = pki.rootSerial
      const drafted = await pki.draftRoot(grant)
      if (!drafted.ok) return drafted
      const { devices } = this.#count()
      const { failureLimit = defaultLimit(devices) } = given
      const { root, isBridged } = drafted.value
      const event = { on: 'start', id: uuid(random), oldRoot, newRoot: root.serial, isBridged, failureLimit } as const
      const done = await this.#step(grant, event)
      if (done.ok) this.#tell({ kind: 'campaign-started', actor: grant.actor.id, devices })
      return done
    })
  }

  /** Stops every further step until {@link Campaigns.resume}. */
  hold(grant: Grant<'pki.administer'>, reason: string): Promise<Result<CampaignStatus>> {
    return this.#inTurn(async () => {
      const done = await this.#step(grant, { on: 'hold', reason })
      if (done.ok) this.#tell({ kind: 'campaign-held', by: grant.actor.id, reason })
      return done
    })
  }

  /** Goes on after a hold; failed probes are counted anew. */
  resume(grant: Grant<'pki.administer'>): Promise<Result<CampaignStatus>> {
    return this.#inTurn(async () => {
      const done = await this.#step(grant, { on: 'resume' })
      if (done.ok) this.#tell({ kind: 'campaign-resumed', actor: grant.actor.id })
      return done
    })
  }

  /** Takes the new root back, before the cut-over. */
  rollback(grant: Grant<'pki.administer'>): Promise<Result<CampaignStatus>> {
    return this.#inTurn(async () => {
      const done = await this.#step(grant, { on: 'rollback' })
      if (done.ok) this.#tell({ kind: 'campaign-ended', actor: grant.actor.id, outcome: 'rolled-back', excepted: 0 })
      return done
    })
  }

  /** The hub is known by the new root from now on. Where no bridge can be had, refuses while a device is unproven that `except` does not name. */
  cutOver(grant: Grant<'pki.administer'>, except: readonly Exception[] = []): Promise<Result<CampaignStatus>> {
    return this.#inTurn(async () => {
      const done = await this.#step(grant, { on: 'cut-over', readiness: this.#readiness(), except })
      if (!done.ok) return done
      const { devices, proven, campaign } = done.value
      this.#tell({ kind: 'campaign-cut-over', actor: grant.actor.id, proven, devices, excepted: campaign.excepted.length })
      return done
    })
  }

  /** Ends trust in the old root. Refuses while a device is unproven, or signs in under the old root, that `except` does not name. */
  retire(grant: Grant<'pki.administer'>, except: readonly Exception[] = []): Promise<Result<CampaignStatus>> {
    return this.#inTurn(async () => {
      const done = await this.#step(grant, { on: 'retire', readiness: this.#readiness(), except })
      if (!done.ok) return done
      this.#tell({ kind: 'campaign-ended', actor: grant.actor.id, outcome: 'retired', excepted: done.value.campaign.excepted.length })
      return done
    })
  }

  /** A device finished a handshake under the new root alone, and signed in. Resolves when that is durable; false: no campaign asks for it. */
  async proven(device: string, fingerprint: string): Promise<boolean> {
    const campaign = this.#campaign
    if (!campaign || !isOpen(campaign)) return false
    const before = this.#shown.get(device)
    if (before?.provenAt !== undefined) return true
    await this.#show(campaign, device, { provenAt: this.#ports.clock.now(), fingerprint, movedAt: before?.movedAt })
    this.#tell({ kind: 'trust-proven', device, fingerprint })
    return true
  }

  /** A device signed in with this chain. What that shows is written when it comes to it. */
  seen({ deviceId, proof, fingerprintSha256: fingerprint }: VerifiedLeaf): void {
    const campaign = this.#campaign
    if (!campaign || !isOpen(campaign) || deviceId === undefined || proof.chain.serials.at(-1) !== campaign.newRoot) return
    const before = this.#shown.get(deviceId)
    if (before?.movedAt !== undefined) return
    const shown = { provenAt: before?.provenAt, fingerprint: before?.fingerprint ?? fingerprint, movedAt: this.#ports.clock.now() }
    this.#show(campaign, deviceId, shown).catch((error: unknown) => this.#ports.trouble('a device that moved to the new root', error))
  }

  /** A probe's handshake came to nothing. Too many of them hold the campaign. */
  probeFailed(): void {
    if (!this.isOpen) return
    const wasHeld = this.#campaign?.held !== undefined
    this.#inTurn(async () => {
      const done = await this.#step(undefined, { on: 'probe-failed' })
      const held = this.#campaign?.held
      if (held && !wasHeld) this.#tell({ kind: 'campaign-held', by: 'hub', reason: held.reason })
      return done
    }).catch((error: unknown) => this.#ports.trouble('a failed probe', error))
  }

  /** A device is deleted: another of its name has shown nothing. */
  forget(device: string): void {
    const campaign = this.#campaign
    if (!campaign || !this.#shown.delete(device)) return
    const row = { sql: 'DELETE FROM pki_campaign_device WHERE campaign = ? AND device = ?', args: [campaign.id, device] }
    this.#ports.store.commit([row]).catch((error: unknown) => this.#ports.trouble('a deleted device in a campaign', error))
  }

  /** Tells devices what to trust now; what fails is tried again at the next step and the next start. */
  distribute(): void {
    const { distribute, pki, trouble } = this.#ports
    distribute(pki.trustBundle()).catch((error: unknown) => trouble('telling devices what to trust', error))
  }

  async #show(campaign: Campaign, device: string, shown: Shown): Promise<void> {
    await this.#ports.store.commit([shownRow(campaign.id, device, shown)])
    const before = this.#shown.get(device)
    this.#shown.set(device, {
      provenAt: before?.provenAt ?? shown.provenAt,
      fingerprint: before?.fingerprint ?? shown.fingerprint,
      movedAt: before?.movedAt ?? shown.movedAt,
    })
  }

  async #step(grant: Grant<'pki.administer'> | undefined, event: CampaignEvent): Promise<Result<CampaignStatus>> {
    const { clock, commit, store, pki } = this.#ports
    const next = step(this.#campaign, event, instant(clock.now()))
    if (!next.ok) return next
    const { campaign, roots } = next.value
    const rows = [...campaignRows(campaign), ...roots.map(([serial, state]) => rootStateRow(serial, state))]
    if (grant === undefined) await store.commit(rows)
    else {
      const outcome = await commit(grant, auditOf(event, campaign), rows)
      if (!outcome.ok) throw new Error('bug: the rows of a campaign are in conflict')
    }
    if (event.on === 'start') this.#shown.clear()
    this.#campaign = campaign
    if (roots.length > 0) {
      const reloaded = await pki.reload()
      if (!reloaded.ok) return reloaded
      this.distribute()
    }
    return ok(this.#statusOf(campaign))
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  #tell(fact: CampaignFact): void {
    this.#ports.tell({ ...fact, time: this.#ports.clock.now(), campaign: this.#campaign?.id ?? '' })
  }

  #readiness(): Readiness {
    const unproven: string[] = []
    const unmoved: string[] = []
    let devices = 0
    for (const { id, isIssued } of this.#ports.fleet()) {
      devices++
      const shown = this.#shown.get(id)
      if (shown?.provenAt === undefined) unproven.push(id)
      if (isIssued && shown?.movedAt === undefined) unmoved.push(id)
    }
    return { devices, unproven, unmoved }
  }

  #count(): Pick<CampaignStatus, 'devices' | 'issued'> {
    let [devices, issued] = [0, 0]
    for (const { isIssued } of this.#ports.fleet()) {
      devices++
      if (isIssued) issued++
    }
    return { devices, issued }
  }

  #statusOf(campaign: Campaign): CampaignStatus {
    const groups = new Map<string, { devices: number; proven: number; moved: number }>()
    const laggards: string[] = []
    let [devices, issued, proven, moved] = [0, 0, 0, 0]
    for (const { id, isIssued, group } of this.#ports.fleet()) {
      const shown = this.#shown.get(id)
      const isProven = shown?.provenAt !== undefined
      const isMoved = isIssued && shown?.movedAt !== undefined
      devices++
      issued += isIssued ? 1 : 0
      proven += isProven ? 1 : 0
      moved += isMoved ? 1 : 0
      const counted = groups.get(group) ?? { devices: 0, proven: 0, moved: 0 }
      groups.set(group, {
        devices: counted.devices + 1,
        proven: counted.proven + (isProven ? 1 : 0),
        moved: counted.moved + (isMoved || !isIssued ? 1 : 0),
      })
      const isBehind = !isProven || (campaign.stage === 'cut-over' && isIssued && !isMoved)
      if (isBehind && laggards.length < shownLaggards) laggards.push(id)
    }
    const progress = [...groups].map(([group, counted]) => ({ group, ...counted })).slice(0, shownGroups)
    return { campaign, devices, proven, issued, moved, laggards, groups: progress }
  }
}

const noCampaign = refuse('pki/no-campaign', 'No campaign is under way.')

/** One in a hundred devices, and five at least: less is noise of scanners and of devices that are being worked on. */
function defaultLimit(devices: number): number {
  return Math.max(5, Math.ceil(devices / 100))
}

function auditOf(event: CampaignEvent, { id, stage, held }: Campaign): readonly Audited[] {
  const resource = `campaign:${id}`
  const detail = { stage, ...(held ? { held: held.reason } : {}) }
  const whole = { action: `campaign.${event.on}`, resource, detail }
  if (event.on !== 'cut-over' && event.on !== 'retire') return [whole]
  const { devices, unproven, unmoved } = event.readiness
  const counted = { ...detail, devices, unproven: unproven.length, unmoved: unmoved.length, excepted: event.except.length }
  const named = event.except.map(({ device, reason }) => ({
    action: `campaign.${event.on}-without`,
    resource: `device:${device}`,
    detail: { reason },
  }))
  return [{ ...whole, detail: counted }, ...named]
}
