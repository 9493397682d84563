import type { Clock, Random, Result, Secret } from '#base'
import type { RoutedEvent } from './event.ts'

/**
 * What became of a batch, which is delivered whole or not at all as far as the endpoint can. `poison`: the event at `index` can never be taken (those before it
 * were); it goes to the dead letters and the rest is tried again. `retry`: later, all of it.
 */
export type Delivered =
  | { readonly kind: 'ok' }
  | { readonly kind: 'poison'; readonly index: number; readonly reason: string }
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs?: number }

/** The open way to one endpoint. Used by one worker, one batch at a time. A thrown Fault counts as `retry`; disposing closes what is open and waits for it. */
export interface EndpointSink extends AsyncDisposable {
  /** Delivers events in their order. Resolves when the endpoint has them durably, as far as it can say so. Gives up when `signal` is aborted. */
  deliver(batch: readonly RoutedEvent[], signal: AbortSignal): Promise<Delivered>
}

/** What an endpoint is given of the world. */
export type EndpointPorts = {
  readonly clock: Clock
  readonly random: Random
  /** The endpoint's own secret, by the name that its settings give; undefined: it is not there, and the endpoint waits (`retry`). */
  secret(name: string): Secret | undefined
  /** Whether the operator allows this host although its address is private or of this machine. */
  mayReach(host: string): boolean
  /** A directory of this endpoint alone, for endpoints that write files. */
  readonly directory: string
}

/** One kind of endpoint: how its settings are read, and how it is opened. The client's package is loaded when it is opened, not before. */
export type EndpointKind<Settings> = {
  readonly kind: string
  /** Reads settings strictly: unknown members, missing ones and values out of bounds are refused with `egress/endpoint-malformed`. */
  parse(settings: unknown): Result<Settings>
  /** Most events and bytes of one batch. */
  readonly batch: { readonly events: number; readonly bytes: number; readonly lingerMs: number }
  /** Opens the way. Need not connect yet. */
  open(name: string, settings: Settings, ports: EndpointPorts): Promise<EndpointSink>
}
