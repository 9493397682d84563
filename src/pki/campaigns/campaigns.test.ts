import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { systemGrant } from '#access'
import { systemRandom } from '#base'
import { FakeClock } from '../../../test/fake-clock.ts'
import { codeOf, dersOf, device, mayIssue, openGround, openThrowawayPki, temporaryDirectory, value } from '../../../test/throwaway-pki.ts'
import { type CampaignFact, type Campaigns, type FleetMember, type Pki, type ServerCertificate, openCampaigns } from '../index.ts'

const may = systemGrant('pki.administer', 'hub')
const mayRead = systemGrant('pki.read', 'hub')

/** Whether a client that trusts `ca` alone, and asks for `name`, takes what is served. */
async function trusts(served: ServerCertificate, ca: string, name: string): Promise<boolean> {
  const server = createServer({ cert: served.certificatePem, key: served.keyPem.use((key) => key.toString('utf8')) })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', servername: name, ca })
  const taken = await new Promise<boolean>((resolve) => {
    socket.once('secureConnect', () => resolve(socket.authorized))
    socket.once('error', () => resolve(false))
  })
  socket.destroy()
  await new Promise((resolve) => server.close(resolve))
  return taken
}

async function setUp(ids: readonly string[] = ['pump-1', 'pump-2']) {
  const directory = await temporaryDirectory()
  const fleet: FleetMember[] = ids.map((id) => ({ id, isIssued: true, group: id === 'pump-1' ? 'north' : 'south' }))
  const facts: CampaignFact[] = []
  const distributed: string[] = []
  const open = async (): Promise<AsyncDisposable & { pki: Pki; campaigns: Campaigns; now: () => ReturnType<typeof clockNow> }> => {
    const ground = await openGround(directory.path, new FakeClock(Date.now()))
    const pki = await openThrowawayPki(ground.ports)
    const clockNow = () => ground.clock.now()
    const campaigns = await openCampaigns({
      store: ground.ports.store,
      commit: ground.ports.commit,
      clock: ground.clock,
      random: systemRandom,
      pki,
      fleet: () => fleet,
      distribute: async ({ version }) => void distributed.push(version),
      tell: (fact) => void facts.push(fact),
      trouble: (_what, error) => assert.fail(String(error)),
    })
    return {
      pki,
      campaigns,
      now: clockNow,
      async [Symbol.asyncDispose]() {
        await pki[Symbol.asyncDispose]()
        await ground[Symbol.asyncDispose]()
      },
    }
  }
  return { fleet, facts, distributed, open, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() }
}

const issue = async (pki: Pki, id: string) =>
  dersOf(value(await pki.issueDevice(mayIssue, { deviceId: device(id), generate: true })).certificatePem)

