import { type Result, ok } from '#base'
import type { EndpointKind, EndpointPorts, EndpointSink } from './endpoint.ts'

/** Settings that were read, with the way to open what they describe. */
export type Openable = { open(name: string, ports: EndpointPorts): Promise<EndpointSink> }

/** A kind of endpoint whose settings nobody else needs to know the type of. */
export type AnyKind = Pick<EndpointKind<never>, 'kind' | 'batch'> & { parse(settings: unknown): Result<Openable> }

/** Hides the type of a kind's settings behind what they are for. */
export function anyKind<Settings>(kind: EndpointKind<Settings>): AnyKind {
  return {
    kind: kind.kind,
    batch: kind.batch,
    parse(given) {
      const settings = kind.parse(given)
      return settings.ok ? ok({ open: (name, ports) => kind.open(name, settings.value, ports) }) : settings
    },
  }
}
