import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { auditMigrations, openAudit } from '#audit'
import { type Action, type Actor, type Grant, type Result, Secret, instant } from '#base'
import { FakeClock } from '../../../test/fake-clock.ts'
import { keyWrap } from '../../../test/key-wrap.ts'
import { openTestStore } from '../../../test/open-test-store.ts'
import { SeededRandom } from '../../../test/seeded-random.ts'
import { type SecretFact, openSecrets, secretLimits, secretMigrations } from '../index.ts'

const day = 86_400_000
const { signal } = new AbortController()
const from = { from: '192.0.2.1' }
const first = { after: undefined, limit: 25 }
const policy = {
  everyDays: 30,
  beforeExpiryDays: undefined,
  generator: 'random',
  bytes: 32,
  encoding: 'hex',
  overlapHours: 24,
} as const

async function setUp() {
  const clock = new FakeClock(1_700_000_000_000)
  const random = new SeededRandom(5)
  const held = await openTestStore([...auditMigrations, ...secretMigrations])
  const audit = await openAudit({ store: held.store, clock }, signal)
  const facts: SecretFact[] = []
  const { wrapKey, unwrapKey } = keyWrap('vault', random)
  const secrets = await openSecrets(
    {
      store: held.store,
      clock,
      random,
      wrapper: { wrap: async (key) => wrapKey(key), unwrap: async (wrapped) => unwrapKey(wrapped) },
      retentionMs: 90 * day,
      commit: audit.commit,
      system: systemGrant,
      tell: (fact) => void facts.push(fact),
      trouble: (what, error) => assert.fail(`${what} ${String(error)}`),
    },
    signal,
  )
  const set = (name: string, value: string, attributes = {}) =>
    secrets.set(as('secret.write'), name, new Secret(Buffer.from(value)), attributes, from)
  const text = async (name: string, version?: string) => {
    const read = await secrets.read(as('secret.read'), name, version, from)
    return read.ok ? read.value.value.use((bytes) => bytes.toString()) : read.error.code
  }
  const log = async () => {
    const { records } = await audit.read(systemGrant('audit.read', 'audit'), { after: 0, limit: 1_000 })
    return records.map((one) => `${one.actor.kind}:${one.actor.id} ${one.action} ${one.resource} ${one.outcome}`)
  }
  return {
    clock,
    store: held.store,
    secrets,
    facts,
    set,
    text,
    log,
    async [Symbol.asyncDispose]() {
      await secrets[Symbol.asyncDispose]()
      await held[Symbol.asyncDispose]()
    },
  }
}

/** A grant of somebody else than the hub; the owner unless said. Only the room access mints real ones. */
function as<A extends Action>(action: A, actor: Actor = { kind: 'operator', id: 'owner', via: 'session' }): Grant<A> {
  const grant: Grant<A> = Object({ actor, action, resource: 'x' })
  return grant
}

const backend: Actor = { kind: 'service', id: 'backend', via: 'bearer', roles: ['Key Vault Secrets User'] }

function code(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.error.code
}

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error.code)
  return result.value
}

test('each value is a version; the newest is read unless one is named, names are told apart without case, and a disabled one is not read', async () => {
  await using at = await setUp()
  const one = value(await at.set('Db-Password', 'one', { contentType: 'text/plain', tags: new Map([['site', 'north']]) }))
  const two = value(await at.set('db-password', 'two'))
  assert.match(one.version, /^[0-9a-f]{32}$/)
  assert.equal(two.name, 'Db-Password')
  assert.deepEqual([await at.text('DB-PASSWORD'), await at.text('db-password', one.version)], ['two', 'one'])
  const versions = value(await at.secrets.versions(as('secret.list'), 'db-password', { after: undefined, limit: 1 }, from))
  assert.deepEqual([versions.items.map((item) => item.version), versions.next], [[two.version], two.version])
  const rest = value(await at.secrets.versions(as('secret.list'), 'db-password', { after: two.version, limit: 1 }, from))
  assert.deepEqual([rest.items[0]?.tags.get('site'), rest.next], ['north', undefined])
  value(await at.secrets.update(as('secret.write'), 'db-password', undefined, { enabled: false }, from))
  assert.deepEqual([await at.text('db-password'), await at.text('db-password', one.version)], ['vault/secret-disabled', 'one'])
  assert.equal(await at.text('db-password', 'f'.repeat(32)), 'vault/secret-not-found')
})

