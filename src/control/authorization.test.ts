import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actions } from '#base'
import { openControlScene } from '../../test/control-scene.ts'
import { allRoutes } from './routes/index.ts'

/** Every route, and what it takes. A route that is missing here fails the first test. */
const matrix: Readonly<Record<string, 'anyone' | 'signed-in' | readonly string[]>> = {
  'GET /healthz': 'anyone',
  'GET /openapi.json': 'anyone',
  'GET /root.pem': 'anyone',
  'POST /api/v1/sign-in': 'anyone',
  'GET /api/v1/me': 'signed-in',
  'POST /api/v1/sign-out': 'signed-in',
  'POST /api/v1/sign-in-links': ['operator.sign-in'],
  'GET /api/v1/hub': ['hub.read'],
  'GET /api/v1/live': ['hub.read'],
  'GET /metrics': ['hub.read'],
  'GET /api/v1/devices': ['device.read'],
  'POST /api/v1/devices': ['device.write'],
  'POST /api/v1/devices/bulk': ['device.write'],
  'GET /api/v1/devices/{id}': ['device.read'],
  'PATCH /api/v1/devices/{id}': ['device.write'],
  'DELETE /api/v1/devices/{id}': ['device.delete', 'certificate.issue'],
  'GET /api/v1/devices/{id}/certificates': ['device.read'],
  'POST /api/v1/devices/{id}/certificates': ['certificate.issue'],
  'POST /api/v1/devices/{id}/revoke': ['certificate.issue', 'session.close', 'device.write'],
  'POST /api/v1/revocations': ['certificate.issue', 'session.close'],
  'GET /api/v1/acme-accounts': ['pki.read'],
  'POST /api/v1/acme-accounts': ['pki.administer'],
  'DELETE /api/v1/acme-accounts/{name}': ['pki.administer'],
  'GET /api/v1/enrollment-codes': ['pki.read'],
  'POST /api/v1/enrollment-codes': ['certificate.issue'],
  'DELETE /api/v1/enrollment-codes/{id}': ['certificate.issue'],
  'GET /api/v1/lots': ['enrollment.read'],
  'POST /api/v1/lots': ['enrollment.write'],
  'POST /api/v1/lots/{lot}/export': ['certificate.issue', 'enrollment.write'],
  'POST /api/v1/lots/{lot}/report': ['certificate.issue'],
  'POST /api/v1/lots/{lot}/revoke': ['certificate.issue', 'session.close'],
  'GET /api/v1/provisioning': ['enrollment.read'],
  'GET /api/v1/attestation/policies': ['enrollment.read'],
  'POST /api/v1/attestation/policies': ['enrollment.write'],
  'DELETE /api/v1/attestation/policies/{name}': ['enrollment.write'],
  'GET /api/v1/attestation/devices': ['enrollment.read'],
  'PUT /api/v1/attestation/devices/{id}': ['enrollment.write'],
  'DELETE /api/v1/attestation/devices/{id}': ['enrollment.write'],
  'GET /api/v1/devices/{id}/timeline': ['telemetry.read'],
  'GET /api/v1/devices/{id}/modules': ['device.read'],
  'POST /api/v1/devices/{id}/modules': ['device.write'],
  'GET /api/v1/devices/{id}/modules/{module}': ['device.read'],
  'PATCH /api/v1/devices/{id}/modules/{module}': ['device.write'],
  'DELETE /api/v1/devices/{id}/modules/{module}': ['device.delete'],
  'GET /api/v1/devices/{id}/twin': ['twin.read'],
  'GET /api/v1/devices/{id}/modules/{module}/twin': ['twin.read'],
  'PATCH /api/v1/devices/{id}/twin': ['twin.write'],
  'PATCH /api/v1/devices/{id}/modules/{module}/twin': ['twin.write'],
  'PUT /api/v1/devices/{id}/twin': ['twin.write'],
  'PUT /api/v1/devices/{id}/modules/{module}/twin': ['twin.write'],
  'GET /api/v1/devices/{id}/twin/history': ['twin.read'],
  'GET /api/v1/devices/{id}/modules/{module}/twin/history': ['twin.read'],
  'POST /api/v1/devices/{id}/methods': ['method.invoke'],
  'POST /api/v1/devices/{id}/modules/{module}/methods': ['method.invoke'],
  'POST /api/v1/devices/{id}/messages': ['c2d.send'],
  'POST /api/v1/devices/{id}/modules/{module}/messages': ['c2d.send'],
  'GET /api/v1/devices/{id}/messages': ['c2d.send'],
  'GET /api/v1/devices/{id}/modules/{module}/messages': ['c2d.send'],
  'DELETE /api/v1/devices/{id}/messages': ['c2d.purge'],
  'DELETE /api/v1/devices/{id}/modules/{module}/messages': ['c2d.purge'],
  'GET /api/v1/pki/campaign': ['pki.read'],
  'GET /api/v1/pki/campaign-plan': ['pki.read'],
  'POST /api/v1/pki/campaign/start': ['pki.administer'],
  'POST /api/v1/pki/campaign/hold': ['pki.administer'],
  'POST /api/v1/pki/campaign/resume': ['pki.administer'],
  'POST /api/v1/pki/campaign/rollback': ['pki.administer'],
  'POST /api/v1/pki/campaign/cut-over': ['pki.administer'],
  'POST /api/v1/pki/campaign/retire': ['pki.administer'],
  'POST /api/v1/query': ['twin.read'],
  'GET /api/v1/jobs': ['job.read'],
  'POST /api/v1/jobs': ['job.write'],
  'GET /api/v1/jobs/{id}': ['job.read'],
  'GET /api/v1/jobs/{id}/devices': ['job.read'],
  'GET /api/v1/jobs/{id}/live': ['job.read'],
  'POST /api/v1/jobs/{id}/cancel': ['job.write'],
  'GET /api/v1/configurations': ['configuration.read'],
  'POST /api/v1/configurations': ['configuration.write'],
  'POST /api/v1/configurations/test': ['configuration.read', 'twin.read'],
  'GET /api/v1/configurations/{id}': ['configuration.read'],
  'PATCH /api/v1/configurations/{id}': ['configuration.write'],
  'DELETE /api/v1/configurations/{id}': ['configuration.write'],
  'GET /api/v1/configurations/{id}/targets': ['configuration.read', 'twin.read'],
  'POST /api/v1/containers': ['device.write'],
  'GET /api/v1/imports': ['device.read'],
  'POST /api/v1/imports': ['device.write'],
  'POST /api/v1/imports/{id}/lines': ['device.write'],
  'POST /api/v1/imports/{id}/plan': ['device.read', 'twin.read', 'configuration.read'],
  'POST /api/v1/imports/{id}/apply': [
    'device.read',
    'twin.read',
    'configuration.read',
    'device.write',
    'device.delete',
    'twin.write',
    'configuration.write',
  ],
  'POST /api/v1/export': ['device.read', 'twin.read', 'configuration.read'],
  'GET /api/v1/files': ['telemetry.read'],
  'GET /api/v1/files/content': ['telemetry.read'],
  'DELETE /api/v1/files': ['hub.administer'],
  'GET /api/v1/connections': ['device.read'],
  'GET /api/v1/events': ['telemetry.read'],
  'GET /api/v1/explain': ['policy.read'],
  'GET /api/v1/decisions/{id}': ['policy.read', 'telemetry.read'],
  'GET /api/v1/devices/{id}/denials': ['telemetry.read'],
  'GET /api/v1/policies': ['policy.read'],
  'POST /api/v1/policies': ['policy.write'],
  'GET /api/v1/policies/{name}': ['policy.read'],
  'DELETE /api/v1/policies/{name}': ['policy.write'],
  'POST /api/v1/policies/plan': ['policy.read'],
  'POST /api/v1/policies/test': ['policy.read'],
  'POST /api/v1/policies/simulate': ['policy.read'],
  'GET /api/v1/policy-versions': ['policy.read'],
  'GET /api/v1/policy-shrink': ['policy.read'],
  'GET /api/v1/pki/authorities': ['pki.read'],
  'GET /api/v1/pki/issuer-requests': ['pki.read'],
  'POST /api/v1/pki/issuer-requests': ['pki.administer'],
  'DELETE /api/v1/pki/issuer-requests/{id}': ['pki.administer'],
  'POST /api/v1/pki/issuers': ['pki.administer'],
  'POST /api/v1/pki/root/export': ['pki.administer'],
  'POST /api/v1/pki/root/remove-key': ['pki.administer'],
  'POST /api/v1/pki/issuer-rotations': ['pki.administer'],
  'POST /api/v1/pki/issuers/{serial}/retire': ['pki.administer', 'certificate.issue', 'session.close'],
  'GET /api/v1/certificates': ['pki.read'],
  'GET /api/v1/certificates/{serial}': ['pki.read'],
  'GET /api/v1/certificate-expiries': ['pki.read'],
  'GET /api/v1/secrets': ['secret.list'],
  'GET /api/v1/secrets/{name}': ['secret.list'],
  'GET /api/v1/secrets/{name}/versions': ['secret.list'],
  'POST /api/v1/secrets/{name}/read': ['secret.read'],
  'POST /api/v1/secrets': ['secret.write'],
  'PATCH /api/v1/secrets/{name}': ['secret.write'],
  'POST /api/v1/secrets/{name}/rotate': ['secret.write'],
  'PUT /api/v1/secrets/{name}/rotation': ['secret.write'],
  'DELETE /api/v1/secrets/{name}/rotation': ['secret.write'],
  'DELETE /api/v1/secrets/{name}': ['secret.write'],
  'GET /api/v1/deleted-secrets': ['secret.list'],
  'POST /api/v1/deleted-secrets/{name}/recover': ['secret.write'],
  'DELETE /api/v1/deleted-secrets/{name}': ['secret.write'],
  'GET /api/v1/secret-access': ['secret.administer'],
  'PUT /api/v1/secret-access': ['secret.administer'],
  'POST /api/v1/secret-access/remove': ['secret.administer'],
  'GET /api/v1/sync': ['secret.administer'],
  'PUT /api/v1/sync/{edge}': ['secret.administer'],
  'DELETE /api/v1/sync/{edge}': ['secret.administer'],
  'GET /api/v1/vault': ['secret.administer'],
  'POST /api/v1/vault/protect': ['secret.administer'],
  'POST /api/v1/vault/rotate': ['secret.administer'],
  'POST /api/v1/backups': ['secret.administer'],
  'GET /api/v1/services': ['service.read'],
  'POST /api/v1/services': ['service.write'],
  'GET /api/v1/services/{name}': ['service.read'],
  'DELETE /api/v1/services/{name}': ['service.write'],
  'GET /api/v1/shared-access-policies': ['service.read'],
  'POST /api/v1/shared-access-policies': ['service.write'],
  'DELETE /api/v1/shared-access-policies/{name}': ['service.write'],
  'GET /api/v1/routes': ['route.read'],
  'POST /api/v1/routes': ['route.write'],
  'POST /api/v1/routes/test': ['route.read', 'twin.read'],
  'PATCH /api/v1/routes/{name}': ['route.write'],
  'DELETE /api/v1/routes/{name}': ['route.write'],
  'POST /api/v1/route-fallback': ['route.write'],
  'POST /api/v1/enrichments': ['route.write'],
  'DELETE /api/v1/enrichments/{key}': ['route.write'],
  'GET /api/v1/endpoints': ['route.read'],
  'POST /api/v1/endpoints': ['route.write'],
  'GET /api/v1/endpoints/{name}': ['route.read'],
  'PATCH /api/v1/endpoints/{name}': ['route.write'],
  'DELETE /api/v1/endpoints/{name}': ['route.write'],
  'GET /api/v1/dead-letters': ['route.read'],
  'GET /api/v1/dead-letters/{id}': ['route.read', 'telemetry.read'],
  'POST /api/v1/dead-letters/replay': ['route.write'],
  'POST /api/v1/dead-letters/drop': ['route.write'],
  'GET /api/v1/checks': ['hub.read'],
  'POST /api/v1/checks/run': ['check.run'],
  'GET /api/v1/audit': ['audit.read'],
}

