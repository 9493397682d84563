import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Campaign, campaignStep as step } from '#pki'
import { SeededRandom } from '../seeded-random.ts'
import { CampaignWorld, type Machine, type Outcome, type WorldOptions } from './campaign-world.ts'

const fleet = { devices: 5_000, isBridged: true, lastDay: 600 } as const

function live(seed: number, options: WorldOptions, machine: Machine = step): Outcome {
  const random = new SeededRandom(seed)
  const chance = () => random.bytes(4).readUInt32LE(0) / 2 ** 32
  return new CampaignWorld(machine, chance, options).run()
}

for (const seed of [1, 0xca_57])
  test(`seed ${seed}: 5,000 devices, 3 % away for up to 400 days, clocks wrong, answers lost, restarts at every stage: nobody is dropped`, (t) => {
    const { campaign, days, dropped, restarts, refusals } = live(seed, fleet)
    t.diagnostic(`seed ${seed}: ${days} days, ${restarts} restarts, ${[...refusals].map(([code, n]) => `${code} ${n}`).join(', ')}`)
    assert.deepEqual(dropped, [])
    assert.equal(campaign.stage, 'retired')
    assert.deepEqual(campaign.excepted, [])
    assert.ok(days > 300, 'the last laggard was waited for')
  })

test('seed 7: whoever is cut off was named, and the receipt says so', (t) => {
  const { campaign, days, dropped } = live(7, { ...fleet, namesOn: 60 })
  t.diagnostic(`seed 7: ${days} days, ${campaign.excepted.length} left behind by name`)
  assert.deepEqual(dropped, [])
  assert.equal(campaign.stage, 'retired')
  assert.ok(campaign.excepted.length > 50)
})

test('seed 8: without a bridge the cut-over waits for everybody', (t) => {
  const { campaign, dropped, refusals } = live(8, { ...fleet, devices: 1_000, isBridged: false })
  t.diagnostic(`seed 8: ${[...refusals].map(([code, n]) => `${code} ${n}`).join(', ')}`)
  assert.deepEqual(dropped, [])
  assert.equal(campaign.stage, 'retired')
})

const broken: readonly (readonly [what: string, machine: Machine])[] = [
  [
    'retires while devices still sign in under the old root',
    (campaign, event, now) =>
      step(campaign, event.on === 'retire' ? { ...event, readiness: { ...event.readiness, unmoved: [] } } : event, now),
  ],
  [
    'cuts over without a bridge and without proof',
    (campaign, event, now) => step(campaign && ({ ...campaign, isBridged: true } satisfies Campaign), event, now),
  ],
]
for (const [what, machine] of broken)
  test(`the simulation sees a machine that ${what}`, () => {
    const { dropped } = live(9, { ...fleet, devices: 1_000, isBridged: !what.includes('bridge') }, machine)
    assert.ok(dropped.length > 0)
  })
