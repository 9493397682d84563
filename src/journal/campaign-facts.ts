import { number, object, oneOf, text } from './shape.ts'

/** Facts about moving the fleet to a new root. `campaign` is its id; `excepted` counts the devices that were left behind by name. */
export const campaignFactShapes = {
  'campaign-started': object({ campaign: text, actor: text, devices: number }, {}),
  'campaign-held': object({ campaign: text, by: text, reason: text }, {}),
  'campaign-resumed': object({ campaign: text, actor: text }, {}),
  'campaign-cut-over': object({ campaign: text, actor: text, proven: number, devices: number, excepted: number }, {}),
  'campaign-ended': object({ campaign: text, actor: text, outcome: oneOf('retired', 'rolled-back'), excepted: number }, {}),
  'trust-proven': object({ campaign: text, device: text, fingerprint: text }, {}),
} as const
