import type { DeviceOutcome, JobRow } from './job-rows.ts'
import { deviceJobAgain, deviceJobEnded } from './job-rows.ts'
import { type RunPorts, deviceFact } from './job-run.ts'
import type { Counts } from './job-store.ts'

const pageDevices = 500

/**
 * Looks at the devices that were under way when the hub stopped. A twin update is done again, to the same end. Nobody knows whether a method ran, and
 * it is not called twice: the device fails with `hub/outcome-unknown`. Resolves to what the rows say then. Throws the store's Faults.
 */
export async function recoverDevices(
  ports: Pick<RunPorts, 'store' | 'rows' | 'clock' | 'tell'>,
  { job, startedAt }: JobRow,
): Promise<Counts> {
  const { store, rows, clock, tell } = ports
  for (;;) {
    const underWay = await rows.identities(job.id, 'running', pageDevices, '')
    if (underWay.length === 0) return await rows.counts(job.id)
    const at = clock.now()
    if (job.work.type === 'scheduleUpdateTwin') {
      await store.commit(underWay.map((identity) => deviceJobAgain(job.id, identity, at)))
      continue
    }
    const error = { code: 'hub/outcome-unknown', description: 'The hub stopped while the method was under way: it may have run.' }
    const outcomes = underWay.map((identity): DeviceOutcome => ({ identity, at, outcome: { ok: false, error } }))
    await store.commit(outcomes.map((outcome) => deviceJobEnded(job.id, outcome)))
    for (const outcome of outcomes) tell(deviceFact(job, startedAt ?? at, outcome))
  }
}