test('without a rule every act is refused with the right that is missing, alike for secrets that are and are not, and it is audited', async () => {
  await using at = await setUp()
  value(await at.set('db', 'x'))
  for (const name of ['db', 'none']) {
    const refused = await at.secrets.read(as('secret.read', backend), name, undefined, from)
    assert.equal(refused.ok || refused.error.message, `service:backend has no rule that gives "get" on the secret ${name}.`)
  }
  assert.equal(code(await at.secrets.list(as('secret.list', backend), first)), 'vault/access-denied')
  for (const outcome of [
    await at.secrets.set(as('secret.write', backend), 'db', new Secret(Buffer.from('y')), {}, from),
    await at.secrets.update(as('secret.write', backend), 'db', undefined, {}, from),
    await at.secrets.delete(as('secret.write', backend), 'db', from),
    await at.secrets.recover(as('secret.write', backend), 'db', from),
    await at.secrets.purge(as('secret.write', backend), 'db', from),
    await at.secrets.rotate(as('secret.write', backend), 'db', from),
    await at.secrets.setRotation(as('secret.write', backend), 'db', policy, from),
    await at.secrets.backup(as('secret.read', backend), 'db', from),
    await at.secrets.describe(as('secret.list', backend), 'db', from),
    await at.secrets.versions(as('secret.list', backend), 'db', first, from),
    await at.secrets.deletedOne(as('secret.read', backend), 'db', from),
    await at.secrets.readForEndpoint('orders', 'db', undefined),
  ])
    assert.equal(code(outcome), 'vault/access-denied')
  assert.ok((await at.log()).includes('service:backend secret.get secret:db refused'))
})

test('a rule gives one principal some rights on one secret or a prefix: by name, by kind, by role; taking it away ends it', async () => {
  await using at = await setUp()
  for (const name of ['db-a', 'db-b', 'other']) value(await at.set(name, name))
  const administer = as('secret.administer')
  const read = (name: string) => at.secrets.read(as('secret.read', backend), name, undefined, from)
  for (const principal of ['service:backend', 'service:*', 'role:Key Vault Secrets User']) {
    value(await at.secrets.putRule(administer, { principal, secrets: 'DB-*', rights: ['get', 'list'] }, from))
    assert.deepEqual([code(await read('db-a')), code(await read('other'))], ['ok', 'vault/access-denied'])
    const listed = value(await at.secrets.list(as('secret.list', backend), { after: undefined, limit: 1 }))
    assert.deepEqual([listed.items.map((one) => one.newest.name), listed.next], [['db-a'], 'db-a'])
    value(await at.secrets.removeRule(administer, { principal, secrets: 'DB-*' }, from))
    assert.equal(code(await read('db-a')), 'vault/access-denied')
  }
  value(await at.secrets.putRule(administer, { principal: 'endpoint:orders', secrets: 'other', rights: ['get'] }, from))
  assert.equal(code(await at.secrets.readForEndpoint('orders', 'other', undefined)), 'ok')
  assert.equal(code(await at.secrets.readForEndpoint('orders', 'db-a', undefined)), 'vault/access-denied')
  assert.equal(code(await at.secrets.removeRule(administer, { principal: 'service:x', secrets: '*' }, from)), 'vault/access-rule-not-found')
  for (const [principal, secrets, right] of [
    ['backend', '*', 'get'],
    ['service:', '*', 'get'],
    ['service:a\u202eb', '*', 'get'],
    ['service:a', 'a*b', 'get'],
    ['service:a', '', 'get'],
    ['service:a', '*', 'read'],
  ] as const)
    assert.equal(code(await at.secrets.putRule(administer, { principal, secrets, rights: [right] }, from)), 'vault/access-rule', principal)
})

