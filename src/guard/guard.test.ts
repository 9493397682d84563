import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { systemClock, systemRandom } from '#base'
import type { FactOf } from '#journal'
import { FakeClock } from '../../test/fake-clock.ts'
import { deviceCertificate, openWeakHub, weakPki } from '../../test/weak-hub.ts'
import { type Guard, type GuardConfig, guardDefaults, openGuard } from './guard.ts'
import { strictPolicy } from './policy.ts'
import type { GuardPorts } from './ports.ts'
import { reportJson } from './report.ts'

const mayCheck = systemGrant('check.run', 'hub')
const pki = weakPki(systemClock.now())
const config: GuardConfig = { ...guardDefaults, policy: strictPolicy, synthetic: false, firstRunMs: 1_000, periodMs: 60_000 }

type Stage = {
  readonly guard: Guard
  readonly clock: FakeClock
  readonly told: FactOf<'finding'>[]
  readonly troubles: string[]
  readonly drills: () => number
}

/** A guard over a small hub of the tests, at the real present (its certificates must be valid). */
async function onStage(change: (ports: GuardPorts) => Partial<GuardPorts>, work: (stage: Stage) => Promise<void>): Promise<void> {
  const clock = new FakeClock(systemClock.now())
  const told: FactOf<'finding'>[] = []
  const troubles: string[] = []
  let drills = 0
  const serials: string[] = []
  await using hub = await openWeakHub(pki)
  const directory = await mkdtemp(join(tmpdir(), 'thingwall-test-'))
  const ports: GuardPorts = {
    clock,
    random: systemRandom,
    listeners: () => [{ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port: hub.port }],
    advertisedNames: () => ['localhost'],
    serverCertificate: async () => ({ newest: null, manual: false, owner: null, lastDrillAt: null }),
    issuers: async () => [{ pem: pki.caPem, root: true, revoked: false, distrusted: false }],
    certificates: () => [],
    crl: async () => null,
    trust: async () => ({ bundleVersions: 1, devicesOnCurrent: null, devicesTwoBehind: 0 }),
    devices: () => [],
    connections: () => [],
    digest: () => '00',
    drill: {
      issue: async () => {
        drills++
        const identity = deviceCertificate(pki, 'drill', systemClock.now())
        serials.push(identity.serial)
        return identity
      },
      revoke: async () => serials.forEach((serial) => hub.revoke(serial)),
    },
    synthetic: { identity: () => Promise.reject(new Error('no synthetic device in this test')), watch: () => () => undefined },
    canary: {
      dataDirectory: directory,
      write: async () => {
        await writeFile(join(directory, 'file'), 'sealed')
        return '0123456789abcdef0123456789abcdef'
      },
    },
    keyLocation: async () => ({ kind: 'sealed', insideDataDirectory: false, mode: 0o600 }),
    portMappings: async () => [],
    health: async () => ({ store: 'ok', journal: 'ok', pendingShare: 0 }),
    alertRoutes: () => [],
    tell: (fact) => void told.push(fact),
    trouble: (what) => void troubles.push(what),
  }
  try {
    await using guard = await openGuard(config, { ...ports, ...change(ports) }, new AbortController().signal)
    await work({ guard, clock, told, troubles, drills: () => drills })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const quick = ['TW-NET-05', 'TW-DAR-01']

test('before the first run there is no report; afterwards it is judged anew whenever it is asked for', () =>
  onStage(
    () => ({}),
    async ({ guard, clock }) => {
      assert.equal(guard.last(), undefined)
      const said = await guard.run(mayCheck, quick)
      assert.ok(said.ok)
      assert.deepEqual(
        said.value.controls.map((control) => [control.control, control.verdict]),
        [
          ['TW-DAR-01', 'pass'],
          ['TW-NET-05', 'pass'],
        ],
      )
      const of = (id: string) => guard.last()?.controls.find((control) => control.control === id)
      assert.equal(of('TW-NET-05')?.verdict, 'pass')
      assert.equal(of('TW-CON-03')?.verdict, 'unknown', 'nobody has looked yet')
      clock.advance(50_000)
      assert.equal(of('TW-NET-05')?.verdict, 'pass')
    },
  ))

test('evidence that has grown too old makes the verdict unknown without anybody running anything [guard 0.2-2]', () =>
  onStage(
    () => ({}),
    async ({ guard, clock }) => {
      await guard.run(mayCheck, quick)
      clock.jump(clock.now() + 46 * 60_000)
      const control = guard.last()?.controls.find((one) => one.control === 'TW-NET-05')
      assert.equal(control?.verdict, 'unknown')
      assert.match(control.reason, /too old/)
    },
  ))

test('a control that does not exist is refused [guard/unknown-control]', () =>
  onStage(
    () => ({}),
    async ({ guard }) => {
      const said = await guard.run(mayCheck, ['TW-CON-99'])
      assert.ok(!said.ok)
      assert.equal(said.error.code, 'guard/unknown-control')
    },
  ))

test('runs wait for each other, and too many of them are refused [guard/busy]', () =>
  onStage(
    () => ({}),
    async ({ guard }) => {
      const runs = await Promise.all(Array.from({ length: 8 }, () => guard.run(mayCheck, ['TW-NET-05'])))
      assert.equal(runs.filter((run) => run.ok).length, 4)
      assert.ok(runs.every((run) => run.ok || run.error.code === 'guard/busy'))
      assert.ok((await guard.run(mayCheck, ['TW-NET-05'])).ok, 'later there is room again')
    },
  ))

test('a change of verdict is told once; a first pass is no news, a first fail is', () => {
  let routes: ReturnType<GuardPorts['alertRoutes']> = []
  let mappings: readonly string[] = []
  return onStage(
    () => ({ alertRoutes: () => routes, portMappings: async () => mappings }),
    async ({ guard, told }) => {
      await guard.run(mayCheck, ['TW-NET-05', 'TW-OBS-03'])
      assert.deepEqual(
        told.map((fact) => [fact.check, fact.status]),
        [['TW-OBS-03', 'fail']],
      )
      await guard.run(mayCheck, ['TW-NET-05', 'TW-OBS-03'])
      assert.equal(told.length, 1, 'nothing has changed')
      mappings = ['TCP 203.0.113.7:8883']
      routes = [{ kind: 'stderr', name: 'the log', acknowledgedAt: null }]
      await guard.run(mayCheck, ['TW-NET-05', 'TW-OBS-03'])
      assert.deepEqual(
        told.slice(1).map((fact) => [fact.check, fact.status]),
        [
          ['TW-NET-05', 'fail'],
          ['TW-OBS-03', 'unknown'],
        ],
      )
      assert.match(told[1]?.message ?? '', /203\.0\.113\.7/)
    },
  )
})

test('a finding remembers when it was first seen until it is gone', () => {
  let mappings: readonly string[] = ['TCP 203.0.113.7:8883']
  return onStage(
    () => ({ portMappings: async () => mappings }),
    async ({ guard, clock }) => {
      const finding = async () => {
        const said = await guard.run(mayCheck, ['TW-NET-05'])
        assert.ok(said.ok)
        return said.value.controls[0]?.findings[0]
      }
      const first = await finding()
      clock.advance(1)
      const again = await finding()
      assert.equal(again?.firstSeen, first?.firstSeen)
      assert.notEqual(again?.lastSeen, first?.lastSeen)
      mappings = []
      assert.equal(await finding(), undefined)
      mappings = ['TCP 203.0.113.7:8883']
      clock.advance(1)
      assert.notEqual((await finding())?.firstSeen, first?.firstSeen)
    },
  )
})

test('a port that fails is unknown with its reason, and is reported as trouble', () =>
  onStage(
    () => ({ keyLocation: () => Promise.reject(new Error('the key file is gone')) }),
    async ({ guard, troubles }) => {
      const said = await guard.run(mayCheck, ['TW-DAR-01'])
      assert.ok(said.ok)
      assert.equal(said.value.controls[0]?.verdict, 'unknown')
      assert.match(said.value.controls[0].reason, /failed: the key file is gone/)
      assert.deepEqual(troubles, ['check key-location'])
    },
  ))

test('a port that never answers costs the run its limit and no more', () =>
  onStage(
    () => ({ keyLocation: () => new Promise(() => undefined) }),
    async ({ guard, clock }) => {
      const run = guard.run(mayCheck, ['TW-DAR-01'])
      const settled = new Set<unknown>()
      void run.then(() => settled.add(run))
      // The other collectors work on real sockets and files: let them, then let the limit pass.
      while (!settled.has(run)) {
        await new Promise((resolve) => setImmediate(resolve))
        clock.advance(10)
      }
      const said = await run
      assert.ok(said.ok)
      assert.equal(said.value.controls[0]?.verdict, 'unknown')
      assert.match(said.value.controls[0].reason, /timed out/)
    },
  ))

test('the schedule runs by itself and drills once a day; a run that is asked for always drills', () =>
  onStage(
    () => ({}),
    async ({ guard, clock, drills }) => {
      clock.advance(1_000)
      await guard.run(mayCheck, ['TW-NET-05'])
      assert.ok(guard.last() !== undefined)
      assert.equal(drills(), 1, 'the first scheduled run')
      clock.advance(60_000)
      await guard.run(mayCheck, ['TW-NET-05'])
      assert.equal(drills(), 1, 'the second run of the day')
      await guard.run(mayCheck, ['TW-PKI-01'])
      assert.equal(drills(), 2, 'somebody asked')
    },
  ))

test('the report in JSON has times in RFC 3339 and names the control of each piece of evidence', () =>
  onStage(
    () => ({}),
    async ({ guard }) => {
      const said = await guard.run(mayCheck, ['TW-NET-05'])
      assert.ok(said.ok)
      const text = JSON.stringify(reportJson(said.value))
      const read: unknown = JSON.parse(text)
      assert.match(text, /"ranAt":"\d{4}-\d\d-\d\dT/)
      assert.match(text, /"collectedAt":"\d{4}-\d\d-\d\dT/)
      assert.match(text, /"control":"TW-NET-05"/)
      assert.ok(typeof read === 'object' && read !== null)
    },
  ))
