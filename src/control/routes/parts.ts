import type { Live } from '../live.ts'
import type { ControlConfig, ControlPorts } from '../ports.ts'
import type { Wake } from '../wake.ts'

/** What routes are made of. */
export type Parts = {
  readonly config: ControlConfig
  readonly ports: ControlPorts
  readonly live: Live
  /** Wakes whenever more of the journal has become durable. */
  readonly durable: Wake
  /** The OpenAPI document of all routes. */
  readonly openapi: () => object
}
