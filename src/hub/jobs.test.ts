import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { type DeviceId, type Refusal, type Result, instant } from '#base'
import { idOf, openDomainScene, registryGrants } from '../../test/domain-scene.ts'
import { deviceJobToAzureJson, jobToAzureJson } from './job-json.ts'
import type { Job, JobGrants, JobSpec } from './job.ts'
import { type JobSettings, jobDefaults } from './jobs.ts'

const job = systemGrant('job.write', 'jobs')
const read = systemGrant('job.read', 'jobs')
const forTwins: JobGrants = { job, work: systemGrant('twin.write', 'jobs') }
const forMethods: JobGrants = { job, work: systemGrant('method.invoke', 'jobs') }
const patch = { type: 'scheduleUpdateTwin', patch: { desired: { interval: 5 } } } as const
const call = { type: 'scheduleDeviceMethod', call: { name: 'reboot' } } as const

type Scene = Awaited<ReturnType<typeof openScene>>

async function openScene(devices: number, settings: Partial<JobSettings> = {}) {
  const scene = await openDomainScene({ jobs: { ...jobDefaults, ...settings } })
  const specs = Array.from({ length: devices }, (_, i) => ({ id: device(i), authentication: { type: 'certificateAuthority' } as const }))
  if (devices > 0) value(await scene.hub.devices.add(registryGrants.write, specs))
  return scene
}

const device = (i: number): DeviceId => idOf(`d-${String(i).padStart(5, '0')}`)

function value<T>(result: Result<T>): T {
  assert(result.ok, result.ok ? '' : `${result.error.code} ${result.error.message}`)
  return result.value
}

function refusal(result: Result<unknown>): Refusal {
  assert(!result.ok)
  return result.error
}

/** Lets what is under way go on, without time passing. */
async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function pass(scene: Scene, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    scene.clock.advance(100)
    await settle()
  }
}

async function until(scene: Scene, id: string, status: Job['status'], turns = 200): Promise<Job> {
  for (let turn = 0; turn < turns; turn++) {
    const found = value(await scene.hub.jobs.find(read, id))
    if (found.status === status && (found.endTime !== null || status === 'running' || status === 'queued' || status === 'scheduled'))
      return found
    await pass(scene, 100)
  }
  return assert.fail(`${id} did not become ${status}: ${JSON.stringify(value(await scene.hub.jobs.find(read, id)))}`)
}

/** A device that answers methods, and what it was asked. */
function answering(scene: Scene, identity: DeviceId, status: number): string[] {
  const asked: string[] = []
  const link = scene.hub.methods.attach(identity, {
    call(rid, name) {
      asked.push(name)
      queueMicrotask(() => link.answer(rid, status, Buffer.from('{"done":true}')))
    },
  })
  return asked
}

test('a job updates the twins that its condition finds, and says how far it is [azure-wire 5.7]', async () => {
  await using scene = await openScene(25)
  const { jobs, twins } = scene.hub
  for (let i = 0; i < 20; i++) value(await twins.patch(forTwinsGrant, device(i), { tags: { site: 'north' } }))
  const seen: number[] = []
  jobs.watch('j1', ({ progress }) => seen.push(progress.percent))
  const made = value(await jobs.create(forTwins, { id: 'j1', work: patch, condition: "tags.site = 'north'" }))
  assert.equal(made.status, 'queued')
  const done = await until(scene, 'j1', 'completed')
  assert.deepEqual(done.progress, {
    deviceCount: 20,
    pendingCount: 0,
    runningCount: 0,
    succeededCount: 20,
    failedCount: 0,
    canceledCount: 0,
    percent: 100,
  })
  assert.deepEqual((await twins.get(device(3)))?.desired.properties, { interval: 5 })
  assert.deepEqual((await twins.get(device(22)))?.desired.properties, {})
  const [change] = (await twins.history(systemGrant('twin.read', 'x'), device(3), 1)).changes
  assert.deepEqual(change?.cause, { kind: 'job', id: 'j1' })
  assert.equal(seen.at(-1), 100)
  assert.partialDeepStrictEqual(jobToAzureJson(done), {
    jobId: 'j1',
    status: 'completed',
    deviceJobStatistics: { deviceCount: 20, succeededCount: 20 },
  })
})

