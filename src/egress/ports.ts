import type { Clock, Grant, Random, Result, Secret } from '#base'
import type { Fact, FactOf, Journal, TelemetryFact } from '#journal'
import type { Statement, Store } from '#store'
import type { Json } from '#wire/json'
import type { TwinView } from './condition.ts'

/** What an audited commit says about itself. */
export type Audited = {
  readonly action: string
  readonly resource: string
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
}

/** How the hub reads its facts, for events that are made of them. */
export type FactForms = {
  /** A telemetry fact by IoT Hub's names: what the sender said, and what the hub stamped. */
  telemetryForm(fact: TelemetryFact): {
    readonly properties: Readonly<Record<string, string | null>>
    readonly system: Readonly<Record<string, string | null>>
  }
  /** What a change of a twin tells back ends (azure-wire 9.6); undefined: nothing. */
  twinEvent(fact: FactOf<'twin-reported' | 'twin-changed'>): { readonly opType: string; readonly body: Json } | undefined
  /** The hub's name, as events carry it. */
  readonly hubName: string
}

/** What routing asks of the rest of the house. */
export type EgressPorts = FactForms & {
  readonly store: Store
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  /** Commits rows together with their audit entries: both or neither. */
  readonly commit: (grant: Grant, what: Audited | readonly Audited[], statements: readonly Statement[]) => Promise<Result<void, 'conflict'>>
  /** The twin of a registered identity, as it is now; undefined: there is none. */
  readonly twin: (identity: string) => Promise<TwinView | undefined>
  /** A secret of one endpoint, which no other can name; undefined: it is not there. */
  readonly secret: (endpoint: string, name: string) => Secret | undefined
  /** A secret of the vault for an endpoint; refused where no rule of the vault lets it. Undefined version: the newest. */
  readonly vaultSecret: (endpoint: string, name: string, version: string | undefined) => Promise<Result<Secret>>
  /** Whether the operator allows endpoints at this host although its address is private or of this machine. */
  readonly mayReach: (host: string) => boolean
  /** The directory below which each endpoint that writes files has one of its own. */
  readonly directory: string
  /** Told what went wrong in the hub itself, for the log. */
  readonly trouble: (what: string, error: unknown) => void
}

/** A fact that routing tells the journal. */
export type EgressFact = Extract<
  Fact,
  { readonly kind: 'routes-changed' | 'endpoint-changed' | 'egress-failed' | 'egress-recovered' | 'egress-lost' | 'egress-dead-lettered' }
>