const at = (path: string) => path.replace(/decisions\/\{id\}/, 'decisions/ab-1').replaceAll(/\{[a-z]+\}/g, 'pump-1')

test('every route is in the matrix with the rights that it declares, and the matrix names no other', async () => {
  await using scene = await openControlScene()
  const declared = scene.control.routes.map(({ method, path, access }) => {
    const taken = 'grants' in access ? [...access.grants] : 'anyone' in access ? 'anyone' : 'signed-in'
    return [`${method} ${path}`, taken] as const
  })
  assert.deepEqual(new Map(declared), new Map(Object.entries(matrix)))
  for (const { access } of scene.control.routes) if ('grants' in access) for (const one of access.grants) assert.ok(actions.includes(one))
})

test('nobody gets past a route that is not for anyone, by no method and with nothing of the body read', async () => {
  await using scene = await openControlScene()
  for (const { method, path, access } of scene.control.routes) {
    if ('anyone' in access) continue
    const reply = await scene.ask(at(path), { method, ...(method === 'GET' ? {} : { raw: '{"this is": not JSON' }) })
    assert.deepEqual([reply.status, Object(reply.json).code], [401, 'access/not-signed-in'], `${method} ${path}`)
    assert.match(reply.headers['content-type'] ?? '', /^application\/problem\+json/)
  }
  for (const method of ['PUT', 'OPTIONS', 'TRACE', 'HEAD'])
    for (const path of ['/api/v1/devices', '/api/v1/devices/pump-1', '/metrics'])
      assert.equal((await scene.ask(path, { method })).status, 404, `${method} ${path}`)
})

