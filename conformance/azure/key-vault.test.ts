import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { SecretClient } from '@azure/keyvault-secrets'
import { SignJWT } from 'jose'
import { HubProcess } from '../hub.ts'
import { knowNames } from './names.ts'

/*
 * The stock client of Key Vault's secrets against a real hub: its whole surface, its challenge included, with nothing changed but the address. The
 * client wants the host of a vault to lie below the domain that it gets a token for, so the hub has a name of that kind here.
 */

const host = 'vault.secrets.test'
const address = '127.0.0.11'

type Scene = AsyncDisposable & {
  readonly hub: HubProcess
  readonly client: (name: string) => SecretClient
  readonly scopes: readonly string[]
}

let shared: Promise<Scene | undefined> | undefined
test.after(async () => (await shared)?.[Symbol.asyncDispose]())

async function open(): Promise<Scene | undefined> {
  if (!(await mayBind())) return undefined
  await using scope = new AsyncDisposableStack()
  const settings = `names: ["${host}"]\nbroker: {deniedDelaySeconds: 0}\n`
  const hub = scope.use(await HubProcess.open({ host: address, ports: { https: 443 }, settings }))
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, hub.rootPem])
  scope.defer(() => setDefaultCACertificates(before))
  scope.use(knowNames({ [host]: address }))
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const scopes: string[] = []
  const clients = new Map<string, SecretClient>()
  for (const [name, role] of [
    ['officer', 'Key Vault Secrets Officer'],
    ['user', 'Key Vault Secrets User'],
    ['stranger', 'Key Vault Secrets Officer'],
    ['devices', 'IoT Hub Data Contributor'],
  ] as const) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const body = { name, roles: [role], publicKey: publicKey.export({ format: 'jwk' }), until }
    assert.equal((await hub.api('POST', '/api/v1/services', body)).status, 201)
    const issuer = `urn:thingwall:service:${name}`
    const getToken = async (asked: string | string[]) => {
      const wanted = String(asked)
      scopes.push(wanted)
      const now = Math.floor(Date.now() / 1000)
      const token = await new SignJWT()
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(issuer)
        .setSubject(issuer)
        .setAudience(wanted.replace('/.default', ''))
        .setIssuedAt(now)
        .setExpirationTime(now + 3_600)
        .sign(privateKey)
      return { token, expiresOnTimestamp: Date.now() + 3_600_000 }
    }
    clients.set(name, new SecretClient(`https://${host}`, { getToken }, { retryOptions: { maxRetries: 0 } }))
  }
  const rules = [
    ['service:officer', '*', ['get', 'list', 'set', 'delete', 'rotate', 'purge', 'backup']],
    ['role:Key Vault Secrets User', 'shared-*', ['get', 'list']],
  ] as const
  for (const [principal, secrets, rights] of rules)
    assert.equal((await hub.api('PUT', '/api/v1/secret-access', { principal, secrets, rights })).status, 200)
  const held = scope.move()
  return {
    hub,
    scopes,
    client(name) {
      const found = clients.get(name)
      if (found === undefined) throw new Error(`no client ${name}`)
      return found
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function mayBind(): Promise<boolean> {
  const server = createServer()
  const bound = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(443, address, () => resolve(true))
  })
  await new Promise<void>((resolve) => void server.close(() => resolve()))
  return bound
}

function scenario(name: string, work: (scene: Scene) => Promise<void>): void {
  test(name, async (t) => {
    shared ??= open()
    const scene = await shared
    if (scene === undefined) return t.skip('port 443 may not be bound here')
    await work(scene)
  })
}

/** What the client throws: the status, and the codes of the body. */
const refused = (status: number, code: string, inner?: string) => (error: unknown) => {
  const { statusCode, code: said, details } = Object(error)
  const { code: inside } = Object(Object(Object(details).error).innerError)
  assert.deepEqual([statusCode, said, inside], [status, code, inner], String(error))
  return true
}

scenario(
  'the challenge sends the client for a token of the domain above the vault, and a value is set and read',
  async ({ client, scopes }) => {
    const vault = client('officer')
    const expiresOn = new Date('2030-01-01T00:00:00Z')
    const made = await vault.setSecret('Db-Password', 'pä55', { contentType: 'text/plain', tags: { site: 'north' }, expiresOn })
    assert.deepEqual(scopes.slice(-1), ['https://secrets.test/.default'])
    assert.match(made.properties.id ?? '', /^https:\/\/vault\.secrets\.test\/secrets\/Db-Password\/[0-9a-f]{32}$/)
    const read = await vault.getSecret('db-password')
    const { contentType, tags, enabled, version, recoveryLevel, recoverableDays } = read.properties
    assert.deepEqual([read.value, contentType, tags, enabled], ['pä55', 'text/plain', { site: 'north' }, true])
    assert.deepEqual([version, recoveryLevel, recoverableDays], [made.properties.version, 'Recoverable+Purgeable', 90])
    assert.deepEqual(read.properties.expiresOn, expiresOn)
    assert.ok(Math.abs(Number(read.properties.createdOn) - Date.now()) < 60_000)
  },
)

