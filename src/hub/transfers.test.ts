import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { type Instant, instant, plus } from '#base'
import { FakeClock } from '../../test/fake-clock.ts'
import { idOf, importsTold, openDomainScene, registryGrants } from '../../test/domain-scene.ts'
import { canonical } from './transfer-compare.ts'
import type { ImportEntry, ImportProblem, ImportSource, Transfer } from './transfer.ts'

const read = {
  devices: registryGrants.read,
  twins: systemGrant('twin.read', 'twins'),
  configurations: systemGrant('configuration.read', 'configurations'),
}
const to = {
  write: registryGrants.write,
  erase: registryGrants.erase,
  twins: systemGrant('twin.write', 'twins'),
  configurations: systemGrant('configuration.write', 'configurations'),
}
const { signal } = new AbortController()
const key = (byte: number) => Buffer.alloc(32, byte).toString('base64')
const keys = { primaryKey: key(1), secondaryKey: key(2) }
const pinned = { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'ab'.repeat(32), secondaryThumbprint: null } }
const old: Instant = instant(1)

type Files = Readonly<Partial<Record<ImportSource, readonly unknown[]>>>

/** Lines as IoT Hub writes them in an export: every way to prove oneself, IoT Edge with a child, modules, twins. */
const fleet: Files = {
  devices: [
    {
      id: 'leaf',
      eTag: 'MQ==',
      status: 'enabled',
      authentication: { type: 'certificateAuthority' },
      deviceScope: 'ms-azure-iot-edge://edge-6380',
      parentScopes: ['ms-azure-iot-edge://edge-6380'],
      tags: { ort: 'München 🌧' },
    },
    {
      id: 'edge',
      eTag: 'MQ==',
      status: 'enabled',
      authentication: { type: 'certificateAuthority' },
      capabilities: { iotEdge: true },
      deviceScope: 'ms-azure-iot-edge://edge-6380',
    },
    {
      id: 'edge',
      moduleId: '$edgeAgent',
      eTag: 'MQ==',
      managedBy: 'IotEdge',
      authentication: { type: 'none' },
      properties: { desired: { schemaVersion: '1.1' } },
    },
    {
      id: 'own',
      status: 'disabled',
      statusReason: 'sold',
      authentication: pinned,
      properties: {
        desired: { a: { b: 1 }, $version: 7, $metadata: { $lastUpdated: '2024-01-01T00:00:00Z' } },
        reported: { battery: 90, $version: 3 },
      },
    },
    { id: 'keyed', status: 'enabled', authentication: { type: 'sas', symmetricKey: keys }, tags: { site: 'a' } },
    { id: 'keyed', moduleId: 'm', managedBy: '', authentication: { type: 'sas', symmetricKey: keys } },
  ],
  configurations: [
    {
      id: 'c1',
      schemaVersion: '1.0',
      labels: { a: 'b' },
      content: { deviceContent: { 'properties.desired.interval': 5 } },
      targetCondition: "tags.site='none'",
      priority: 3,
      metrics: { results: {}, queries: {} },
    },
  ],
  enrollments: [
    { registrationId: 'one', attestation: { type: 'symmetricKey', symmetricKey: keys }, initialTwin: { tags: { a: 1 } }, etag: '"6a"' },
  ],
  enrollmentGroups: [
    { enrollmentGroupId: 'all', attestation: { type: 'x509', x509: { caReferences: { primary: 'ca', secondary: null } } } },
  ],
}

async function stage(transfer: Transfer, files: Files): Promise<string> {
  const begun = await transfer.begin(to.write)
  assert.ok(begun.ok)
  for (const source of ['devices', 'configurations', 'enrollments', 'enrollmentGroups'] as const) {
    const lines = (files[source] ?? []).map((one, at) => ({ line: at + 1, text: typeof one === 'string' ? one : JSON.stringify(one) }))
    const taken = await transfer.take(to.write, begun.value.id, source, lines)
    assert.ok(taken.ok)
  }
  return begun.value.id
}

