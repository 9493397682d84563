import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { provisioningSettings } from './provisioning-settings.ts'

test('without settings shared keys last as long as elsewhere, and no webhook is asked', () => {
  assert.deepEqual(provisioningSettings(undefined, undefined), {
    ok: true,
    value: { symmetricKeysUntil: undefined, webhookHosts: [], region: undefined },
  })
  const read = provisioningSettings({}, instant(5))
  assert.equal(read.ok ? read.value.symmetricKeysUntil : '', 5)
})

test('an end of its own, hosts in lower case and without the usual port, and a region are read', () => {
  const settings = { symmetricKeysUntil: '2027-01-31T00:00:00Z', webhookHosts: ['Where.Example:443', '[::1]:8443'], region: 'north' }
  assert.deepEqual(provisioningSettings(settings, instant(5)), {
    ok: true,
    value: { symmetricKeysUntil: Date.UTC(2027, 0, 31), webhookHosts: ['where.example', '[::1]:8443'], region: 'north' },
  })
})

type Given = NonNullable<Parameters<typeof provisioningSettings>[0]>
const wrong: readonly (readonly [string, Given, RegExp])[] = [
  ['a day without a time', { symmetricKeysUntil: '2027-01-31' }, /symmetricKeysUntil/],
  ['a URL in place of a host', { webhookHosts: ['https://where.example'] }, /webhookHosts/],
  ['a wildcard', { webhookHosts: ['*.example'] }, /webhookHosts/],
]
for (const [name, settings, says] of wrong)
  test(`${name} is refused by its place`, () => {
    const read = provisioningSettings(settings, undefined)
    assert.match(read.ok ? '' : read.error.message, says)
  })
