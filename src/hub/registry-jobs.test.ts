import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { idOf, importsTold, openDomainScene, registryGrants, registryJobPermits } from '../../test/domain-scene.ts'
import type { NewContainer } from './containers.ts'
import type { JsonObject } from './device-authentication-json.ts'

const grants = { read: registryGrants.read, write: registryGrants.write, remove: registryGrants.erase }

function idOfJob({ jobId }: JsonObject): string {
  assert.ok(typeof jobId === 'string')
  return jobId
}

async function scene() {
  const whole = await openDomainScene({ sasUntil: instant(Date.UTC(2100, 0, 1)) })
  const { hub } = whole
  const made = await hub.containers.make(registryGrants.write, 2)
  assert.ok(made.ok)
  const place = made.value
  const opened = async (of: NewContainer = place, change: (query: URLSearchParams) => void = () => undefined, name = of.name) => {
    const query = new URLSearchParams(of.sasToken)
    change(query)
    return await hub.containers.open(name, query)
  }
  const uri = `https://hub.example/${place.name}${place.sasToken}`
  /** Asks for a job and waits for its end. */
  const run = async (request: JsonObject): Promise<JsonObject> => {
    const begun = await hub.registryJobs.create(grants, { inputBlobContainerUri: uri, outputBlobContainerUri: uri, ...request })
    assert.ok(begun.ok, begun.ok ? '' : begun.error.message)
    const id = idOfJob(begun.value)
    for (;;) {
      const job = await hub.registryJobs.find(grants.read, id)
      if (job !== undefined && job['status'] !== 'running') return job
      await new Promise<void>((resolve) => void setImmediate(resolve))
    }
  }
  const blob = async (name: string) => {
    const container = await opened()
    assert.ok(container.ok)
    return (await container.value.get(name))?.body.toString()
  }
  const put = async (name: string, text: string) => {
    const container = await opened()
    assert.ok(container.ok)
    assert.ok((await container.value.put(name, Buffer.from(text), 'text/plain')).ok)
  }
  return { ...whole, place, opened, run, blob, put, uri }
}

test('what is exported is imported again elsewhere [azure-wire 5.8]', async () => {
  await using here = await scene()
  const pinned = { type: 'selfSigned', primaryThumbprint: 'ab'.repeat(32), secondaryThumbprint: null } as const
  assert.ok(
    (
      await here.hub.devices.add(grants.write, [
        { id: idOf('own'), authentication: pinned },
        { id: idOf('ca'), authentication: { type: 'certificateAuthority' } },
      ])
    ).ok,
  )
  assert.ok((await here.hub.twins.patch(registryJobPermits.writeTwins, idOf('ca'), { tags: { site: 'n' }, desired: { rate: 1 } })).ok)
  const job = await here.run({ type: 'export', excludeKeysInExport: true })
  assert.deepEqual([job['status'], job['progress'], job['excludeKeysInExport'], job['failureReason']], ['completed', 100, true, null])
  const lines = (await here.blob('devices.txt')) ?? assert.fail('nothing was written')
  await using there = await scene()
  await there.put('devices.txt', lines)
  assert.equal((await there.run({ type: 'import' }))['status'], 'completed')
  assert.equal(await there.blob('importErrors.log'), '')
  assert.deepEqual(
    (await importsTold(there)).map(([what]) => what),
    ['started', 'completed'],
  )
  assert.deepEqual(there.hub.devices.find('own')?.authentication, here.hub.devices.find('own')?.authentication)
  assert.deepEqual((await there.hub.twins.get(idOf('ca')))?.tags, { site: 'n' })
})

test('what cannot be done of an import stands in importErrors.log, and the rest is done', async () => {
  await using one = await scene()
  await one.put('in.txt', '{"id":"a"}\n{"id":"a"}\nnonsense\r\n\n{"id":"b","importMode":"delete"}\n{"id":"c","tags":{"x":1}}\n')
  assert.equal((await one.run({ type: 'import', inputBlobName: 'in.txt', outputBlobName: 'out.log' }))['status'], 'completed')
  const told = ((await one.blob('out.log')) ?? '')
    .trimEnd()
    .split('\n')
    .map((line) => String(JSON.parse(line).errorCode))
  assert.deepEqual(told.toSorted(), ['hub/device-not-found', 'hub/device-twice', 'json/malformed'])
  assert.ok(one.hub.devices.find('a') !== undefined && one.hub.devices.find('c') !== undefined)
  assert.equal((await one.run({ type: 'import', inputBlobName: 'nothing.txt' }))['failureReason'], 'The container has no nothing.txt.')
})

