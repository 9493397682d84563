import type { CloseReceipt } from '#bus'
import type { DeviceId, Grant, Result } from '#base'
import type { FactOf } from '#journal'
import type { Statement } from '#store'

/** What an audited commit says about itself. */
export type Audited = {
  readonly action: string
  readonly resource: string
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
}

/** Commits rows together with their audit entries: both or neither. The program wires the audit room to it. */
export type AuditedCommit = (
  grant: Grant,
  what: Audited | readonly Audited[],
  statements: readonly Statement[],
) => Promise<Result<void, 'conflict'>>

/** Tells the journal what has become durable. */
export type Tell = (
  fact: FactOf<'device-created' | 'device-changed' | 'device-deleted' | 'module-created' | 'module-changed' | 'module-deleted'>,
) => void

/** What may have become of a device or module so that its live sessions must end. */
export type DeviceChange = 'disabled' | 'deleted' | 'credential'

/** Ends the live sessions of an identity, a device or a module, after a change and reports how many. */
export type DeviceChanged = (identity: DeviceId, change: DeviceChange) => Promise<CloseReceipt>
