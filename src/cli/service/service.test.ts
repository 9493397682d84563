import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { decodeJwt } from 'jose'
import { FakeHub, problem } from '../../../test/fake-hub.ts'
import { runCommand } from '../../../test/run-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'thingwall-service-'))
const made = { algorithm: 'ES256', keyThumbprint: 'abc', createdAt: '2026-01-01T00:00:00.000Z', createdBy: 'operator:owner' }
const until = '2099-01-31T23:59:59.000Z'
let hub: FakeHub
before(async () => {
  hub = await FakeHub.open({
    'GET /api/v1/hub': () => ({
      version: '1',
      startedAt: '2026-01-01T00:00:00.000Z',
      rootFingerprint: 'AA',
      hostNames: ['hub.example'],
      listeners: [],
      devices: 0,
      connections: 0,
    }),
    'GET /api/v1/services': () => ({ services: [{ name: 'backend', roles: ['IoT Hub Data Reader'], until, ...made }] }),
    'GET /api/v1/services/backend': () => ({ name: 'backend', roles: ['IoT Hub Data Reader'], until, ...made }),
    'POST /api/v1/services': ({ body }, response) => {
      const { name, roles }: { name?: string; roles?: string[] } = Object(body)
      if (name === 'taken') return problem(response, 409, 'access/service-exists', 'taken exists already.')
      return { name, roles, until, ...made }
    },
    'DELETE /api/v1/services/:name': (_call, response) => void response.writeHead(204).end(),
    'DELETE /api/v1/shared-access-policies/:name': (_call, response) => void response.writeHead(204).end(),
    'GET /api/v1/shared-access-policies': () => ({
      policies: [{ name: 'old', rights: ['RegistryRead'], until, createdAt: made.createdAt, createdBy: made.createdBy }],
      allowedUntil: until,
    }),
    'POST /api/v1/shared-access-policies': ({ body }) => {
      const { name, rights }: { name?: string; rights?: string[] } = Object(body)
      return {
        policy: { name, rights, until, createdAt: made.createdAt, createdBy: made.createdBy },
        primaryKey: 'PRIMARY',
        secondaryKey: 'SECONDARY',
        connectionString: `HostName=hub.example;SharedAccessKeyName=${name};SharedAccessKey=PRIMARY`,
        eventHubsConnectionString: `Endpoint=sb://hub.example/;SharedAccessKeyName=${name};SharedAccessKey=PRIMARY;EntityPath=messages/events`,
      }
    },
  })
})
after(async () => {
  await hub[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})
const run = (...words: readonly string[]) => runCommand(['--data', hub.directory, 'service', ...words], { cwd: folder })
const lastBody = () => Object(hub.calls.at(-1)?.body)

test('a service gets a key of its own that only its owner can read, and the hub gets the public part alone', async () => {
  const { code, stdout, stderr } = await run(
    'add',
    'backend',
    '--role',
    'data-reader',
    '--role',
    'twin-contributor',
    '--until',
    '2027-01-31',
    '--out',
    'keys',
  )
  assert.equal(code, 0, stderr)
  const { name, roles, publicKey, until: end } = lastBody()
  assert.deepEqual([name, roles, end], ['backend', ['IoT Hub Data Reader', 'IoT Hub Twin Contributor'], '2027-01-31T23:59:59Z'])
  const file = join(folder, 'keys', 'backend.key.pem')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(createPublicKey(readFileSync(file)).export({ format: 'jwk' }), publicKey)
  assert.deepEqual(Object.keys(publicKey).toSorted(), ['crv', 'kty', 'x', 'y'])
  assert.ok(!`${stdout}${stderr}`.includes('PRIVATE KEY'))
  assert.ok(existsSync(join(folder, 'keys', 'root.pem')))
})

test('the program that is printed makes tokens that name the service, this hub, and end within the hour', async () => {
  const { stdout } = await run('add', 'printed', '--role', 'data-reader', '--until', '2027-01-31', '--out', 'printed')
  const program = stdout.split('\n').filter((line) => !/azure-iothub|registry/.test(line))
  const file = join(folder, 'caller.mjs')
  writeFileSync(file, `${program.join('\n')}\nprocess.stdout.write((await credential.getToken()).token)\n`)
  const token = execFileSync(process.execPath, [file], { encoding: 'utf8' })
  const { iss, sub, aud, iat = 0, exp = 0 } = decodeJwt(token)
  assert.deepEqual(
    [iss, sub, aud, exp - iat],
    ['urn:thingwall:service:printed', 'urn:thingwall:service:printed', 'https://hub.example', 3_600],
  )
})

test('a service that keeps its key gives the public part, PEM or JWK, and a private one is not even sent', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const files = {
    'public.pem': publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    'public.jwk': JSON.stringify(publicKey.export({ format: 'jwk' })),
    'private.pem': privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'private.jwk': JSON.stringify(privateKey.export({ format: 'jwk' })),
    'nonsense.pem': 'nonsense',
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  for (const name of ['public.pem', 'public.jwk']) {
    const { code, stderr } = await run('add', 'own', '--role', 'data-reader', '--until', '2027-01-31', '--public', name)
    assert.equal(code, 0, stderr)
    assert.deepEqual(lastBody().publicKey, publicKey.export({ format: 'jwk' }))
    assert.ok(!existsSync(join(folder, 'own.key.pem')))
  }
  for (const name of ['private.pem', 'private.jwk', 'nonsense.pem', 'absent.pem']) {
    const calls = hub.calls.length
    const { code } = await run('add', 'own', '--role', 'data-reader', '--until', '2027-01-31', '--public', name)
    assert.deepEqual([code, hub.calls.length], [2, calls], name)
  }
})

for (const words of [
  ['add', 'x', '--role', 'data-reader'],
  ['add', 'x', '--until', '2027-01-31'],
  ['add', 'x', '--role', 'owner', '--until', '2027-01-31'],
  ['add', 'x', '--role', 'data-reader', '--until', 'tomorrow'],
  ['add', '--role', 'data-reader', '--until', '2027-01-31'],
  ['policy', 'add', 'x', '--until', '2027-01-31'],
  ['policy', 'add', 'x', '--rights', 'RegistryRead,Everything', '--until', '2027-01-31'],
  ['policy', 'add', 'x', '--rights', 'RegistryRead'],
])
  test(`"service ${words.join(' ')}" is refused as usage before the hub is asked`, async () => {
    const calls = hub.calls.length
    const { code, stdout, stderr } = await run(...words)
    assert.deepEqual([code, stdout, hub.calls.length], [2, '', calls])
    assert.match(stderr, /\n {2}fix: /)
  })

test('a key that is there is not overwritten, and a service that cannot be registered leaves none behind', async () => {
  writeFileSync(join(folder, 'kept.key.pem'), 'mine')
  const kept = await run('add', 'kept', '--role', 'data-reader', '--until', '2027-01-31')
  assert.deepEqual([kept.code, readFileSync(join(folder, 'kept.key.pem'), 'utf8')], [5, 'mine'])
  const taken = await run('add', 'taken', '--role', 'data-reader', '--until', '2027-01-31')
  assert.deepEqual([taken.code, existsSync(join(folder, 'taken.key.pem'))], [5, false])
})

test('the connection strings of a policy go into a file that only its owner can read, and nowhere else', async () => {
  const { code, stdout, stderr } = await run('policy', 'add', 'old', '--rights', 'ServiceConnect,RegistryRead', '--until', '2027-01-31')
  assert.equal(code, 0, stderr)
  const file = join(folder, 'old.connection.txt')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.match(readFileSync(file, 'utf8'), /^HostName=hub\.example;SharedAccessKeyName=old;SharedAccessKey=PRIMARY\nEndpoint=sb:/)
  assert.ok(!`${stdout}${stderr}`.includes('PRIMARY'))
  assert.deepEqual(lastBody().rights, ['ServiceConnect', 'RegistryRead'])
  const json = await run('policy', 'add', 'old2', '--rights', 'RegistryRead', '--until', '2027-01-31', '--json')
  assert.ok(!json.stdout.includes('PRIMARY'), 'not with --json either')
})

test('services and policies are listed, shown and ended', async () => {
  assert.equal((await run('ls')).stdout, `backend\tIoT Hub Data Reader\t${until}\toperator:owner\n`)
  assert.match((await run('show', 'backend')).stdout, /^name\tbackend\nroles\tIoT Hub Data Reader\n/)
  assert.equal((await run('policy', 'ls')).stdout, `old\tRegistryRead\t${until}\toperator:owner\n`)
  assert.equal(Object(JSON.parse((await run('policy', 'ls', '--json')).stdout)).allowedUntil, until)
  assert.equal((await run('rm', 'backend')).stdout, 'ended backend\n')
  assert.equal((await run('policy', 'rm', 'old')).stdout, 'ended old\n')
  assert.equal((await run('show', 'nobody')).code, 4)
})
