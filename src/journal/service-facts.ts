import { list, number, object, oneOf, text } from './shape.ts'

const served = { actor: text, what: oneOf('service', 'shared-access-policy'), name: text, rights: list(text), until: number }

/** Facts about who the back ends are: registered services and shared access policies. `rights` are roles or permissions; `until` is in milliseconds since the epoch. */
export const serviceFactShapes = {
  'service-added': object(served, {}),
  /** No token of it is taken any more. */
  'service-removed': object(served, {}),
} as const