test('a caller without the rights of a route is denied, and one with them alone is not', async () => {
  await using scene = await openControlScene()
  const parts = { config: Object(undefined), ports: scene.ports, live: Object(undefined), durable: Object(undefined), openapi: () => ({}) }
  for (const route of allRoutes(parts)) {
    const { access } = route
    if (!('grants' in access)) continue
    const raw = {
      params: Object.fromEntries([...route.path.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => [name, 'ab-1'])),
      query: { unknown: '1' },
      body: { unknown: 1 },
      address: '127.0.0.1',
      header: () => undefined,
      setHeader() {},
      setStatus() {},
    }
    const with_ = (rights: readonly string[]) => ({
      ...raw,
      identity: {
        caller: Object({ actor: { kind: 'service', id: 's', via: 'session' }, rights: new Set(rights) }),
        browser: undefined,
        alive: () => true,
      },
    })
    for (const missing of access.grants) {
      const denied = await route.run(with_(actions.filter((action) => action !== missing)))
      assert.equal(!denied.ok && denied.error.code, 'access/denied', `${route.path} without ${missing}`)
    }
    const allowed = await route.run(with_(access.grants))
    assert.equal(!allowed.ok && allowed.error.code, 'control/malformed', `${route.path} with its rights and a bad query`)
  }
})