const forTwinsGrant = systemGrant('twin.write', 'x')

test('a job calls a method on each device; one that is offline fails, any answer completes [azure-wire 5.7]', async () => {
  await using scene = await openScene(3)
  const asked = answering(scene, device(0), 200)
  answering(scene, device(1), 500)
  value(await scene.hub.jobs.create(forMethods, { id: 'm', work: call, condition: '*' }))
  const done = await until(scene, 'm', 'completed')
  assert.equal(done.progress.succeededCount, 2)
  assert.equal(done.progress.failedCount, 1)
  assert.deepEqual(asked, ['reboot'])
  const { devices } = value(await scene.hub.jobs.devices(read, 'm', { limit: 10 }))
  assert.deepEqual(
    devices.map(({ identity, status, answer, error }) => [identity, status, answer?.status, error?.code]),
    [
      [device(0), 'completed', 200, undefined],
      [device(1), 'completed', 500, undefined],
      [device(2), 'failed', undefined, 'hub/device-offline'],
    ],
  )
  const page = value(
    await scene.hub.queries.run(systemGrant('twin.read', 'x'), {
      text: "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'm' AND status = 'completed'",
    }),
  )
  assert.equal(page.itemType, 'DeviceJob')
  assert.deepEqual(page.items, devices.slice(0, 2).map(deviceJobToAzureJson))
  assert.partialDeepStrictEqual(page.items[0], {
    deviceId: device(0),
    outcome: { deviceMethodResponse: { status: 200, payload: { done: true } } },
  })
  const error = value(
    await scene.hub.queries.run(systemGrant('twin.read', 'x'), {
      text: "SELECT * FROM devices.jobs WHERE error.code = 'hub/device-offline'",
    }),
  )
  assert.equal(error.items.length, 1)
})

test('a job starts at its time, and not before', async () => {
  await using scene = await openScene(1)
  const startTime = instant(scene.clock.now() + 3 * 3_600_000)
  const made = value(await scene.hub.jobs.create(forTwins, { id: 'later', work: patch, condition: '*', startTime }))
  assert.equal(made.status, 'scheduled')
  for (let minutes = 0; minutes < 179; minutes++) {
    scene.clock.advance(60_000)
    await settle()
  }
  assert.equal(value(await scene.hub.jobs.find(read, 'later')).status, 'scheduled')
  scene.clock.advance(60_000)
  await settle()
  await until(scene, 'later', 'completed')
})

test('no more jobs run than may, and the others take their turn', async () => {
  await using scene = await openScene(2, { running: 2 })
  for (const id of ['a', 'b', 'c', 'd'])
    value(
      await scene.hub.jobs.create(forMethods, { id, work: { ...call, call: { name: 'x', connectTimeoutSeconds: 10 } }, condition: '*' }),
    )
  await settle()
  await pass(scene, 300)
  const statuses = async () => value(await scene.hub.jobs.list(read, {})).jobs.map(({ id, status }) => `${id} ${status}`)
  assert.deepEqual(await statuses(), ['d queued', 'c queued', 'b running', 'a running'])
  await pass(scene, 11_000)
  assert.deepEqual(await statuses(), ['d running', 'c running', 'b completed', 'a completed'])
  await pass(scene, 11_000)
  assert.deepEqual(await statuses(), ['d completed', 'c completed', 'b completed', 'a completed'])
})

test('jobs begin with no more devices in a second than the throttle allows', async () => {
  await using scene = await openScene(100, { devicesPerSecond: 20 })
  value(await scene.hub.jobs.create(forTwins, { id: 'slow', work: patch, condition: '*' }))
  await settle()
  await pass(scene, 2_000)
  const { progress } = value(await scene.hub.jobs.find(read, 'slow'))
  assert(progress.succeededCount + progress.runningCount <= 46, JSON.stringify(progress))
  assert(progress.succeededCount >= 30, JSON.stringify(progress))
  await until(scene, 'slow', 'completed')
})

