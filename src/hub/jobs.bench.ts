import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemGrant } from '#access'
import { openJobHub } from '../../test/job-writer.ts'
import { identity } from '../../test/device-rows.ts'

/** How long a job takes that updates 10,000 twins, durable and audited, without a throttle: `node src/hub/jobs.bench.ts [devices]`. */
const count = Number(process.argv[2] ?? 10_000)
const directory = await mkdtemp(join(tmpdir(), 'thingwall-bench-'))
try {
  const { hub, trouble, close } = await openJobHub(directory, 100_000)
  const specs = Array.from({ length: count }, (_, n) => ({
    id: identity(`d${n}`),
    authentication: { type: 'certificateAuthority' as const },
  }))
  await hub.devices.add(systemGrant('device.write', 'x'), specs)
  let longest = 0
  let last = performance.now()
  const ticking = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 1)
  const started = performance.now()
  const ended = new Promise<void>((resolve) => hub.jobs.watch('j', ({ endTime }) => endTime !== null && resolve()))
  const work = { type: 'scheduleUpdateTwin', patch: { desired: { interval: 30 } } } as const
  await hub.jobs.create({ job: systemGrant('job.write', 'x'), work: systemGrant('twin.write', 'x') }, { id: 'j', work, condition: '*' })
  await ended
  clearInterval(ticking)
  const seconds = (performance.now() - started) / 1_000
  console.log(
    `${count} twins in ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} a second; the loop waited ${longest.toFixed(0)} ms at most`,
    trouble,
  )
  await close()
} finally {
  await rm(directory, { recursive: true })
}
