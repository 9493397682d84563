import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultWorkers, parseConfig } from './config.io.ts'

const parse = (flags: Record<string, string | string[]>, environment: Record<string, string> = {}) => parseConfig(flags, environment)

test('defaults bind loopback and the standard ports', () => {
  const config = parse({}, { XDG_DATA_HOME: '/data' })
  assert.ok(config.ok)
  assert.deepEqual(
    [
      config.value.host,
      config.value.consoleHost,
      config.value.mqttPort,
      config.value.httpsPort,
      config.value.httpsFallback,
      config.value.consolePort,
      config.value.dataDirectory,
    ],
    ['127.0.0.1', '127.0.0.1', 8883, 443, 8443, 9443, '/data/thingwall'],
  )
})

test('a flag wins over the environment, the environment over the default', () => {
  const config = parse({ 'mqtt-port': '1' }, { THINGWALL_MQTT_PORT: '2', THINGWALL_CONSOLE_PORT: '3', THINGWALL_DATA: '/x' })
  assert.ok(config.ok)
  assert.deepEqual([config.value.mqttPort, config.value.consolePort, config.value.dataDirectory], [1, 3, '/x'])
})

test('one core speaks TLS where it does everything else; more cores get a thread each, up to what one engine can feed', () => {
  assert.deepEqual([1, 2, 3, 4, 64].map(defaultWorkers), [0, 2, 3, 4, 4])
  const config = parse({ workers: '0' })
  assert.equal(config.ok && config.value.workers, 0)
})

test('names are lower-cased, loopback is always covered, nothing twice', () => {
  const config = parse({ name: ['Hub.Example', '10.0.0.1', 'localhost'], host: '10.0.0.1' })
  assert.ok(config.ok)
  assert.deepEqual(config.value.names.slice(0, 3), ['hub.example', '10.0.0.1', 'localhost'])
  assert.equal(new Set(config.value.names).size, config.value.names.length)
  for (const always of ['127.0.0.1', '::1']) assert.ok(config.value.names.includes(always))
})

for (const [flag, value] of [
  ['mqtt-port', '65536'],
  ['mqtt-port', '-1'],
  ['mqtt-port', '1e3'],
  ['https-port', 'x'],
  ['host', 'localhost'],
  ['host', '*'],
  ['name', 'a b'],
  ['name', '*.x'],
  ['retention-bytes', '0'],
  ['retention-bytes', '-1'],
  ['retention-bytes', '9999999999T'],
  ['retention-days', '0'],
  ['retention-days', 'NaN'],
  ['log-level', 'loud'],
  ['workers', '-1'],
  ['workers', '1.5'],
  ['workers', '0x2'],
  ['workers', '65'],
  ['no-such-flag', '1'],
] as const) {
  test(`CVE-2026-42209: --${flag} ${value} is refused by name`, () => {
    const config = parse({ [flag]: value })
    assert.ok(!config.ok)
    assert.equal(config.error.code, 'server/bad-option')
    assert.match(config.error.message, new RegExp(`--${flag}`))
  })
}
