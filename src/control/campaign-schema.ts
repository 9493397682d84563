import { type Static, Type } from 'typebox'
import { isoTime } from '#base'
import type { CampaignStatus } from '#pki'
import { time } from './schema.ts'

/* The shapes of campaigns that move the fleet to a new root; see schema.ts for the rules. */

const closed = { additionalProperties: false } as const
const count = Type.Integer({ minimum: 0 })
const deviceId = Type.String({ minLength: 1, maxLength: 128 })
const reason = Type.String({ minLength: 1, maxLength: 256 })
const exception = Type.Object({ device: deviceId, reason }, { ...closed, title: 'CampaignException' })

/** What a campaign would find. */
export const campaignPlan = Type.Object(
  { devices: count, issued: count, bundleSha256: Type.String(), isBridged: Type.Boolean(), failureLimit: count },
  { ...closed, title: 'CampaignPlan' },
)

/** A campaign and its numbers: the receipt of every step. */
export const campaignStatus = Type.Object(
  {
    id: Type.String(),
    stage: Type.Union([Type.Literal('distributing'), Type.Literal('cut-over'), Type.Literal('retired'), Type.Literal('rolled-back')]),
    isBridged: Type.Boolean(),
    held: Type.Union([
      Type.Null(),
      Type.Object({ by: Type.Union([Type.Literal('operator'), Type.Literal('failures')]), reason: Type.String() }, closed),
    ]),
    failures: count,
    failureLimit: count,
    startedAt: time,
    cutOverAt: Type.Union([Type.Null(), time]),
    endedAt: Type.Union([Type.Null(), time]),
    devices: count,
    proven: count,
    issued: count,
    moved: count,
    groups: Type.Array(
      Type.Object({ group: Type.String(), devices: count, proven: count, moved: count }, { ...closed, title: 'CampaignGroup' }),
    ),
    laggards: Type.Array(Type.String()),
    excepted: Type.Array(exception),
  },
  { ...closed, title: 'Campaign' },
)

/** How to begin: how many failed probes hold it. */
export const campaignStart = Type.Object(
  { failureLimit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })) },
  { ...closed, title: 'CampaignStart' },
)

/** Why it is held. */
export const campaignHold = Type.Object({ reason }, { ...closed, title: 'CampaignHold' })

/** Whom a step may leave behind. */
export const campaignForward = Type.Object(
  { except: Type.Optional(Type.Array(exception, { maxItems: 10_000 })) },
  { ...closed, title: 'CampaignForward' },
)

/** A campaign as the API shows it. */
export function campaignView({ campaign, ...numbers }: CampaignStatus): Static<typeof campaignStatus> {
  const { id, stage, isBridged, held, failures, failureLimit, startedAt, cutOverAt, endedAt, excepted } = campaign
  return {
    id,
    stage,
    isBridged,
    failures,
    failureLimit,
    held: held ?? null,
    startedAt: isoTime(startedAt),
    cutOverAt: cutOverAt === undefined ? null : isoTime(cutOverAt),
    endedAt: endedAt === undefined ? null : isoTime(endedAt),
    devices: numbers.devices,
    proven: numbers.proven,
    issued: numbers.issued,
    moved: numbers.moved,
    groups: [...numbers.groups],
    laggards: [...numbers.laggards],
    excepted: [...excepted],
  }
}
