import { number, object, oneOf, text } from './shape.ts'

/** Facts of imports, for those who watch; what each device became has a fact of its own. See facts.ts for the rules. */
export const transferFactShapes = {
  /** An import goes to work. How many of its lines the plan says will do what, where it was planned. */
  'import-started': object(
    { import: text, actor: text },
    { create: number, update: number, delete: number, same: number, refused: number },
  ),
  /** It is over; `interrupted`: what it did stays, and the same lines planned again are the rest. `done` counts lines, `failed` those of them that could not be done. */
  'import-ended': object({ import: text, status: oneOf('completed', 'interrupted') }, { done: number, failed: number }),
} as const