for (const [what, change, name] of [
  ['without a signature', (query: URLSearchParams) => query.delete('sig')],
  ['with two', (query: URLSearchParams) => query.append('sig', query.get('sig') ?? '')],
  ['that was changed', (query: URLSearchParams) => query.set('sig', 'AAAA')],
  ['for longer', (query: URLSearchParams) => query.set('se', '2099-01-01T00:00:00Z')],
  ['of another container', () => undefined, `transfer-${'0'.repeat(32)}`],
  ['of no container', () => undefined, 'uploads'],
] as const)
  test(`an address ${what} opens nothing`, async () => {
    await using one = await scene()
    const opened = await one.opened(one.place, change, name)
    assert.equal(opened.ok ? 'opened' : opened.error.code, 'hub/container-forbidden')
  })

test('a container is gone with its blobs when its time is over', async () => {
  await using one = await scene()
  await one.put('a.txt', 'x')
  one.clock.advance(2 * 3_600_000)
  const opened = await one.opened()
  assert.equal(opened.ok ? 'opened' : opened.error.code, 'hub/container-forbidden')
  assert.ok((await one.hub.containers.make(registryGrants.write, 1)).ok)
  assert.deepEqual(await one.store.query('SELECT name FROM container_blobs'), [])
})

test('a container takes sixteen blobs with plain names, and no other', async () => {
  await using one = await scene()
  const opened = await one.opened()
  assert.ok(opened.ok)
  for (let at = 0; at < 16; at++) assert.ok((await opened.value.put(`b${at}`, Buffer.from('x'), 't')).ok)
  const more = await opened.value.put('b16', Buffer.from('x'), 't')
  assert.equal(more.ok ? 'taken' : more.error.code, 'hub/container-full')
  for (const name of ['', '../a', 'a/b', '.hidden', 'x'.repeat(129)]) {
    const said = await opened.value.put(name, Buffer.from('x'), 't')
    assert.equal(said.ok ? 'taken' : said.error.code, 'hub/container-blob-name', name)
  }
})

test('a job goes through containers of this hub alone (server-side request forgery)', async () => {
  await using one = await scene()
  for (const [request, code] of [
    [{ type: 'export', outputBlobContainerUri: 'https://169.254.169.254/latest?sig=x' }, 'hub/container-forbidden'],
    [{ type: 'export', outputBlobContainerUri: 'file:///etc/passwd' }, 'hub/container-forbidden'],
    [{ type: 'import', outputBlobContainerUri: one.uri }, 'hub/container-forbidden'],
    [{ type: 'delete', outputBlobContainerUri: one.uri }, 'hub/registry-job-malformed'],
    [{ type: 'export', outputBlobContainerUri: one.uri, storageAuthenticationType: 'IdentityBased' }, 'hub/registry-job-malformed'],
  ] as const) {
    const begun = await one.hub.registryJobs.create(grants, request)
    assert.equal(begun.ok ? 'begun' : begun.error.code, code, JSON.stringify(request))
  }
  assert.deepEqual(await one.hub.registryJobs.list(grants.read), [])
})

test('one job at a time; one that is cancelled stops, and says so', async () => {
  await using one = await scene()
  const lines = Array.from({ length: 3_000 }, (_, at) => `{"id":"d${at}"}`)
  await one.put('devices.txt', lines.join('\n'))
  const request = { type: 'import', inputBlobContainerUri: one.uri, outputBlobContainerUri: one.uri }
  const first = await one.hub.registryJobs.create(grants, request)
  assert.ok(first.ok)
  const second = await one.hub.registryJobs.create(grants, request)
  assert.equal(second.ok ? 'begun' : second.error.code, 'hub/registry-job-running')
  const id = idOfJob(first.value)
  assert.ok((await one.hub.registryJobs.cancel(grants.write, id)).ok)
  assert.equal((await one.hub.registryJobs.find(grants.read, id))?.['status'], 'cancelled')
  assert.ok(one.hub.devices.count < 3_000)
  assert.equal((await one.run({ type: 'import' }))['status'], 'completed')
  assert.equal(one.hub.devices.count, 3_000)
})
