import { list, object, text } from './shape.ts'

/** `device` is the module's identity, `{device}/{module}`. */
const moduleAct = { device: text, actor: text }

/** Of the registration as it is then, for routes (azure-wire 9.6); absent in records of the first release. */
export const registration = { generation: text, etag: text }

/** Facts of modules: see facts.ts for the rules. */
export const moduleFactShapes = {
  'module-created': object(moduleAct, registration),
  'module-changed': object({ ...moduleAct, changes: list(text) }, {}),
  'module-deleted': object(moduleAct, registration),
} as const
