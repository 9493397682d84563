import assert from 'node:assert/strict'
import { test } from 'node:test'
import { servicesConfig } from './services-config.ts'
import type { ServicesSettings } from './settings-schema.ts'
import { parseSettings } from './settings.ts'

const read = (settings: ServicesSettings) => {
  const config = servicesConfig(settings, (path) => `/etc/thingwall/${path}`)
  if (!config.ok) return config.error.message
  const { issuers, policiesUntil } = config.value
  return { issuers, policiesUntil }
}

test('nothing said: registered services alone, and no shared access policies', () =>
  assert.deepEqual(read({}), { issuers: [], policiesUntil: undefined }))

test('issuers with their keys at a URL or in a file, and an end for policies', () => {
  const config = read({
    issuers: [
      { issuer: 'https://a.example/', jwksUri: 'https://a.example/keys', ca: 'ca.pem', audience: 'x', rolesClaim: 'r' },
      { issuer: 'b', jwksFile: 'keys.json' },
    ],
    sharedAccessPolicies: { allowedUntil: '2027-01-31T00:00:00Z' },
  })
  assert.deepEqual(config, {
    issuers: [
      {
        issuer: 'https://a.example/',
        keys: new URL('https://a.example/keys'),
        caFile: '/etc/thingwall/ca.pem',
        audience: 'x',
        rolesClaim: 'r',
      },
      { issuer: 'b', keys: '/etc/thingwall/keys.json', caFile: undefined, audience: undefined, rolesClaim: undefined },
    ],
    policiesUntil: Date.UTC(2027, 0, 31),
  })
})

const wrong: readonly (readonly [string, ServicesSettings, RegExp])[] = [
  ['no keys', { issuers: [{ issuer: 'a' }] }, /issuers\.0 has either/],
  ['keys twice', { issuers: [{ issuer: 'a', jwksUri: 'https://a', jwksFile: 'b' }] }, /issuers\.0 has either/],
  ['keys in clear', { issuers: [{ issuer: 'a', jwksUri: 'http://a/keys' }] }, /jwksUri must be an https URL/],
  ['keys with a password', { issuers: [{ issuer: 'a', jwksUri: 'https://u:p@a/keys' }] }, /jwksUri must be an https URL/],
  ['an issuer twice', { issuers: [1, 2].map(() => ({ issuer: 'a', jwksFile: 'b' })) }, /issuers\.1\.issuer stands there twice/],
  ['an issuer that calls itself one of ours', { issuers: [{ issuer: 'urn:thingwall:service:x', jwksFile: 'b' }] }, /begins as those/],
  ['a day without a time', { sharedAccessPolicies: { allowedUntil: '2027-01-31' } }, /must be a time/],
]
for (const [name, settings, expected] of wrong)
  test(`refuses ${name}`, () => {
    const said = read(settings)
    assert.ok(typeof said === 'string', 'it was taken')
    assert.match(said, expected)
  })

test('a list of groups is read member by member, and every mistake has its place', () => {
  const problems = (text: string) => {
    const parsed = parseSettings(text)
    return parsed.ok ? 'taken' : parsed.error.problems.map(({ path, message }) => `${path} ${message}`)
  }
  assert.equal(problems('services: {issuers: [{issuer: a, jwksFile: b}]}'), 'taken')
  assert.deepEqual(problems('services: {issuers: [{isuer: a, jwksFile: b}]}'), [
    'services.issuers.0.issuer is missing',
    'services.issuers.0.isuer is no setting; is issuer meant?',
  ])
  assert.deepEqual(problems('services: {issuers: [{issuer: a}, {issuer: 7}]}'), ['services.issuers.1.issuer must be text, not 7'])
  assert.deepEqual(problems('services: {issuers: [null]}'), ['services.issuers.0.issuer is missing'])
  assert.deepEqual(problems('services: {issuers: [a]}'), ['services.issuers.0 must be a group of settings, not "a"'])
  assert.deepEqual(problems('services: {issuers: {issuer: a}}'), ['services.issuers must be a list of groups, not a group'])
  assert.deepEqual(problems(`services: {issuers: [${Array(17).fill('{issuer: a}').join(', ')}]}`), [
    'services.issuers has more than 16 groups',
  ])
})