test('what is deleted is not read, its name is taken, it comes back whole, and it ends after its days or when it is purged', async () => {
  await using at = await setUp()
  value(await at.set('db', 'x'))
  const deleted = value(await at.secrets.delete(as('secret.write'), 'db', from))
  assert.equal(deleted.purgesAt - deleted.deletedAt, 90 * day)
  assert.deepEqual([await at.text('db'), code(await at.set('db', 'y'))], ['vault/secret-not-found', 'vault/secret-deleted'])
  assert.equal(value(await at.secrets.deleted(as('secret.list'), first)).items.length, 1)
  assert.equal(value(await at.secrets.list(as('secret.list'), first)).items.length, 0)
  value(await at.secrets.recover(as('secret.write'), 'db', from))
  assert.equal(await at.text('db'), 'x')
  assert.equal(code(await at.secrets.purge(as('secret.write'), 'db', from)), 'vault/secret-not-found', 'what lives is not purged')
  value(await at.secrets.delete(as('secret.write'), 'db', from))
  at.clock.advance(90 * day - 1)
  await at.secrets.upkeep()
  assert.equal(code(await at.secrets.deletedOne(as('secret.read'), 'db', from)), 'ok')
  at.clock.advance(1)
  await at.secrets.upkeep()
  assert.equal(code(await at.secrets.deletedOne(as('secret.read'), 'db', from)), 'vault/secret-not-found')
  assert.equal((await at.store.query('SELECT * FROM secret_versions')).length, 0)
  value(await at.set('db', 'again'))
})

test('a rotation by schedule makes a value, the one before stays enabled for the overlap, and no read fails meanwhile', async () => {
  await using at = await setUp()
  const one = value(await at.set('db', 'one'))
  value(await at.secrets.setRotation(as('secret.write'), 'db', policy, from))
  let stop = false
  const reading = (async () => {
    const seen = new Set<string>()
    while (!stop) for (const text of await Promise.all([at.text('db'), at.text('db', one.version), at.text('db')])) seen.add(text)
    return seen
  })()
  for (let round = 0; round < 20; round++) {
    at.clock.advance(30 * day)
    await at.secrets.upkeep()
    if (round > 0) continue
    // Within the overlap both are read; the new one is what the generator made.
    assert.equal(await at.text('db', one.version), 'one')
    stop = true
    for (const text of await reading) assert.match(text, /^(one|[0-9a-f]{64})$/)
    at.clock.advance(day)
    await at.secrets.upkeep()
    assert.equal(await at.text('db', one.version), 'vault/secret-disabled')
  }
  assert.equal(at.facts.filter((fact) => fact.kind === 'secret-rotated').length, 20)
})

test('a rotation before the expiry gives the new version an end of its own; without a generator the hub says once that it is due', async () => {
  await using at = await setUp()
  const soon = { expiresAt: instant(at.clock.now() + 40 * day) }
  for (const name of ['made', 'told']) value(await at.set(name, 'x', soon))
  const near = { ...policy, everyDays: undefined, beforeExpiryDays: 10 }
  value(await at.secrets.setRotation(as('secret.write'), 'made', near, from))
  value(await at.secrets.setRotation(as('secret.write'), 'told', { ...near, generator: 'none' }, from))
  at.clock.advance(30 * day)
  await at.secrets.upkeep()
  await at.secrets.upkeep()
  const { newest } = value(await at.secrets.describe(as('secret.list'), 'made', from))
  assert.equal(newest.expiresAt, at.clock.now() + 40 * day)
  const due = at.facts.filter((fact) => fact.kind === 'secret-due')
  assert.deepEqual(
    due.map((fact) => [fact.name, fact.why, fact.expires]),
    [['told', 'expiry', soon.expiresAt]],
  )
  assert.equal(code(await at.secrets.rotate(as('secret.write'), 'told', from)), 'vault/no-generator')
})

