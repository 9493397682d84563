import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openControlScene } from '../../../test/control-scene.ts'
import { callerWith, knownServices } from '../../../test/azure-service-scene.ts'
import { type Action, actions } from '#base'
import { vaultResource } from './resource.ts'
import { vaultRoutes } from './routes.ts'
import { keyVaultSite } from './site.ts'

/** Every operation, and the one right that it takes. One that is missing here fails the first test. */
const matrix: Readonly<Record<string, Action>> = {
  'GET /secrets': 'secret.list',
  'POST /secrets/restore': 'secret.write',
  'PUT /secrets/{name}': 'secret.write',
  'DELETE /secrets/{name}': 'secret.write',
  'GET /secrets/{name}/versions': 'secret.list',
  'POST /secrets/{name}/backup': 'secret.read',
  'GET /secrets/{name}/{version}': 'secret.read',
  'PATCH /secrets/{name}/{version}': 'secret.write',
  'GET /deletedsecrets': 'secret.list',
  'GET /deletedsecrets/{name}': 'secret.read',
  'DELETE /deletedsecrets/{name}': 'secret.write',
  'POST /deletedsecrets/{name}/recover': 'secret.write',
}

async function setUp() {
  const scene = await openControlScene()
  const callers = new Map([['Bearer all', callerWith('all', actions)]])
  for (const action of actions) {
    callers.set(
      `Bearer without-${action}`,
      callerWith(
        'all',
        actions.filter((one) => one !== action),
      ),
    )
    callers.set(`Bearer only-${action}`, callerWith('all', [action]))
  }
  const { vault } = scene.ports
  const secrets: Parameters<typeof keyVaultSite>[0]['secrets'] = Object(vault)
  const site = keyVaultSite({ secrets, services: knownServices(callers), names: ['vault.hub.example'] })
  const ask = async (method: string, path: string, more: { as?: string; body?: string; host?: string; query?: string } = {}) => {
    const { as, body = '', host = 'vault.hub.example', query = 'api-version=7.5' } = more
    const headers = { host, ...(as === undefined ? {} : { authorization: as }) }
    const peer = { address: '192.0.2.1', certificates: [] }
    const got = await site.answer({ method, path, query: new URLSearchParams(query), headers, body: Buffer.from(body), peer })
    return { status: got.status, headers: got.headers ?? {}, error: Object(JSON.parse(String(got.body ?? '{}'))).error }
  }
  return { site, ask, [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose]() }
}

test('every operation takes exactly the right of the matrix: nobody gets a challenge, one without the right is forbidden, one with it alone gets on', async () => {
  assert.deepEqual(Object.fromEntries(vaultRoutes.map((one) => [`${one.method} ${one.shape}`, one.needs])), matrix)
  await using at = await setUp()
  for (const { method, shape, needs } of vaultRoutes) {
    const path = shape.replace('{name}', 'db').replace('{version}', 'f'.repeat(32))
    const nobody = await at.ask(method, path)
    assert.deepEqual(
      [nobody.status, nobody.headers['www-authenticate']],
      [401, 'Bearer authorization="https://vault.hub.example/thingwall", resource="https://hub.example"'],
    )
    assert.equal((await at.ask(method, path, { as: 'Bearer of somebody else' })).status, 401)
    const without = await at.ask(method, path, { as: `Bearer without-${needs}` })
    assert.deepEqual([without.status, without.error.innererror], [403, { code: 'ForbiddenByRbac' }], path)
    const only = await at.ask(method, path, { as: `Bearer only-${needs}`, body: '{"value":"x"}' })
    assert.notEqual(only.error?.innererror?.code, 'ForbiddenByRbac', path)
  }
})

test('what is no request of the interface is refused: paths, methods, versions, bodies, pages, signatures of policies', async () => {
  await using at = await setUp()
  const as = 'Bearer all'
  for (const [method, path, more, status] of [
    ['GET', '/secrets/a/b/c', {}, 404],
    ['POST', '/secrets', {}, 405],
    ['GET', '/secrets', { query: '' }, 400],
    ['GET', '/secrets', { query: 'api-version=1' }, 400],
    ['GET', '/secrets', { query: 'api-version=7.5&maxresults=26' }, 400],
    ['GET', '/secrets', { query: 'api-version=7.5&maxresults=0' }, 400],
    ['GET', '/secrets', { query: "api-version=7.5&$skiptoken=a'--" }, 400],
    ['PUT', '/secrets/db', { body: '[]' }, 400],
    ['PUT', '/secrets/db', { body: '{"value":7}' }, 400],
    ['PUT', '/secrets/db', { body: '{"value":"x","tags":{"a":1}}' }, 400],
    ['PUT', '/secrets/db', { body: '{"value":"x","attributes":{"exp":"soon"}}' }, 400],
    ['PUT', '/secrets/db', { body: '{"__proto__":{"value":"x"}}' }, 400],
    ['PUT', '/secrets/a%2fb', { body: '{"value":"x"}' }, 400],
    ['GET', '/secrets', { as: 'SharedAccessSignature sr=x&sig=y&se=1&skn=owner' }, 401],
  ] as const)
    assert.equal((await at.ask(method, path, { as, ...more })).status, status, `${method} ${path} ${JSON.stringify(more)}`)
  assert.deepEqual(
    ['/secrets', '/Secrets/a', '/secretsx', '/deletedsecrets/a', '/'].map((path) => at.site.serves(path)),
    [true, true, false, true, false],
  )
  const { headers } = await at.ask('GET', '/secrets', { host: 'evil"; x="' })
  assert.doesNotMatch(headers['www-authenticate'] ?? '', /evil/, 'a host that is none is not repeated')
})

test('the resource of the challenge is what the host of the vault lies below', () => {
  for (const [host, wanted] of [
    ['vault.hub.example', 'https://hub.example'],
    ['a.b.hub.example:8443', 'https://hub.example'],
    ['x.other.example', 'https://other.example'],
    ['localhost', 'https://localhost'],
    ['127.0.0.1:8443', 'https://127.0.0.1'],
    ['[::1]:8443', 'https://[::1]'],
  ] as const)
    assert.equal(vaultResource(host, ['hub.example']), wanted)
})
