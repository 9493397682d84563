import type { Grant, Instant, Result } from '#base'
import type { Json } from '#wire/json'

/** What the lines of an import are: items of `devices.txt`, of `configurations.txt`, and enrollments of a provisioning service. */
export const importSources = ['devices', 'configurations', 'enrollments', 'enrollmentGroups'] as const

/** One of {@link importSources}. */
export type ImportSource = (typeof importSources)[number]

/** One line as it stood in its file: its number from 1, and its text, one JSON value. */
export type ImportLine = { readonly line: number; readonly text: string }

/** What would become of a line: `same` is there already as the line wants it. */
export type ImportAction = 'create' | 'update' | 'delete' | 'same' | 'refused'

/** What a field is here, and what the import says. Keys are never shown. */
export type ImportDifference = { readonly field: string; readonly here: Json; readonly there: Json }

/** What is planned for one line. `id` is the identity, or what the line calls itself when it could not be read. */
export type ImportEntry = {
  readonly source: ImportSource
  readonly line: number
  readonly id: string
  readonly action: ImportAction
  /** Of an update: field by field, at most 50. */
  readonly differences: readonly ImportDifference[]
  /** What will be otherwise here than the line says, in words for people. */
  readonly notices: readonly string[]
  /** Why it is refused. */
  readonly problem: { readonly code: string; readonly message: string } | null
}

/** How many lines meet each action. */
export type ImportCounts = Readonly<Record<ImportAction, number>>

/** A plan: its counts, and the digest that `apply` asks for. SHA-256, lower-case hex. */
export type ImportPlan = { readonly counts: ImportCounts; readonly digest: string }

/** `staged` takes lines and plans; `interrupted` was stopped half way: what it did stays, and the same lines planned again are the rest. */
export type ImportStatus = 'staged' | 'running' | 'completed' | 'interrupted'

/** One import, as a job. `done` counts lines that were looked at by `apply`; `failed` those of them that could not be done. */
export type Import = {
  readonly id: string
  readonly status: ImportStatus
  readonly createdBy: string
  readonly createdTime: Instant
  readonly endTime: Instant | null
  readonly total: number
  readonly done: number
  readonly failed: number
}

/** A line that could not be done. */
export type ImportProblem = Pick<ImportEntry, 'source' | 'line' | 'id'> & { readonly code: string; readonly message: string }

/** How far an import is. */
export type ImportStep = { readonly done: number; readonly total: number; readonly problems: readonly ImportProblem[] }

/** What planning an import asks for. */
export type ImportReadGrants = {
  readonly devices: Grant<'device.read'>
  readonly twins: Grant<'twin.read'>
  readonly configurations: Grant<'configuration.read'>
}

/** What applying one asks for besides. */
export type ImportWriteGrants = {
  readonly write: Grant<'device.write'>
  readonly erase: Grant<'device.delete'>
  readonly twins: Grant<'twin.write'>
  readonly configurations: Grant<'configuration.write'>
}

/** One line of an export, and the file that it belongs in. */
export type ExportLine = {
  readonly file: 'devices' | 'configurations' | 'enrollments' | 'enrollmentGroups' | 'keys'
  readonly value: { readonly [name: string]: Json }
}

/** Moving in and out. */
export interface Transfer {
  /** Begins an import; what an earlier one had staged is thrown away. Refuses `hub/import-running`. */
  begin(grant: Grant<'device.write'>): Promise<Result<Import>>
  /** Adds lines, which are read at once: what is wrong with one stands in the plan. Refuses `hub/import-not-found`, `hub/import-closed`, `hub/import-full`. */
  take(grant: Grant<'device.write'>, id: string, source: ImportSource, lines: readonly ImportLine[]): Promise<Result<Import>>
  /** Says what each line would do, and does nothing. `tell` is awaited, so that a slow reader slows the plan. Refuses `hub/import-not-found`, `hub/import-closed`. */
  plan(
    grants: ImportReadGrants,
    id: string,
    tell: (entries: readonly ImportEntry[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<Result<ImportPlan>>
  /**
   * Does what was planned: `digest` is the plan's. Refuses as `plan`, `hub/import-running`, and `hub/import-plan-differs` when the hub or the lines are not what the
   * plan was made of; then nothing is done. Aborted or killed, what it has done stays done, and is complete for each item.
   */
  apply(
    grants: ImportReadGrants & { readonly to: ImportWriteGrants },
    id: string,
    digest: string,
    tell: (step: ImportStep) => Promise<void>,
    signal: AbortSignal,
  ): Promise<Result<Import>>
  /** The newest imports first, at most 100. */
  list(grant: Grant<'device.read'>): Promise<readonly Import[]>
  /**
   * Everything that an import reads, in the form of IoT Hub's exports, in the order of names. With `keys` shared keys come besides, as lines of a file of
   * their own; else none is in it.
   */
  export(grants: ImportReadGrants, keys: Grant<'device.write'> | undefined): AsyncIterable<readonly ExportLine[]>
}
