import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { idOf } from '../../test/domain-scene.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import { type Device, type DeviceStatus, capabilitiesOf } from './device.ts'
import { DeviceIndex } from './device-index.ts'

const device = (id: string, status: DeviceStatus = 'enabled'): Device => ({
  id: idOf(id),
  generationId: '1',
  etag: 'e',
  status,
  statusReason: null,
  statusUpdatedAt: null,
  authentication: { type: 'certificateAuthority' },
  capabilities: capabilitiesOf(false),
  deviceScope: null,
  parentScopes: [],
  createdAt: instant(0),
  updatedAt: instant(0),
})

test('pages and counts are those of a plain sorted list, whatever comes, changes and goes between', () => {
  const random = new SeededRandom(7)
  const below = (n: number) => random.bytes(4).readUInt32BE() % n
  const index = new DeviceIndex()
  const model = new Map<string, DeviceStatus>()
  for (let step = 0; step < 3_000; step++) {
    const id = `d${below(60)}`
    const act = below(10)
    if (act < 5) {
      const status = below(3) === 0 ? 'disabled' : 'enabled'
      index.put([device(id, status)])
      model.set(id, status)
    } else if (act < 8) {
      index.remove(idOf(id))
      model.delete(id)
    } else {
      const after = below(2) === 0 ? undefined : `d${below(60)}`
      const status = below(2) === 0 ? undefined : 'disabled'
      const limit = 1 + below(20)
      const all = [...model]
        .filter(([, one]) => status === undefined || one === status)
        .map(([one]) => one)
        .sort()
      const rest = all.filter((one) => after === undefined || one > after)
      const page = index.list({ after, status, limit })
      const wanted = rest.slice(0, limit)
      assert.deepEqual(
        page.devices.map((one) => one.id),
        wanted,
      )
      assert.deepEqual([page.total, page.next], [all.length, rest.length > limit ? wanted.at(-1) : null])
    }
  }
  const disabled = [...model.values()].filter((status) => status === 'disabled').length
  assert.deepEqual(index.statistics, { total: model.size, enabled: model.size - disabled, disabled })
})

test('100,000 devices come one by one, and are paged through, without a sort for each', () => {
  const started = process.cpuUsage()
  const index = new DeviceIndex()
  for (let i = 0; i < 100_000; i++) index.put([device(`device-${(i * 7919) % 100_000}`)])
  let pages = 0
  for (let after: string | undefined; ;) {
    const page = index.list({ after, limit: 500 })
    pages++
    if (page.next === null) break
    after = page.next
  }
  for (let i = 0; i < 100_000; i++) index.remove(idOf(`device-${i}`))
  assert.equal(index.list({ limit: 5 }).total, 0)
  const { user, system } = process.cpuUsage(started)
  assert.equal(pages, 200)
  // Processor time, and ten times what it takes: a busy machine does not fail a test about the order of magnitude.
  assert.ok(user + system < 5_000_000, `took ${(user + system) / 1000} ms`)
})