test('reads at once share commits of the audit log, one entry each, and none is answered before it is durable', async () => {
  await using at = await setUp()
  value(await at.set('db', 'x'))
  const before = (await at.log()).length
  const texts = await Promise.all(Array.from({ length: 200 }, () => at.text('db')))
  assert.ok(texts.every((text) => text === 'x'))
  assert.equal((await at.log()).length, before + 200)
  await at.store[Symbol.asyncDispose]()
  await assert.rejects(at.secrets.read(as('secret.read'), 'db', undefined, from))
})

test('a backup holds all versions sealed, comes back once the secret is gone, and a changed one does not open', async () => {
  await using at = await setUp()
  const one = value(await at.set('db', 'one', { tags: new Map([['a', 'b']]) }))
  value(await at.set('db', 'two'))
  const blob = value(await at.secrets.backup(as('secret.read'), 'db', from))
  assert.ok(!blob.includes('two') && !blob.includes(Buffer.from('two').toString('base64')))
  assert.equal(code(await at.secrets.restore(as('secret.write'), blob, from)), 'vault/secret-exists')
  value(await at.secrets.delete(as('secret.write'), 'db', from))
  value(await at.secrets.purge(as('secret.write'), 'db', from))
  const changed = Buffer.from(blob)
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
  assert.equal(code(await at.secrets.restore(as('secret.write'), changed, from)), 'vault/damaged')
  assert.equal(code(await at.secrets.restore(as('secret.write'), Buffer.from('nonsense'), from)), 'vault/not-sealed')
  value(await at.secrets.restore(as('secret.write'), blob, from))
  assert.deepEqual([await at.text('db'), await at.text('db', one.version)], ['two', 'one'])
})

test('a sealed value that is moved to another version or secret does not open', async () => {
  await using at = await setUp()
  value(await at.set('a', 'one'))
  value(await at.set('b', 'two'))
  await at.store.commit([
    { sql: "UPDATE secret_versions SET sealed = (SELECT sealed FROM secret_versions WHERE key = 'a') WHERE key = 'b'", args: [] },
  ])
  assert.equal(await at.text('b'), 'vault/damaged')
})

test('values, names, tags and versions are bounded', async () => {
  await using at = await setUp()
  assert.equal(code(await at.set('db', 'x'.repeat(secretLimits.valueBytes))), 'ok')
  const many = new Map(Array.from({ length: 16 }, (_, i) => [`t${i}`, '']))
  for (const [outcome, wanted] of [
    [await at.set('db', 'x'.repeat(secretLimits.valueBytes + 1)), 'vault/secret-value'],
    [await at.set('db', ''), 'vault/secret-value'],
    [await at.set('a.b', 'x'), 'vault/secret-name'],
    [await at.set('a'.repeat(128), 'x'), 'vault/secret-name'],
    [await at.set('db', 'x', { tags: many }), 'vault/secret-attributes'],
    [await at.set('db', 'x', { contentType: 'x'.repeat(256) }), 'vault/secret-attributes'],
    [await at.set('db', 'x', { expiresAt: instant(-1) }), 'vault/secret-attributes'],
    [await at.secrets.setRotation(as('secret.write'), 'db', { ...policy, everyDays: undefined }, from), 'vault/rotation-policy'],
    [await at.secrets.setRotation(as('secret.write'), 'db', { ...policy, bytes: 8 }, from), 'vault/rotation-policy'],
  ] as const)
    assert.equal(code(outcome), wanted)
  for (let i = 1; i < secretLimits.versions; i++) value(await at.set('db', 'x'))
  assert.equal(code(await at.set('db', 'x')), 'vault/too-many-versions')
  value(await at.secrets.setRotation(as('secret.write'), 'db', { ...policy, overlapHours: 0 }, from))
  await at.secrets.update(as('secret.write'), 'db', undefined, { enabled: false }, from)
  value(await at.secrets.rotate(as('secret.write'), 'db', from))
  const [row] = await at.store.query('SELECT count(*) AS n FROM secret_versions')
  assert.equal(row?.['n'], secretLimits.versions, 'the oldest disabled ones made room')
})
