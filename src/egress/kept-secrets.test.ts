import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { type Result, Secret, ok, refuse } from '#base'
import { egressScene } from '../../test/routing-scene.ts'
import type { EndpointPorts } from './endpoint.ts'
import { KeptSecrets, isSecretReference } from './kept-secrets.ts'
import { type AnyKind, anyKind } from './kinds.ts'

const may = systemGrant('route.write', 'routes')

/** An endpoint that shows the secret that it was opened with, for each event; and a vault whose secret can be changed or refused. */
async function scene() {
  const seen: string[] = []
  const asked: (readonly [string, string, string | undefined])[] = []
  let value: Result<string> = ok('first')
  let isDown = false
  const kind: AnyKind = anyKind({
    kind: 'probe',
    batch: { events: 10, bytes: 1_000, lingerMs: 0 },
    parse: (settings) => ok(settings),
    open: async (_name: string, _settings: unknown, ports: EndpointPorts) => {
      const text = ports.secret('secret:db-password')?.use((bytes) => bytes.toString()) ?? 'none'
      return {
        deliver: async (batch) => {
          if (isDown) throw new Error('down')
          for (const event of batch) seen.push(`${event.body.toString()} with ${text}`)
          return { kind: 'ok' }
        },
        [Symbol.asyncDispose]: async () => undefined,
      }
    },
  })
  const whole = await egressScene([kind], {
    vaultSecret: async (endpoint, name, version) => {
      asked.push([endpoint, name, version])
      return value.ok ? ok(new Secret(Buffer.from(value.value))) : value
    },
  })
  const spec = {
    name: 'orders',
    kind: 'probe',
    settings: { deep: { passwordSecret: 'secret:db-password' } },
    sources: ['DeviceMessages'],
    condition: '',
  } as const
  assert.ok((await whole.egress.addEndpoint(may, spec)).ok)
  assert.ok(
    (await whole.egress.admin.addRoute(may, { name: 'all', source: 'DeviceMessages', condition: '', endpoint: 'orders', isEnabled: true }))
      .ok,
  )
  return { ...whole, seen, asked, set: (next: Result<string>) => void (value = next), fall: (down: boolean) => void (isDown = down) }
}

test('an endpoint is opened with the secret of the vault, under its own name, and anew when the secret changes', async () => {
  await using one = await scene()
  one.say('pump-1', 'a')
  await one.settle(100)
  assert.deepEqual(one.seen, ['a with first'])
  one.set(ok('second'))
  one.say('pump-1', 'b')
  await one.settle(100)
  assert.deepEqual(one.seen, ['a with first', 'b with first'])
  one.egress.secretChanged('other')
  one.egress.secretChanged('DB-password')
  one.say('pump-1', 'c')
  await one.settle(100)
  assert.deepEqual(one.seen.slice(2), ['c with second'])
  assert.deepEqual(one.asked, [
    ['orders', 'db-password', undefined],
    ['orders', 'db-password', undefined],
  ])
})

test('an endpoint whose secret is refused waits, says why, and loses nothing', async () => {
  await using one = await scene()
  one.set(refuse('vault/access-denied', 'No rule lets endpoint:orders get it.'))
  one.say('pump-1', 'a')
  await one.settle(100)
  const found = await one.egress.endpointOf('orders')
  assert.match(found?.state.reason ?? '', /secret db-password cannot be had: No rule/)
  one.set(ok('third'))
  await one.settle(120_000)
  assert.deepEqual(one.seen, ['a with third'])
})

test('references are named whole: a name, and perhaps a version', () => {
  const version = 'ab'.repeat(16)
  for (const good of ['secret:a', `secret:a-B-9/${version}`]) assert.ok(isSecretReference(good), good)
  for (const bad of ['a', 'secret:', 'secret:a/b', `secret:a/${version}0`, 'secret:../a', 'secret:a b', 'SECRET:a', ' secret:a'])
    assert.ok(!isSecretReference(bad), bad)
})

test('what is no reference is a secret of the endpoint alone, as before', () => {
  const secrets = new KeptSecrets({ key: 'k' }, { own: (name) => new Secret(Buffer.from(name)), fromVault: () => assert.fail() })
  assert.equal(
    secrets.get('k')?.use((bytes) => bytes.toString()),
    'k',
  )
  assert.equal(secrets.get('secret:k'), undefined)
})
