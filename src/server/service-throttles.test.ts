import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultAzureThrottles } from '#control'
import { servicesConfig } from './services-config.ts'
import { parseSettings } from './settings.ts'

const throttlesOf = (text: string) => {
  const settings = parseSettings(text)
  if (!settings.ok) return settings.error.code
  const services = servicesConfig(settings.value.services ?? {}, (path) => path)
  return services.ok ? services.value.throttles : services.error.code
}

test('the settings change the throttles that they name and leave the others', () => {
  assert.deepEqual(throttlesOf('services: {throttles: {queries: {perSecond: 2}}}'), {
    ...defaultAzureThrottles,
    queries: { ...defaultAzureThrottles.queries, perSecond: 2 },
  })
  assert.deepEqual(throttlesOf('host: 127.0.0.1'), defaultAzureThrottles)
})

for (const text of [
  'services: {throttles: {queries: {perSecond: 0}}}',
  'services: {throttles: {queries: {burst: 1.5}}}',
  'services: {throttles: {queries: {perMinute: 1}}}',
  'services: {throttles: {everything: {perSecond: 1}}}',
])
  test(`refused: ${text}`, () => assert.equal(throttlesOf(text), 'server/settings-invalid'))
