import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identityPrefixes } from '#access'
import { reservedPrefixes } from '#hub'
import { authenticationConfig } from './authentication-config.ts'
import type { AuthenticationSettings } from './settings-schema.ts'

const read = (settings: AuthenticationSettings) => {
  const config = authenticationConfig(settings, (path) => `/etc/thingwall/${path}`)
  return config.ok ? config.value : config.error.message
}

test('nothing said: registered devices with certificates alone', () => {
  assert.deepEqual(read({}), { documents: [], serviceAccounts: undefined, sasUntil: undefined })
})

test('paths go from the settings file on; times are times', () => {
  const config = read({
    documents: ['a.yaml'],
    sas: { allowedUntil: '2027-01-31T00:00:00+01:00' },
    serviceAccounts: { issuer: 'https://issuer.example', keys: 'keys.json' },
  })
  assert.deepEqual(config, {
    documents: ['/etc/thingwall/a.yaml'],
    sasUntil: Date.UTC(2027, 0, 30, 23),
    serviceAccounts: { by: 'keys', issuer: 'https://issuer.example', keys: '/etc/thingwall/keys.json', caFile: undefined },
  })
})

test('a Kubernetes API is asked where it reviews tokens', () => {
  const config = read({ serviceAccounts: { review: 'https://kubernetes.default.svc', reviewToken: 'token', ca: 'ca.crt' } })
  assert.ok(typeof config !== 'string' && config.serviceAccounts?.by === 'review')
  assert.equal(config.serviceAccounts.endpoint.href, 'https://kubernetes.default.svc/apis/authentication.k8s.io/v1/tokenreviews')
})

const wrong: readonly (readonly [string, AuthenticationSettings, RegExp])[] = [
  ['a day without a time', { sas: { allowedUntil: '2027-01-31' } }, /sas\.allowedUntil/],
  ['a time without a zone', { sas: { allowedUntil: '2027-01-31T00:00:00' } }, /sas\.allowedUntil/],
  ['no time at all', { sas: { allowedUntil: 'never' } }, /sas\.allowedUntil/],
  ['an hour that no day has', { sas: { allowedUntil: '2027-01-31T25:00:00Z' } }, /sas\.allowedUntil/],
  ['keys without an issuer', { serviceAccounts: { keys: 'keys.json' } }, /issuer is missing/],
  ['an issuer without keys', { serviceAccounts: { issuer: 'x' } }, /keys is missing/],
  ['keys over http', { serviceAccounts: { issuer: 'x', keys: 'http://issuer.example/keys' } }, /https/],
  ['keys with a password', { serviceAccounts: { issuer: 'x', keys: 'https://u:p@issuer.example/keys' } }, /https/],
  ['a review over http', { serviceAccounts: { review: 'http://k8s', reviewToken: 't' } }, /https/],
  ['a review with a path', { serviceAccounts: { review: 'https://k8s/apis', reviewToken: 't' } }, /without a path/],
  ['a review without a token', { serviceAccounts: { review: 'https://k8s' } }, /reviewToken/],
  ['both ways', { serviceAccounts: { review: 'https://k8s', reviewToken: 't', issuer: 'x', keys: 'k' } }, /either/],
]
for (const [what, settings, expected] of wrong)
  test(`settings of authentication: ${what} is refused`, () => {
    const said = read(settings)
    assert.match(typeof said === 'string' ? said : '', expected)
  })

test('no device can be registered under an identity of another method', () => {
  for (const prefix of identityPrefixes) assert.ok(reservedPrefixes.includes(prefix))
})
