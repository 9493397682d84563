import { number, object, oneOf, text } from './shape.ts'

/** Facts of automatic device management; what it does to a twin is a fact of the twin. See facts.ts for the rules. */
export const configurationFactShapes = {
  'configuration-changed': object({ actor: text, action: oneOf('create', 'update', 'delete'), id: text }, {}),
  /** An evaluation has changed twins: by configuration or not, how many, and how long it took. */
  'configurations-evaluated': object({ configurations: number, changed: number, durationMs: number }, {}),
  /** Content was set at one device, once. */
  'configuration-content-applied': object({ device: text, actor: text, twins: number }, {}),
} as const