test('a browser cannot change anything without its anti-forgery token, or with another one', async () => {
  await using scene = await openControlScene()
  const mine = await scene.signIn()
  const other = await scene.signIn()
  for (const { method, path, access } of scene.control.routes) {
    if (method === 'GET' || 'anyone' in access) continue
    for (const csrf of [undefined, '', 'x', mine.csrf.slice(1), other.csrf]) {
      const headers = { cookie: mine.cookie, ...(csrf === undefined ? {} : { 'x-thingwall-csrf': csrf }) }
      const reply = await scene.ask(at(path), { method, headers, body: {} })
      assert.deepEqual([reply.status, Object(reply.json).code], [403, 'control/csrf'], `${method} ${path}`)
    }
  }
  assert.equal(scene.hub.devices.count, 0)
  const body = { id: 'pump-1', issue: false }
  const headers = { cookie: mine.cookie, 'x-thingwall-csrf': mine.csrf }
  assert.equal((await scene.ask('/api/v1/devices', { method: 'POST', headers, body })).status, 201)
})

test('a page of another origin gets nowhere, even on this host name with its cookie along', async () => {
  await using scene = await openControlScene()
  const { cookie, csrf } = await scene.signIn()
  const signed = { cookie, 'x-thingwall-csrf': csrf }
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: `http://${scene.host}` },
    { origin: 'https://hub.example:1' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'nonsense' },
  ])
    for (const [method, path] of [
      ['GET', '/api/v1/me'],
      ['GET', '/api/v1/devices'],
      ['POST', '/api/v1/sign-out'],
      ['POST', '/api/v1/sign-in'],
    ] as const) {
      const reply = await scene.ask(path, { method, headers: { ...signed, ...headers }, ...(method === 'POST' ? { body: {} } : {}) })
      assert.deepEqual([reply.status, Object(reply.json).code], [403, 'control/cross-site'], `${method} ${path} ${JSON.stringify(headers)}`)
      assert.equal(reply.headers['access-control-allow-origin'], undefined)
    }
  const own = { ...signed, origin: `https://${scene.host}`, 'sec-fetch-site': 'same-origin' }
  assert.equal((await scene.ask('/api/v1/me', { headers: own })).status, 200)
})

test('the local credential is refused from another address, behind a proxy, and when it is wrong', async () => {
  await using scene = await openControlScene()
  assert.equal((await scene.local('/api/v1/me')).status, 200)
  for (const header of ['forwarded', 'x-forwarded-for', 'via']) {
    const reply = await scene.local('/api/v1/me', { headers: { [header]: 'for=127.0.0.1' } })
    assert.deepEqual([reply.status, Object(reply.json).code], [403, 'access/not-local'], header)
  }
  for (const wrong of [`${scene.bearer}A`, scene.bearer.slice(0, -1), 'Bearer', 'Bearer ', 'Basic abc', scene.bearer.toLowerCase()]) {
    const reply = await scene.ask('/api/v1/me', { headers: { authorization: wrong } })
    assert.deepEqual([reply.status, Object(reply.json).code], [401, 'access/credential-refused'], wrong)
  }
  const { cookie } = await scene.signIn()
  const both = await scene.ask('/api/v1/me', { headers: { cookie, authorization: 'Bearer nonsense' } })
  assert.equal(both.status, 401, 'a bad credential is not made good by a cookie')
  for (const address of ['192.0.2.5', '::ffff:192.0.2.5', '2001:db8::1', '127.0.0.1.evil', '1127.0.0.1', 'fe80::1']) {
    scene.knobs.peer = address
    const reply = await scene.local('/api/v1/me')
    assert.deepEqual([reply.status, Object(reply.json).code], [403, 'access/not-local'], address)
  }
  for (const address of ['::1', '127.8.9.1', '::ffff:127.0.0.1']) {
    scene.knobs.peer = address
    assert.equal((await scene.local('/api/v1/me')).status, 200, address)
  }
})