async function plan(transfer: Transfer, id: string) {
  const entries: ImportEntry[] = []
  const done = await transfer.plan(read, id, async (some) => void entries.push(...some), signal)
  assert.ok(done.ok)
  const said = Object.fromEntries(entries.map((entry) => [entry.id, entry.problem?.code ?? entry.action]))
  return { entries, said, ...done.value }
}

async function move(transfer: Transfer, files: Files) {
  const id = await stage(transfer, files)
  const planned = await plan(transfer, id)
  const problems: ImportProblem[] = []
  const done = await transfer.apply({ ...read, to }, id, planned.digest, async (step) => void problems.push(...step.problems), signal)
  assert.ok(done.ok, done.ok ? '' : done.error.code)
  return { planned, problems, import: done.value }
}

async function exported(transfer: Transfer, withKeys = false) {
  const lines: Record<string, unknown[]> = {}
  for await (const some of transfer.export(read, withKeys ? to.write : undefined))
    for (const { file, value } of some) (lines[file] ??= []).push(value)
  return lines
}

const allowed = () => openDomainScene({ sasUntil: plus(new FakeClock().now(), 1_000_000) })
const off = () => openDomainScene({ sasUntil: old })

test('an export of IoT Hub becomes devices, modules, twins, configurations and kept enrollments; again it is all there [azure-wire 5.3, 7.3]', async () => {
  await using scene = await allowed()
  const { transfer, devices, modules, twins } = scene.hub
  const first = await move(transfer, fleet)
  assert.deepEqual(first.problems, [])
  assert.deepEqual(first.planned.counts, { create: 9, update: 0, delete: 0, same: 0, refused: 0 })
  assert.deepEqual([first.import.status, first.import.done, first.import.failed], ['completed', 9, 0])
  assert.equal(devices.find('own')?.statusReason, 'sold')
  assert.equal(devices.find('leaf')?.deviceScope, devices.find('edge')?.deviceScope)
  assert.notEqual(devices.find('edge')?.deviceScope, 'ms-azure-iot-edge://edge-6380')
  assert.equal(modules.find('edge/$edgeAgent')?.managedBy, 'IotEdge')
  const twin = await twins.get(idOf('own'))
  assert.deepEqual([twin?.desired.properties, twin?.reported.properties], [{ a: { b: 1 } }, { battery: 90 }])
  assert.deepEqual((await twins.get(idOf('leaf')))?.tags, { ort: 'München 🌧' })
  assert.equal(
    devices.sharedKeys(idOf('keyed'))?.primary.use((bytes) => bytes.toString('base64')),
    keys.primaryKey,
  )
  assert.deepEqual(await importsTold(scene), [
    ['started', 'system:hub', 9],
    ['completed', 9, 0],
  ])
  const again = await plan(transfer, await stage(transfer, fleet))
  assert.deepEqual(again.counts, { create: 0, update: 0, delete: 0, same: 9, refused: 0 })
})

test('a plan says what differs, field by field, shows no key, and does nothing', async () => {
  await using scene = await allowed()
  const { transfer, devices } = scene.hub
  await move(transfer, fleet)
  const { entries } = await plan(
    transfer,
    await stage(transfer, {
      devices: [
        {
          id: 'keyed',
          status: 'disabled',
          authentication: { type: 'sas', symmetricKey: { ...keys, primaryKey: key(9) } },
          tags: { site: 'b' },
        },
        { id: 'own', properties: { desired: { a: { b: 2 } } } },
        { id: 'leaf', importMode: 'delete' },
      ],
    }),
  )
  const differences = (id: string) =>
    entries.find((entry) => entry.id === id)?.differences.map(({ field, here, there }) => [field, here, there])
  assert.deepEqual(differences('keyed'), [
    ['status', 'enabled', 'disabled'],
    ['authentication.symmetricKey.primaryKey', 'another key', 'the given key'],
    ['tags.site', 'a', 'b'],
  ])
  assert.deepEqual(differences('own'), [['properties.desired.a.b', 1, 2]])
  assert.equal(JSON.stringify(entries).includes(key(9)), false)
  assert.equal(devices.find('keyed')?.status, 'enabled')
  assert.ok(devices.find('leaf'))
})

