import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCertificate } from '#wire/x509'
import { dersOf, setUpPki, value } from '../../../test/throwaway-pki.ts'
import { trustBundleOf, trustBundleSite } from './trust-bundle.ts'

test('the trust bundle is the same for the same roots, and is fetched again only when it changed', async () => {
  await using world = await setUpPki()
  await using other = await setUpPki()
  const roots = [world.pki.rootPem, other.pki.rootPem].flatMap(dersOf).map((der) => value(parseCertificate(der)))
  const bundle = trustBundleOf(roots)
  assert.deepEqual(trustBundleOf(roots.toReversed()), bundle)
  assert.notEqual(trustBundleOf(roots.slice(1)).version, bundle.version)
  const site = trustBundleSite(() => bundle)
  const ask = (method: string, headers = {}) =>
    site.answer({
      method,
      path: '/pki/trust-bundle',
      query: new URLSearchParams(),
      headers,
      body: Buffer.alloc(0),
      peer: { address: '192.0.2.1', certificates: [] },
    })
  const first = await ask('GET')
  assert.deepEqual([first.status, dersOf(String(first.body)).length], [200, 2])
  assert.equal((await ask('GET', { 'if-none-match': first.headers?.['etag'] ?? '' })).status, 304)
  assert.equal((await ask('POST')).status, 405)
  assert.deepEqual([site.serves('/pki/trust-bundle'), site.serves('/pki/trust-bundle/x')], [true, false])
})
