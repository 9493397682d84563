import { systemGrant } from '#access'
import type { Audit } from '#audit'
import type { Clock, Random } from '#base'
import type { Hub } from '#hub'
import { type Journal, encodeFact } from '#journal'
import { type Campaigns, type FleetMember, type Pki, type TrustBundle, openCampaigns } from '#pki'
import type { Store } from '#store'
import type { Log } from './log.io.ts'

type CampaignRooms = {
  readonly store: Store
  readonly audit: Audit
  readonly journal: Journal
  readonly pki: Pki
  readonly hub: Hub
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Where this hub is reached by HTTPS from outside, without a slash at its end; undefined while nobody knows. */
  readonly publicUrl: () => string | undefined
}

/** Opens campaigns over the registry of devices, who hear of roots by a configuration of their twins. */
export async function openRootCampaigns(rooms: CampaignRooms): Promise<Campaigns> {
  const { store, audit, journal, pki, hub, clock, random, log, publicUrl } = rooms
  const campaigns = await openCampaigns({
    store,
    commit: audit.commit.bind(audit),
    clock,
    random,
    pki,
    fleet: () => fleetOf(hub),
    distribute: (bundle) => distribute(hub, bundle, publicUrl()),
    tell: (fact) => void journal.append(encodeFact(fact)),
    trouble: (what, error) => log.error(what, { error }),
  })
  hub.devices.onRemoved((identity) => campaigns.forget(identity))
  return campaigns
}

function* fleetOf(hub: Hub): Iterable<FleetMember> {
  for (const { id, authentication } of hub.devices.all())
    yield { id, isIssued: authentication.type === 'certificateAuthority', group: authentication.type }
}

const prefix = 'thingwall-trust-'

/** Puts `thingwall.trustBundle` into the desired properties of every device, and takes older ones out: by a configuration, so that devices to come have it too. */
async function distribute({ configurations }: Hub, { version, sha256 }: TrustBundle, publicUrl: string | undefined): Promise<void> {
  const [mayRead, mayWrite] = [systemGrant('configuration.read', 'campaigns'), systemGrant('configuration.write', 'campaigns')]
  const id = `${prefix}${version}`
  const known = configurations.list(mayRead)
  if (!known.some((one) => one.id === id)) {
    const url = publicUrl === undefined ? '/pki/trust-bundle' : `${publicUrl}/pki/trust-bundle`
    const made = await configurations.create(mayWrite, {
      id,
      labels: { purpose: 'trust' },
      content: { deviceContent: { 'properties.desired.thingwall.trustBundle': { version, sha256, url } } },
      targetCondition: '*',
      priority: 0,
      metricQueries: {},
    })
    if (!made.ok) throw new Error(`bug: devices cannot be told what to trust: ${made.error.code}`)
  }
  for (const one of known) {
    if (!one.id.startsWith(prefix) || one.id === id) continue
    const removed = await configurations.remove(mayWrite, one.id)
    if (!removed.ok && removed.error.code !== 'hub/configuration-not-found') throw new Error(`bug: ${removed.error.code}`)
  }
}
