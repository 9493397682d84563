import type { DeviceId, Grant } from '#base'
import type { CloseReceipt, CloseReason } from '#bus'
import type { ControlPorts } from './ports.ts'

/** Who acted, as facts of the journal name them: `operator:owner`. */
export function actorOf({ actor }: Grant): string {
  return `${actor.kind}:${actor.id}`
}

/** Writes a receipt for ended sessions into the audit log and the journal: promises are kept where they can be shown. */
export async function keepReceipt(
  ports: Pick<ControlPorts, 'audit' | 'clock' | 'tell'>,
  grant: Grant,
  device: DeviceId,
  reason: CloseReason,
  receipt: CloseReceipt,
): Promise<void> {
  const { closed, of, elapsedMs } = receipt
  ports.tell({
    kind: 'session-closed',
    time: ports.clock.now(),
    device,
    actor: actorOf(grant),
    reason,
    sessions: of,
    closed,
    durationMs: elapsedMs,
  })
  await ports.audit.append(grant, { action: 'session.close', resource: `device:${device}`, detail: { reason, closed, of, elapsedMs } })
}