test('a hub is asked by its own names only: a rebound name of a stranger ends here', async () => {
  await using scene = await openControlScene()
  const own = ['hub.example', `HUB.example:${scene.port}`, 'localhost', '127.0.0.1:1', '[::1]:9443']
  for (const host of own) assert.equal((await scene.ask('/healthz', { headers: { host } })).status, 200, host)
  for (const host of [
    'evil.example',
    'hub.example.evil.example',
    'hub.example@evil',
    'hub.example:99:1',
    'hub.example:x',
    '[::2]',
    'hub.example.',
  ]) {
    const reply = await scene.ask('/healthz', { headers: { host } })
    assert.ok(reply.status === 421 || reply.status === 400, `${host}: ${reply.status}`)
  }
  const reply = await scene.local('/api/v1/devices', { headers: { host: 'evil.example' } })
  assert.deepEqual([reply.status, Object(reply.json).code], [421, 'control/unknown-host'])
})

test('a sign-in link works once, and its replay, a stranger and a late comer are told apart', async () => {
  await using scene = await openControlScene()
  const { token, reply, cookie } = await scene.signIn()
  assert.equal(reply.status, 200)
  assert.match(
    reply.headers['set-cookie']?.[0] ?? '',
    /^__Host-thingwall-session=[A-Za-z0-9_-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=28800$/,
  )
  assert.equal((await scene.ask('/api/v1/me', { headers: { cookie } })).status, 200)
  const again = (body: unknown) => scene.ask('/api/v1/sign-in', { method: 'POST', body })
  assert.equal(Object((await again({ token })).json).code, 'access/link-used')
  assert.equal(Object((await again({ token: 'x' })).json).code, 'access/link-unknown')
  const link = await scene.local('/api/v1/sign-in-links', { method: 'POST' })
  const fresh = String(Object(link.json).url).split('#token=')[1]
  assert.ok(String(Object(link.json).url).startsWith('https://hub.example:9443/sign-in#token='))
  scene.clock.advance(15 * 60_000)
  assert.equal(Object((await again({ token: fresh })).json).code, 'access/link-expired')
})

test('sixteen browsers race for one link: one gets in', async () => {
  await using scene = await openControlScene()
  const link = await scene.local('/api/v1/sign-in-links', { method: 'POST' })
  const token = String(Object(link.json).url).split('#token=')[1]
  const replies = await Promise.all(Array.from({ length: 16 }, () => scene.ask('/api/v1/sign-in', { method: 'POST', body: { token } })))
  assert.equal(replies.filter((reply) => reply.status === 200).length, 1)
})

test('a session ends by sign-out, by an idle hour and after eight hours; a planted cookie never begins one', async () => {
  await using scene = await openControlScene()
  const me = (cookie: string) => scene.ask('/api/v1/me', { headers: { cookie } })
  const out = await scene.signIn()
  const left = await scene.ask('/api/v1/sign-out', { method: 'POST', headers: { cookie: out.cookie, 'x-thingwall-csrf': out.csrf } })
  assert.deepEqual([left.status, left.text], [204, ''])
  assert.match(left.headers['set-cookie']?.[0] ?? '', /=; .*Max-Age=0/)
  assert.equal((await me(out.cookie)).status, 401)
  const idle = await scene.signIn()
  scene.clock.advance(60 * 60_000)
  assert.equal((await me(idle.cookie)).status, 401)
  const busy = await scene.signIn()
  for (let half = 0; half < 15; half++) {
    scene.clock.advance(30 * 60_000)
    assert.equal((await me(busy.cookie)).status, 200)
  }
  scene.clock.advance(30 * 60_000)
  assert.equal((await me(busy.cookie)).status, 401)
  const { cookie } = await scene.signIn()
  for (const planted of [`${cookie}; ${cookie}`, `${cookie}x`, cookie.replace('__Host-', ''), `${cookie.split('=')[0]}=`, `x${cookie}`])
    assert.equal((await me(planted)).status, 401, planted)
})
