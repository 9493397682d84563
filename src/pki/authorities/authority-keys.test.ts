import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Result, refuse } from '#base'
import {
  codeOf,
  dersOf,
  device,
  mayIssue,
  openGround,
  openThrowawayPki,
  setUpPki,
  temporaryDirectory,
  value,
} from '../../../test/throwaway-pki.ts'
import type { KeyStore, SigningKey } from '../keys/signing-key.ts'
import { softwareKeys } from '../keys/software-keys.ts'
import type { PkiPorts } from '../ports.ts'

/** A place of keys that can go away: as a token does, but its keys are really in this process. */
function looseToken(ports: PkiPorts) {
  const keys = softwareKeys(ports)
  const state = { away: false, opened: 0, made: [] as string[] }
  const gone = (): Result<never> => refuse('pki/key-unavailable', 'The token is not there.')
  const store: KeyStore = {
    ...keys,
    place: 'pkcs11',
    title: 'a token',
    async make(purpose) {
      if (state.away) return gone()
      state.made.push(purpose)
      return keys.make(purpose)
    },
    async open(purpose, reference): Promise<Result<SigningKey>> {
      state.opened++
      return state.away ? gone() : keys.open(purpose, reference)
    },
  }
  return { state, ports: { ...ports, keys: store } }
}

test('root and issuers get their keys where keys are made; each row says where that is', async () => {
  await using directory = await temporaryDirectory()
  await using ground = await openGround(directory.path)
  const token = looseToken(ground.ports)
  await using pki = await openThrowawayPki(token.ports)
  value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true }))
  assert.deepEqual(
    token.state.made.map((purpose) => purpose.replace(/\/[0-9a-f]{32}$/, '')),
    ['pki/root', 'pki/device-issuer', 'pki/server-issuer'],
  )
  const rows = await ground.store.query('SELECT role, place FROM pki_keyring ORDER BY role')
  assert.deepEqual(
    rows.map(({ role, place }) => `${String(role)} ${String(place)}`),
    ['device-issuer pkcs11', 'root pkcs11', 'server software', 'server-issuer pkcs11'],
  )
})

test('a hub starts while its token is away, serves and verifies, and issues once the token is back', async () => {
  await using directory = await temporaryDirectory()
  await using ground = await openGround(directory.path)
  const token = looseToken(ground.ports)
  let issued: string
  {
    await using pki = await openThrowawayPki(token.ports)
    issued = value(await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true })).certificatePem
  }
  token.state.away = true
  await using pki = await openThrowawayPki(token.ports)
  assert.equal(codeOf(pki.verifyDeviceChain(dersOf(issued), ground.clock.now())), 'accepted')
  assert.ok(pki.serverCertificate().certificatePem.length > 0)
  await assert.rejects(pki.issueDevice(mayIssue, { deviceId: device('pump-2'), generate: true }), /token is not there/)
  token.state.away = false
  value(await pki.issueDevice(mayIssue, { deviceId: device('pump-2'), generate: true }))
})

test('an issuer that is due stays while nobody can sign its successor', async () => {
  await using directory = await temporaryDirectory()
  await using ground = await openGround(directory.path)
  const token = looseToken(ground.ports)
  {
    await using pki = await openThrowawayPki(token.ports)
    assert.equal(pki.issuersPem.split('BEGIN').length - 1, 2)
  }
  ground.clock.jump(ground.clock.now() + 4 * 365 * 86_400_000)
  token.state.away = true
  // Nothing is served without the key of the server's issuer: this hub waits for its token.
  await assert.rejects(openThrowawayPki(token.ports), /token is not there/)
  assert.deepEqual(
    ground.troubles.map((one) => (one instanceof Object && 'code' in one ? one.code : one)),
    ['pki/key-unavailable', 'pki/key-unavailable'],
  )
  token.state.away = false
  await using pki = await openThrowawayPki(token.ports)
  assert.equal(pki.issuersPem.split('BEGIN').length - 1, 4)
})

test('a key that lies where the settings no longer look is not searched elsewhere', async () => {
  await using directory = await temporaryDirectory()
  await using ground = await openGround(directory.path)
  {
    await using _pki = await openThrowawayPki(looseToken(ground.ports).ports)
  }
  await using pki = await openThrowawayPki(ground.ports)
  await assert.rejects(
    pki.issueDevice(mayIssue, { deviceId: device('pump-2'), generate: true }),
    /kept in pkcs11, which the settings no longer name/,
  )
})

test('rows from before places were named are keys in software, kept for pki/ROLE/SERIAL', async () => {
  await using world = await setUpPki()
  const rows = await world.ground.store.query(
    `SELECT role, serial, sealed_key FROM pki_keyring WHERE place = 'software' AND purpose IS NULL`,
  )
  assert.equal(rows.length, 4)
  for (const { role, serial, sealed_key: sealed } of rows) {
    assert(sealed instanceof Uint8Array)
    using key = value(world.ground.ports.unseal(`pki/${String(role)}/${String(serial)}`, Buffer.from(sealed)))
    assert.ok(key.use((bytes) => bytes.includes(Buffer.from('2a8648ce3d0201', 'hex'))))
  }
})