scenario('versions are kept, listed and changed by themselves; a disabled one is not read', async ({ client }) => {
  const vault = client('officer')
  const one = await vault.setSecret('turning', 'one')
  const two = await vault.setSecret('turning', 'two')
  const versionOf = (secret: typeof one) => secret.properties.version ?? ''
  assert.equal((await vault.getSecret('turning', { version: versionOf(one) })).value, 'one')
  const changed = await vault.updateSecretProperties('turning', versionOf(one), { enabled: false, tags: { old: 'yes' } })
  assert.deepEqual([changed.enabled, changed.tags], [false, { old: 'yes' }])
  await assert.rejects(vault.getSecret('turning', { version: versionOf(one) }), refused(403, 'Forbidden', 'SecretDisabled'))
  const listed = []
  for await (const each of vault.listPropertiesOfSecretVersions('turning')) listed.push(each.version)
  assert.deepEqual(listed, [versionOf(two), versionOf(one)])
  await assert.rejects(vault.getSecret('turning', { version: 'f'.repeat(32) }), refused(404, 'SecretNotFound'))
})

scenario('lists come by pages, with continuation, and hold no value', async ({ client }) => {
  const vault = client('officer')
  for (let i = 0; i < 7; i++) await vault.setSecret(`page-${i}`, 'x')
  const pages = []
  for await (const page of vault.listPropertiesOfSecrets().byPage({ maxPageSize: 3 })) pages.push(page.map(({ name }) => name))
  assert.ok(pages.every((page) => page.length <= 3) && pages.length >= 3)
  assert.deepEqual(
    pages.flat().filter((name) => name.startsWith('page-')),
    Array.from({ length: 7 }, (_, i) => `page-${i}`),
  )
})

scenario(
  'a secret is deleted, shown among the deleted, recovered, deleted again and purged, by the pollers of the client',
  async ({ client }) => {
    const vault = client('officer')
    await vault.setSecret('short-lived', 'x')
    const deleted = await (await vault.beginDeleteSecret('short-lived', { intervalInMs: 10 })).pollUntilDone()
    assert.match(deleted.recoveryId ?? '', /\/deletedsecrets\/short-lived$/)
    assert.equal(Number(deleted.scheduledPurgeDate) - Number(deleted.deletedOn), 90 * 86_400_000)
    await assert.rejects(vault.getSecret('short-lived'), refused(404, 'SecretNotFound'))
    await assert.rejects(vault.setSecret('short-lived', 'y'), refused(409, 'Conflict', 'ObjectIsDeletedButRecoverable'))
    const names = []
    for await (const { name } of vault.listDeletedSecrets()) names.push(name)
    assert.deepEqual(names, ['short-lived'])
    assert.equal((await vault.getDeletedSecret('short-lived')).name, 'short-lived')
    await (await vault.beginRecoverDeletedSecret('short-lived', { intervalInMs: 10 })).pollUntilDone()
    assert.equal((await vault.getSecret('short-lived')).value, 'x')
    await (await vault.beginDeleteSecret('short-lived', { intervalInMs: 10 })).pollUntilDone()
    await vault.purgeDeletedSecret('short-lived')
    await assert.rejects(vault.getDeletedSecret('short-lived'), refused(404, 'SecretNotFound'))
  },
)

scenario('a backup of a secret with its versions is restored after it was purged, and nothing else is', async ({ client }) => {
  const vault = client('officer')
  const one = await vault.setSecret('kept', 'one')
  await vault.setSecret('kept', 'two')
  const backup = (await vault.backupSecret('kept')) ?? new Uint8Array()
  assert.ok(!Buffer.from(backup).includes('two'))
  await assert.rejects(vault.restoreSecretBackup(backup), refused(409, 'Conflict'))
  await (await vault.beginDeleteSecret('kept', { intervalInMs: 10 })).pollUntilDone()
  await vault.purgeDeletedSecret('kept')
  assert.equal((await vault.restoreSecretBackup(backup)).name, 'kept')
  assert.equal((await vault.getSecret('kept')).value, 'two')
  assert.equal((await vault.getSecret('kept', { version: one.properties.version ?? '' })).value, 'one')
  await assert.rejects(vault.restoreSecretBackup(Buffer.from('nonsense')), refused(400, 'BadParameter'))
})

scenario('who may what: rules by service and by role, roles of other services, and nobody without a rule', async ({ client, hub }) => {
  await client('officer').setSecret('shared-a', 'a')
  await client('officer').setSecret('private-a', 'b')
  assert.equal((await client('user').getSecret('shared-a')).value, 'a')
  await assert.rejects(client('user').getSecret('private-a'), refused(403, 'Forbidden', 'ForbiddenByPolicy'))
  await assert.rejects(client('user').getSecret('there-is-none'), refused(403, 'Forbidden', 'ForbiddenByPolicy'))
  await assert.rejects(client('user').setSecret('shared-a', 'x'), refused(403, 'Forbidden', 'ForbiddenByRbac'))
  await assert.rejects(client('stranger').getSecret('shared-a'), refused(403, 'Forbidden', 'ForbiddenByPolicy'))
  await assert.rejects(client('devices').getSecret('shared-a'), refused(403, 'Forbidden', 'ForbiddenByRbac'))
  const seen = []
  for await (const { name } of client('user').listPropertiesOfSecrets()) seen.push(name)
  assert.deepEqual(seen, ['shared-a'])
  const audit = await hub.api('GET', '/api/v1/audit?limit=500')
  assert.match(audit.text, /"action":"secret\.get"/)
  assert.doesNotMatch(audit.text, /pä55/)
})

scenario('values and names out of bounds are refused as bad parameters', async ({ client }) => {
  const vault = client('officer')
  await assert.rejects(vault.setSecret('big', 'x'.repeat(25 * 1024 + 1)), refused(400, 'BadParameter'))
  await assert.rejects(vault.setSecret('no_such_name', 'x'), refused(400, 'BadParameter'))
  const tags = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`t${i}`, 'x']))
  await assert.rejects(vault.setSecret('tagged', 'x', { tags }), refused(400, 'BadParameter'))
})