test('a canceled job leaves what is under way alone and does not begin with the rest', async () => {
  await using scene = await openScene(50, { devicesPerSecond: 100 })
  value(
    await scene.hub.jobs.create(forMethods, { id: 'c', work: { ...call, call: { name: 'x', connectTimeoutSeconds: 5 } }, condition: '*' }),
  )
  await settle()
  await pass(scene, 300)
  const canceled = value(await scene.hub.jobs.cancel(job, 'c'))
  assert.equal(canceled.status, 'cancelled')
  assert.equal(refusal(await scene.hub.jobs.cancel(job, 'c')).code, 'hub/job-ended')
  await pass(scene, 6_000)
  const ended = value(await scene.hub.jobs.find(read, 'c'))
  assert.equal(ended.progress.deviceCount, 50)
  assert(ended.progress.canceledCount > 0)
  assert(ended.progress.failedCount > 0)
  assert.notEqual(ended.endTime, null)
  const rest = value(await scene.hub.jobs.devices(read, 'c', { limit: 100, status: 'canceled' }))
  assert.equal(rest.devices.length, ended.progress.canceledCount)
})

test('a scheduled job is canceled before it does anything', async () => {
  await using scene = await openScene(1)
  value(await scene.hub.jobs.create(forTwins, { id: 's', work: patch, condition: '*', startTime: instant(scene.clock.now() + 60_000) }))
  assert.equal(value(await scene.hub.jobs.cancel(job, 's')).status, 'cancelled')
  scene.clock.advance(120_000)
  await settle()
  await pass(scene, 500)
  assert.deepEqual((await scene.hub.twins.get(device(0)))?.desired.properties, {})
  assert.equal(refusal(await scene.hub.jobs.cancel(job, 'unknown')).code, 'hub/job-not-found')
})

test('a job that runs longer than it may fails, and says why', async () => {
  await using scene = await openScene(40, { devicesPerSecond: 10 })
  value(await scene.hub.jobs.create(forTwins, { id: 'long', work: patch, condition: '*', maxExecutionSeconds: 1 }))
  await settle()
  const failed = await until(scene, 'long', 'failed')
  assert.match(failed.failureReason ?? '', /longer than it may/)
  assert(failed.progress.canceledCount > 0)
  assert.equal(failed.progress.deviceCount, 40)
})

const refused: readonly (readonly [string, Partial<JobSpec>, JobGrants, string])[] = [
  ['an id that is none', { id: 'a b' }, forTwins, 'hub/job-malformed'],
  ['no id', { id: '' }, forTwins, 'hub/job-malformed'],
  ['no time to run', { maxExecutionSeconds: 0 }, forTwins, 'hub/job-malformed'],
  ['a broken condition', { condition: 'tags.x =' }, forTwins, 'hub/query-malformed'],
  ['a condition over jobs', { condition: 'FROM devices.jobs' }, forTwins, 'hub/query-unsupported'],
  ['another permission', {}, forMethods, 'hub/job-grant'],
  [
    'a patch that no twin takes',
    { work: { type: 'scheduleUpdateTwin', patch: { desired: { 'a.b': 1 } } } },
    forTwins,
    'hub/twin-malformed',
  ],
  ['a patch of nothing', { work: { type: 'scheduleUpdateTwin', patch: {} } }, forTwins, 'hub/job-malformed'],
  ['a method without a name', { work: { type: 'scheduleDeviceMethod', call: { name: '' } } }, forMethods, 'hub/method-malformed'],
]
for (const [what, spec, grants, code] of refused)
  test(`refuses a job with ${what}`, async () => {
    await using scene = await openScene(0)
    assert.equal(refusal(await scene.hub.jobs.create(grants, { id: 'j', work: patch, condition: '*', ...spec })).code, code)
    assert.equal(refusal(await scene.hub.jobs.find(read, 'j')).code, 'hub/job-not-found')
  })

