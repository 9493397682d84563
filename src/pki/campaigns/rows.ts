import { instant } from '#base'
import type { Migration, Row, Statement } from '#store'
import { numberOf, textOf } from '../row.ts'
import type { Campaign, Exception, Stage } from './machine.ts'

/** Campaigns, and what each device has shown in one. */
export const campaignMigrations: readonly Migration[] = [
  {
    name: 'pki-campaigns/001-campaigns',
    sql: `
      CREATE TABLE pki_campaign (
        id TEXT PRIMARY KEY,
        stage TEXT NOT NULL,
        old_root TEXT NOT NULL,
        new_root TEXT NOT NULL,
        bridged INTEGER NOT NULL,
        held_by TEXT,
        held_reason TEXT,
        failures INTEGER NOT NULL,
        failure_limit INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        cut_over_at INTEGER,
        ended_at INTEGER
      );
      CREATE TABLE pki_campaign_exception (
        campaign TEXT NOT NULL,
        device TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (campaign, device)
      );
      CREATE TABLE pki_campaign_device (
        campaign TEXT NOT NULL,
        device TEXT NOT NULL,
        proven_at INTEGER,
        fingerprint TEXT,
        moved_at INTEGER,
        PRIMARY KEY (campaign, device)
      );
    `,
  },
]

/** What a device has shown: when it proved that it trusts the new root, with which certificate, and when it first used one under it. */
export type Shown = {
  readonly provenAt: number | undefined
  readonly fingerprint: string | undefined
  readonly movedAt: number | undefined
}

const stages: readonly Stage[] = ['distributing', 'cut-over', 'retired', 'rolled-back']

/** Reads a row of `pki_campaign` with its exceptions. A word that is none is our bug. */
export function campaignOf(row: Row, exceptions: readonly Row[]): Campaign {
  const stage = stages.find((one) => one === row['stage'])
  const by = (['operator', 'failures'] as const).find((one) => one === row['held_by'])
  if (stage === undefined) throw new Error('bug: unknown stage of a campaign')
  return {
    id: textOf(row, 'id'),
    stage,
    oldRoot: textOf(row, 'old_root'),
    newRoot: textOf(row, 'new_root'),
    isBridged: numberOf(row, 'bridged') === 1,
    held: by === undefined ? undefined : { by, reason: textOf(row, 'held_reason') },
    failures: numberOf(row, 'failures'),
    failureLimit: numberOf(row, 'failure_limit'),
    excepted: exceptions.map((one): Exception => ({ device: textOf(one, 'device'), reason: textOf(one, 'reason') })),
    startedAt: instant(numberOf(row, 'started_at')),
    cutOverAt: row['cut_over_at'] === null ? undefined : instant(numberOf(row, 'cut_over_at')),
    endedAt: row['ended_at'] === null ? undefined : instant(numberOf(row, 'ended_at')),
  }
}

/** Reads a row of `pki_campaign_device`. */
export function shownOf(row: Row): Shown {
  const time = (column: string) => (row[column] === null ? undefined : numberOf(row, column))
  return {
    provenAt: time('proven_at'),
    fingerprint: row['fingerprint'] === null ? undefined : textOf(row, 'fingerprint'),
    movedAt: time('moved_at'),
  }
}

/** The rows that keep a campaign as it is now. */
export function campaignRows(campaign: Campaign): readonly Statement[] {
  const { id, stage, oldRoot, newRoot, isBridged, held, failures, failureLimit, startedAt, cutOverAt, endedAt, excepted } = campaign
  return [
    {
      sql: `INSERT INTO pki_campaign (id, stage, old_root, new_root, bridged, held_by, held_reason, failures, failure_limit, started_at, cut_over_at, ended_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, held_by = excluded.held_by, held_reason = excluded.held_reason,
              failures = excluded.failures, cut_over_at = excluded.cut_over_at, ended_at = excluded.ended_at`,
      args: [
        id,
        stage,
        oldRoot,
        newRoot,
        isBridged ? 1 : 0,
        held?.by ?? null,
        held?.reason ?? null,
        failures,
        failureLimit,
        startedAt,
        cutOverAt ?? null,
        endedAt ?? null,
      ],
      expect: 1,
    },
    ...excepted.map(({ device, reason }) => ({
      sql: 'INSERT INTO pki_campaign_exception (campaign, device, reason) VALUES (?, ?, ?) ON CONFLICT (campaign, device) DO NOTHING',
      args: [id, device, reason],
    })),
  ]
}

/** The row that keeps what a device has shown. What it showed before is not taken back. */
export function shownRow(campaign: string, device: string, { provenAt, fingerprint, movedAt }: Shown): Statement {
  return {
    sql: `INSERT INTO pki_campaign_device (campaign, device, proven_at, fingerprint, moved_at) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (campaign, device) DO UPDATE SET proven_at = coalesce(proven_at, excluded.proven_at),
            fingerprint = coalesce(fingerprint, excluded.fingerprint), moved_at = coalesce(moved_at, excluded.moved_at)`,
    args: [campaign, device, provenAt ?? null, fingerprint ?? null, movedAt ?? null],
  }
}
