import assert from 'node:assert/strict'
import { test } from 'node:test'
import encodeQr from 'qr'
import decodeQr from 'qr/decode.js'
import { type Instant, type Result, instant } from '#base'
import { encodeManifest, isNameOf, parseNamePattern } from '#wire/factory'
import { make } from '../../../test/throwaway-ca.ts'
import { checkDevice } from './checks.ts'
import { labelText } from './label.ts'
import { afterMaking, makeDevice, openStation } from './station.ts'

const start = Date.UTC(2026, 0, 1)
const at = (hours: number): Instant => instant(start + hours * 3_600_000)
const claims = ['a1', 'b2', 'c3'].map((byte) => byte.repeat(16))

function good<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? '' : `${result.error.code}: ${result.error.message}`)
  return result.value
}
const codeOf = (result: Result<unknown>) => (result.ok ? 'ok' : result.error.code)

function scene() {
  const issuer = make({ name: 'lot', ca: { pathLength: 0 } })
  const manifest = encodeManifest({
    lot: 'autumn',
    group: 'pumps',
    pattern: 'pump-{serial}',
    idScope: '0ne00000001',
    hub: 'hub.example',
    issuedAt: at(0),
    makeUntil: at(48),
    chain: [issuer.certificate],
    claims,
  })
  let ledger = ''
  let station = good(openStation(manifest, ledger))
  const next = (serial: string, hours: number) => {
    const made = makeDevice(station, issuer.key, { serial }, at(hours))
    if (!made.ok) return made
    ledger += made.value.line
    station = afterMaking(station, made.value, at(hours))
    return made
  }
  return { issuer, manifest, next, station: () => station, ledger: () => ledger }
}

test('a station counts down by its claims, and makes nothing twice, too late, or before its last line', () => {
  const { next } = scene()
  assert.equal(codeOf(next('1', -1)), 'factory/clock-behind')
  good(next('1', 2))
  assert.equal(codeOf(next('1', 3)), 'factory/made-before')
  assert.equal(codeOf(next('2', 1)), 'factory/clock-behind')
  assert.equal(codeOf(next('2', 49)), 'factory/expired')
  assert.equal(codeOf(next('no spaces', 3)), 'factory/serial-malformed')
  good(next('2', 3))
  good(next('3', 4))
  assert.equal(codeOf(next('4', 5)), 'factory/used-up')
})

test('a ledger with a line changed, moved, doubled or taken out is refused; a torn end is not there', () => {
  const { manifest, next, ledger } = scene()
  for (const [serial, hours] of [
    ['1', 1],
    ['2', 2],
    ['3', 3],
  ] as const)
    good(next(serial, hours))
  const whole = ledger()
  assert.equal(good(openStation(manifest, whole)).entries.length, 3)
  assert.equal(good(openStation(manifest, whole.slice(0, -10))).entries.length, 2)
  const [one = '', two = '', three = ''] = whole.split('\n')
  for (const lines of [
    [one, three],
    [two, one, three],
    [one, one, two],
    [one.replace('"at":"2026', '"at":"2027'), two],
  ])
    assert.equal(codeOf(openStation(manifest, `${lines.join('\n')}\n`)), 'factory/ledger-broken')
  assert.equal(codeOf(openStation(manifest.replace('"pumps"', '"others"'), whole)), 'factory/ledger-broken')
})

test('dry-run names what a hub would refuse: a certificate too many, of another issuer, of another name, not written down, too old', () => {
  const { issuer, next, station } = scene()
  const made = good(next('7', 1)).certificate
  const failed = (der: Buffer, hours = 2) =>
    checkDevice(station(), der, at(hours))
      .filter((one) => !one.ok)
      .map((one) => one.name)
  assert.deepEqual(failed(made.der), [])
  assert.deepEqual(failed(make({ name: 'pump-8', by: issuer }).der), ['claim', 'ledger'])
  assert.deepEqual(failed(make({ name: 'valve-8', by: make({ name: 'lot', ca: { pathLength: 0 } }) }).der), [
    'issuer',
    'name',
    'claim',
    'ledger',
  ])
  assert.deepEqual(failed(made.der, 24 * 500), ['end', 'lot'])
  assert.deepEqual(failed(Buffer.from('no certificate')), ['certificate'])
})

test('a pattern names devices and nothing besides them', () => {
  assert.deepEqual(
    ['pump-{serial}', '{serial}', 'a', '{serial}{serial}', 'a b{serial}', '{serial}.'].map((one) => parseNamePattern(one).ok),
    [true, true, false, false, false, false],
  )
  assert.deepEqual(
    ['pump-1', 'PUMP-1', 'pump-', 'valve-1', 'pump-1/x'].map((one) => isNameOf('pump-{serial}', one)),
    [true, true, false, false, false],
  )
})

test('a label can be read back from its code', () => {
  const text = labelText('pump-7', 'autumn', 'ab'.repeat(32))
  const rows = encodeQr(text, 'raw', { scale: 4 })
  const size = rows.length
  const data = Uint8Array.from(rows.flat().flatMap((dark) => (dark ? [0, 0, 0, 255] : [255, 255, 255, 255])))
  assert.equal(decodeQr({ width: size, height: size, data }), text)
})