test('refuses a second job of one id, and more than may wait [azure-wire 5.7]', async () => {
  await using scene = await openScene(0, { unfinished: 2 })
  const startTime = instant(scene.clock.now() + 3_600_000)
  const spec = { id: 'a', work: patch, condition: '*', startTime }
  value(await scene.hub.jobs.create(forTwins, spec))
  assert.equal(refusal(await scene.hub.jobs.create(forTwins, spec)).code, 'hub/job-exists')
  value(await scene.hub.jobs.create(forTwins, { ...spec, id: 'b' }))
  assert.equal(refusal(await scene.hub.jobs.create(forTwins, { ...spec, id: 'c' })).code, 'hub/too-many-jobs')
})

test('jobs are listed newest first, in pages, by state and kind', async () => {
  await using scene = await openScene(0)
  for (const id of ['a', 'b', 'c'])
    value(await scene.hub.jobs.create(id === 'b' ? forMethods : forTwins, { id, work: id === 'b' ? call : patch, condition: '*' }))
  await pass(scene, 500)
  const ids = async (query: object) => value(await scene.hub.jobs.list(read, query)).jobs.map(({ id }) => id)
  assert.deepEqual(await ids({}), ['c', 'b', 'a'])
  assert.deepEqual(await ids({ type: 'scheduleUpdateTwin', status: 'completed' }), ['c', 'a'])
  assert.deepEqual(await ids({ status: 'running' }), [])
  const first = value(await scene.hub.jobs.list(read, { maxItems: 2 }))
  const second = value(await scene.hub.jobs.list(read, { maxItems: 2, continuation: first.continuation }))
  assert.deepEqual(
    second.jobs.map(({ id }) => id),
    ['a'],
  )
  assert.equal(second.continuation, undefined)
  assert.equal(
    refusal(await scene.hub.jobs.list(read, { type: 'scheduleUpdateTwin', continuation: first.continuation })).code,
    'hub/continuation-refused',
  )
})

test('a restart goes on with twins where it was, and does not call a method twice [azure-wire 5.7]', async () => {
  await using scene = await openScene(60, { devicesPerSecond: 100 })
  value(await scene.hub.jobs.create(forTwins, { id: 'twins', work: patch, condition: '*' }))
  const asked: string[] = []
  scene.hub.methods.attach(device(0), { call: (_rid, name) => void asked.push(name) })
  value(await scene.hub.jobs.create(forMethods, { id: 'methods', work: call, condition: "deviceId = 'd-00000'" }))
  value(await scene.hub.jobs.create(forTwins, { id: 'later', work: patch, condition: '*', startTime: instant(scene.clock.now() + 60_000) }))
  await settle()
  await pass(scene, 400)
  assert.deepEqual(asked, ['reboot'])
  await scene.reopen()
  const again = answering(scene, device(0), 200)
  await until(scene, 'twins', 'completed')
  const twins = value(await scene.hub.jobs.find(read, 'twins'))
  assert.equal(twins.progress.succeededCount, 60)
  for (let i = 0; i < 60; i++) assert.deepEqual((await scene.hub.twins.get(device(i)))?.desired.properties, { interval: 5 })
  const methods = await until(scene, 'methods', 'completed')
  assert.equal(methods.progress.failedCount, 1)
  assert.deepEqual(again, [])
  const { devices } = value(await scene.hub.jobs.devices(read, 'methods', { limit: 1 }))
  assert.equal(devices[0]?.error?.code, 'hub/outcome-unknown')
  scene.clock.advance(60_000)
  await settle()
  await until(scene, 'later', 'completed')
})

test('jobs are forgotten thirty days after their end [azure-wire 5.7]', async () => {
  await using scene = await openScene(2, { historyMs: 3_600_000 })
  value(await scene.hub.jobs.create(forTwins, { id: 'old', work: patch, condition: '*' }))
  await until(scene, 'old', 'completed')
  scene.clock.advance(2 * 3_600_000)
  await settle()
  scene.clock.advance(3_600_000)
  await settle()
  assert.equal(refusal(await scene.hub.jobs.find(read, 'old')).code, 'hub/job-not-found')
  assert.deepEqual(await scene.store.query('SELECT * FROM device_jobs'), [])
})
