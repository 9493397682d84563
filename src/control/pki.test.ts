import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemGrant } from '#access'
import { systemRandom, Secret } from '#base'
import { openOfflineRoot, proveRemoval, signAway } from '#pki'
import { deviceId, openControlScene } from '../../test/control-scene.ts'

const text = (value: unknown, name: string): string => String(Object(value)[name])

test('the API takes the root offline and imports the issuer that it then signs', async () => {
  await using scene = await openControlScene()
  const post = (path: string, body: unknown) => scene.local(path, { method: 'POST', headers: {}, body })
  const exported = await post('/api/v1/pki/root/export', { passphrase: 'correct horse battery staple' })
  assert.equal(exported.status, 200)
  const root = openOfflineRoot(text(exported.json, 'pem'), new Secret(Buffer.from('correct horse battery staple')))
  assert.ok(root.ok)
  assert.equal(text((await post('/api/v1/pki/root/remove-key', { proof: 'AAAA' })).json, 'code'), 'pki/export-not-proven')
  const removed = await post('/api/v1/pki/root/remove-key', { proof: proveRemoval(root.value).toString('base64') })
  assert.deepEqual([removed.status, text(removed.json, 'fingerprintSha256')], [200, scene.pki.rootFingerprintSha256])
  const request = await post('/api/v1/pki/issuer-requests', { role: 'devices' })
  assert.equal(request.status, 201)
  const signed = await signAway(root.value, text(request.json, 'requestPem'), scene.clock.now(), systemRandom)
  assert.ok(signed.ok)
  const imported = await post('/api/v1/pki/issuers', { chainPem: signed.value.chainPem })
  assert.deepEqual([imported.status, text(imported.json, 'serial')], [201, signed.value.serial])
  const listed = (await scene.local('/api/v1/pki/authorities')).json
  const all: { role: string; origin: string; place: string; state: string }[] = Object(listed).authorities
  assert.deepEqual(
    all.map(({ role, origin, place, state }) => `${role} ${origin} ${place} ${state}`),
    [
      'root ours none active',
      'device-issuer ours software retiring',
      'server-issuer ours software active',
      'device-issuer imported software active',
    ],
  )
  assert.equal((await scene.local('/api/v1/pki/issuer-requests/none', { method: 'DELETE', headers: {} })).status, 404)
})

test('the API lists certificates by their end, page by page, and counts how many end in which week', async () => {
  await using scene = await openControlScene()
  const names = ['a', 'b', 'c', 'd', 'e']
  await scene.pki.issueDevices(
    systemGrant('certificate.issue', 'x'),
    names.map((id) => ({ deviceId: deviceId(id), generate: true }) as const),
  )
  const owners: string[] = []
  let after = ''
  for (let page = 0; page < 10; page++) {
    const { status, json } = await scene.local(`/api/v1/certificates?expiringDays=31&state=valid&limit=2${after}`)
    assert.equal(status, 200)
    const { certificates, next }: { certificates: { owner: string }[]; next: string | null } = Object(json)
    owners.push(...certificates.map(({ owner }) => owner))
    if (next === null) break
    after = `&after=${next}`
  }
  assert.deepEqual(
    owners.toSorted((a, b) => a.localeCompare(b)),
    names.map((name) => `device:${name}`),
  )
  assert.equal(text((await scene.local('/api/v1/certificates?after=x')).json, 'code'), 'control/bad-page')
  const { weeks }: { weeks: { certificates: number }[] } = Object((await scene.local('/api/v1/certificate-expiries?weeks=6')).json)
  assert.deepEqual(
    weeks.map(({ certificates }) => certificates),
    [0, 0, 0, 0, 5, 4],
  )
})