test('while shared keys are off, who has some arrives disabled, and a later import finds it as it is', async () => {
  await using scene = await off()
  const { transfer, devices } = scene.hub
  const { planned, problems } = await move(transfer, fleet)
  assert.deepEqual(problems, [])
  assert.match(planned.entries.find(({ id }) => id === 'keyed')?.notices[0] ?? '', /authentication\.sas\.allowedUntil/)
  assert.equal(devices.find('keyed')?.status, 'disabled')
  assert.equal(devices.find('leaf')?.status, 'enabled')
  assert.equal(
    devices.sharedKeys(idOf('keyed'))?.secondary.use((bytes) => bytes.toString('base64')),
    keys.secondaryKey,
  )
  assert.equal((await plan(transfer, await stage(transfer, fleet))).counts.same, 9)
  const other = { id: 'keyed', authentication: { type: 'sas', symmetricKey: { ...keys, primaryKey: key(9) } } }
  const certified = { id: 'leaf', authentication: { type: 'sas', symmetricKey: keys } }
  const { said } = await plan(transfer, await stage(transfer, { devices: [other, certified] }))
  assert.deepEqual(said, { keyed: 'hub/sas-off', leaf: 'hub/sas-off' })
})

test('children of IoT Edge devices that come before their parents have the scopes of their parents here', async () => {
  await using scene = await off()
  const { transfer, devices } = scene.hub
  const edge = (id: string, parentScopes: readonly string[]) => ({
    id,
    authentication: { type: 'certificateAuthority' },
    capabilities: { iotEdge: true },
    deviceScope: `ms-azure-iot-edge://${id}-1`,
    parentScopes,
  })
  const files = { devices: [edge('lower', ['ms-azure-iot-edge://upper-1']), edge('upper', [])] }
  assert.deepEqual((await move(transfer, files)).problems, [])
  assert.deepEqual(devices.find('lower')?.parentScopes, [devices.find('upper')?.deviceScope])
  assert.equal((await plan(transfer, await stage(transfer, files))).counts.same, 2)
})

test('lines that cannot be are refused by themselves, each with its reason, and the others are done', async () => {
  await using scene = await off()
  const deep = `{"id":"deep","tags":${'{"a":'.repeat(40)}1${'}'.repeat(41)}`
  const hostile = {
    devices: [
      '{"id":"cut',
      deep,
      '{"id":"proto","tags":{"__proto__":{"a":1}}}',
      { id: 'long', tags: { a: 'x'.repeat(1024 * 1024) } },
      { id: '../../etc/passwd', authentication: { type: 'certificateAuthority' } },
      { id: 'sha1', authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'a'.repeat(40) } } },
      { id: 'thingwall-x', authentication: { type: 'certificateAuthority' } },
      {
        id: 'heavy',
        authentication: { type: 'certificateAuthority' },
        tags: { a: 'x'.repeat(4000), b: 'x'.repeat(4000), c: 'x'.repeat(4000) },
      },
      { id: 'twice', authentication: { type: 'certificateAuthority' } },
      { id: 'twice', authentication: { type: 'certificateAuthority' } },
      { id: 'nobody', moduleId: 'm', authentication: { type: 'none' } },
      { id: 'good', moduleId: 'keyed', authentication: { type: 'sas', symmetricKey: keys } },
      { id: 'key', authentication: { type: 'sas', symmetricKey: { primaryKey: 'no', secondaryKey: 'no' } } },
      { id: 'good', authentication: { type: 'certificateAuthority' } },
      'null',
      '[]',
    ],
    configurations: [{ id: 'bad', content: {}, targetCondition: 'tags.', priority: 1 }, { id: '__proto__' }],
    enrollments: [
      { registrationId: '../x', attestation: { type: 'tpm' } },
      { registrationId: 'x', attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: 'no' } } } } },
    ],
  }
  const { planned, problems, import: done } = await move(scene.hub.transfer, hostile)
  assert.deepEqual(planned.counts, { create: 2, update: 0, delete: 0, same: 0, refused: 18 })
  assert.deepEqual([done.done, done.failed, problems.length], [20, 18, 18])
  assert.deepEqual(
    planned.entries
      .filter(({ source, problem }) => source === 'devices' && problem !== null)
      .map(({ line, problem }) => `${line} ${problem?.code}`)
      .toSorted(),
    [
      '1 json/malformed',
      '10 hub/device-twice',
      '11 hub/device-not-found',
      '12 hub/sas-off',
      '13 hub/key-malformed',
      '15 hub/registry-malformed',
      '16 hub/registry-malformed',
      '2 json/too-deep',
      '3 json/forbidden-key',
      '4 json/too-large',
      '5 base/device-id-malformed',
      '6 hub/sha1-thumbprint',
      '7 hub/reserved-id',
      '8 hub/twin-too-large',
    ],
  )
  assert.deepEqual([...scene.hub.devices.all()].map(({ id }) => id).toSorted(), ['good', 'twice'])
})