test('a fleet moves from root to root: at no step does a client of the old root fail, and only clients of the new one pass the probe', async () => {
  await using scene = await setUp()
  let old = ''
  let fresh = ''
  {
    await using hub = await scene.open()
    const { pki, campaigns, now } = hub
    old = pki.rootPem
    const before = await issue(pki, 'pump-1')
    assert.equal(pki.probeCertificate(), undefined)
    assert.equal(codeOf(campaigns.status(mayRead)), 'pki/no-campaign')
    assert.deepEqual([campaigns.plan(mayRead).devices, campaigns.plan(mayRead).isBridged], [2, true])

    value(await campaigns.start(may))
    assert.equal(codeOf(await campaigns.start(may)), 'pki/campaign-open')
    assert.equal(pki.trustBundle().roots.length, 2)
    fresh = pki.trustBundle().pem.replace(old, '')
    const probe = pki.probeCertificate()
    assert(probe)
    assert.deepEqual([await trusts(probe, fresh, 'probe.hub.example'), await trusts(probe, old, 'probe.hub.example')], [true, false])
    assert.equal(await trusts(pki.serverCertificate(), old, 'hub.example'), true, 'the old root is still the one')
    assert.equal(pki.rootPem, old + fresh)
    assert.equal(await campaigns.proven('pump-1', 'f1'), true)

    const cut = value(await campaigns.cutOver(may))
    assert.deepEqual([cut.proven, cut.devices, cut.laggards], [1, 2, ['pump-1', 'pump-2']])
    assert.equal(pki.rootPem, fresh + old)
    const served = pki.serverCertificate()
    assert.deepEqual([await trusts(served, old, 'hub.example'), await trusts(served, fresh, 'hub.example')], [true, true], 'by the bridge')
    assert.equal(codeOf(pki.verifyDeviceChain(before, now())), 'accepted', 'certificates under the old root stay good')
    assert.equal(codeOf(await campaigns.rollback(may)), 'pki/campaign-stage')
    assert.equal(codeOf(await campaigns.retire(may)), 'pki/campaign-unproven')
  }
  await using hub = await scene.open()
  const { pki, campaigns, now } = hub
  assert.equal(pki.rootPem, fresh + old, 'after a restart')
  assert.equal(value(campaigns.status(mayRead)).proven, 1)
  assert.equal(codeOf(await campaigns.retire(may, [{ device: 'pump-2', reason: 'scrapped' }])), 'pki/campaign-unmoved')
  const renewed = await issue(pki, 'pump-1')
  const leaf = value(pki.verifyDeviceChain(renewed, now()))
  campaigns.seen(leaf)
  campaigns.seen(leaf)
  await new Promise((resolve) => setImmediate(resolve))
  const progress = value(campaigns.status(mayRead))
  assert.deepEqual(progress.groups, [
    { group: 'north', devices: 1, proven: 1, moved: 1 },
    { group: 'south', devices: 1, proven: 0, moved: 0 },
  ])
  const done = value(await campaigns.retire(may, [{ device: 'pump-2', reason: 'scrapped' }]))
  assert.deepEqual([done.campaign.stage, done.campaign.excepted], ['retired', [{ device: 'pump-2', reason: 'scrapped' }]])
  assert.equal(pki.trustBundle().pem, fresh)
  assert.deepEqual(
    [await trusts(pki.serverCertificate(), fresh, 'hub.example'), await trusts(pki.serverCertificate(), old, 'hub.example')],
    [true, false],
  )
  assert.equal(pki.probeCertificate(), undefined)
  assert.equal(codeOf(pki.verifyDeviceChain(renewed, now())), 'accepted')
  assert.deepEqual(
    scene.facts.map(({ kind }) => kind),
    ['campaign-started', 'trust-proven', 'campaign-cut-over', 'campaign-ended'],
  )
})

test('what was published can be taken back before the cut-over, and another campaign begun', async () => {
  await using scene = await setUp()
  await using hub = await scene.open()
  const { pki, campaigns } = hub
  const { version } = pki.trustBundle()
  value(await campaigns.start(may))
  assert.equal(await campaigns.proven('pump-1', 'f1'), true)
  const back = value(await campaigns.rollback(may))
  assert.equal(back.campaign.stage, 'rolled-back')
  assert.deepEqual([pki.trustBundle().version, pki.probeCertificate()], [version, undefined])
  assert.equal(await campaigns.proven('pump-1', 'f1'), false)
  const again = value(await campaigns.start(may))
  assert.deepEqual([again.proven, again.campaign.newRoot === back.campaign.newRoot], [0, false], 'proof of one root is none of another')
})

test('a campaign is held by hand, and by probes that fail; nothing goes on until it is resumed', async () => {
  await using scene = await setUp()
  await using hub = await scene.open()
  const { campaigns } = hub
  value(await campaigns.start(may, { failureLimit: 2 }))
  value(await campaigns.hold(may, 'harvest'))
  assert.equal(codeOf(await campaigns.cutOver(may)), 'pki/campaign-held')
  value(await campaigns.resume(may))
  campaigns.probeFailed()
  campaigns.probeFailed()
  assert.equal(codeOf(await campaigns.cutOver(may)), 'pki/campaign-held')
  assert.deepEqual(value(campaigns.status(mayRead)).campaign.held, { by: 'failures', reason: '2 probes failed' })
  value(await campaigns.resume(may))
  assert.equal(value(await campaigns.cutOver(may)).campaign.stage, 'cut-over')
})

test('a device that was deleted has shown nothing when another takes its name', async () => {
  await using scene = await setUp()
  await using hub = await scene.open()
  value(await hub.campaigns.start(may))
  await hub.campaigns.proven('pump-1', 'f1')
  hub.campaigns.forget('pump-1')
  assert.equal(value(hub.campaigns.status(mayRead)).proven, 0)
})
