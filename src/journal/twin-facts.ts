import { flag, nullable, number, object, oneOf, text, tree, words } from './shape.ts'

/*
 * What happens to twins. These facts are the truth about twins, and rows are made of them: each says all that it changes. `generation` is that of the
 * device or module, so that a name used again does not inherit; `twinVersion` is the twin's version after the change.
 */

const twin = { device: text, generation: text, twinVersion: number }

/** Facts of twins: see facts.ts for the rules. */
export const twinFactShapes = {
  /** An identity changed its own reported properties: a merge patch, null deletes. `version` is the section's after the change. */
  'twin-reported': object({ ...twin, patch: tree, version: number }, {}),
  /**
   * A back end changed tags, desired properties or both: merge patches, or whole sections where `replaces`. `desiredVersion` is the section's after the
   * change. `configurations` are the statuses that automatic device management gave (null: taken away). A replacement tells the reported properties
   * besides, for who wants the whole twin.
   */
  'twin-changed': object(
    { ...twin, actor: text, replaces: flag, desiredVersion: number, etag: text },
    {
      tags: tree,
      desired: tree,
      configurations: words(nullable(oneOf('Targeted', 'Applied'))),
      cause: object({ kind: oneOf('job', 'configuration'), id: text }, {}),
      reported: tree,
      reportedVersion: number,
    },
  ),
  /** A connecting client named the model (plug and play) that it is an instance of. */
  'model-announced': object({ device: text, generation: text, modelId: text }, {}),
} as const