test('apply does what was shown, or nothing: a plan that is not true any more is refused', async () => {
  await using scene = await off()
  const { transfer, devices } = scene.hub
  const id = await stage(transfer, { devices: [{ id: 'a', authentication: { type: 'certificateAuthority' } }] })
  const { digest } = await plan(transfer, id)
  const apply = async (of: string, said: string) => {
    const done = await transfer.apply({ ...read, to }, of, said, async () => undefined, signal)
    return done.ok ? done.value.status : done.error.code
  }
  assert.equal(await apply(id, 'f'.repeat(64)), 'hub/import-plan-differs')
  await devices.add(to.write, [{ id: idOf('a'), authentication: { type: 'certificateAuthority' } }])
  assert.equal(await apply(id, digest), 'hub/import-plan-differs')
  assert.equal(await apply(id, (await plan(transfer, id)).digest), 'completed')
  assert.equal(await apply(id, digest), 'hub/import-closed')
  assert.equal(await apply('0'.repeat(24), digest), 'hub/import-not-found')
})

test('an import that is broken off is interrupted; the same lines planned again are the rest', async () => {
  await using scene = await off()
  const files = {
    devices: Array.from({ length: 1200 }, (_, at) => ({ id: `d${at}`, authentication: { type: 'certificateAuthority' }, tags: { at } })),
  }
  const id = await stage(scene.hub.transfer, files)
  const { digest } = await plan(scene.hub.transfer, id)
  const stop = new AbortController()
  await assert.rejects(scene.hub.transfer.apply({ ...read, to }, id, digest, async () => stop.abort(), stop.signal))
  assert.deepEqual(
    (await scene.hub.transfer.list(read.devices)).map(({ status, done }) => [status, done]),
    [['interrupted', 500]],
  )
  await scene.store.commit([{ sql: "UPDATE imports SET status = 'running'", args: [] }])
  await scene.reopen()
  assert.deepEqual(
    (await importsTold(scene)).map(([what]) => what),
    ['started', 'interrupted', 'interrupted'],
    'a hub that died amid one says so',
  )
  const { planned } = await move(scene.hub.transfer, files)
  assert.deepEqual([planned.counts.same, planned.counts.create], [500, 700])
  assert.equal(scene.hub.devices.count, 1200)
})

test('what is exported makes the same hub: devices, modules, twins, configurations, enrollments and keys', async () => {
  await using scene = await allowed()
  await move(scene.hub.transfer, fleet)
  const out = await exported(scene.hub.transfer, true)
  assert.equal(JSON.stringify({ ...out, keys: [] }).includes(keys.primaryKey), false)
  assert.equal(out['keys']?.length, 3)
  await using other = await allowed()
  const { problems } = await move(other.hub.transfer, out)
  assert.deepEqual(problems, [])
  const back = await exported(other.hub.transfer)
  // What the hub itself says of a thing is its own: etags, generations in scopes, times, versions.
  const its = new Set(['eTag', 'twinETag', 'etag', 'createdTimeUtc', 'lastUpdatedTimeUtc', '$metadata', '$version'])
  const bare = (json: unknown) =>
    canonical(
      JSON.parse(JSON.stringify(json), (name, value: unknown) =>
        its.has(name) ? undefined : typeof value === 'string' ? value.replace(/edge-\d+$/, 'edge') : value,
      ),
    )
  for (const file of ['devices', 'configurations', 'enrollments', 'enrollmentGroups']) assert.equal(bare(back[file]), bare(out[file]), file)
})
