import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Action, type Grant, Secret, systemClock, systemRandom } from '#base'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'
import { parseConfig } from './config.io.ts'
import { openDataDirectory } from './data-directory.io.ts'
import { openLog } from './log.io.ts'
import { openRooms } from './rooms.io.ts'

const { signal } = new AbortController()
const from = { from: 'test' }

/** A grant of the owner. Only the room access mints real ones. */
function as<A extends Action>(action: A): Grant<A> {
  const grant: Grant<A> = Object({ actor: { kind: 'operator', id: 'owner', via: 'session' }, action, resource: 'x' })
  return grant
}

/** Every way in which bytes may lie in a file: raw, hexadecimal, base64 at each of its three alignments, base64url. */
function formsOf(planted: Buffer): readonly Buffer[] {
  const hex = planted.toString('hex')
  const aligned = [0, 1, 2].flatMap((cut) => {
    const whole = planted.subarray(cut, planted.length - ((planted.length - cut) % 3))
    return [whole.toString('base64'), whole.toString('base64url')]
  })
  return [planted, ...[hex, hex.toUpperCase(), ...aligned].map((text) => Buffer.from(text, 'latin1'))]
}

function filesOf(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
}

function found(directory: string, planted: readonly Buffer[]): readonly string[] {
  const forms = planted.flatMap(formsOf)
  return filesOf(directory).filter((path) => {
    const bytes = readFileSync(path)
    return forms.some((form) => bytes.includes(form))
  })
}

test('a stolen data directory tells no secret and no private key: every byte of it, while the hub runs and after it ended (TW-SEC-01)', async () => {
  await using scope = new AsyncDisposableStack()
  const { path } = scope.use(await temporaryDirectory())
  const data = join(path, 'data')
  const ports = { 'mqtt-port': '0', 'https-port': '0', 'amqp-port': '0', workers: '0' }
  const config = parseConfig({ data, 'key-file': join(path, 'root.key'), ...ports }, {})
  assert.ok(config.ok)
  await openDataDirectory(data)
  const world = { clock: systemClock, random: systemRandom, log: openLog('error', () => {}), step: () => {}, environment: {} }
  const running = new AsyncDisposableStack()
  const { secrets, pki } = await openRooms(config.value, randomBytes(8).toString('hex'), true, world, running, signal)
  const planted: Buffer[] = []
  for (let i = 0; i < 3; i++) {
    const value = randomBytes(48)
    planted.push(Buffer.from(value))
    using held = new Secret(value)
    assert.ok((await secrets.set(as('secret.write'), 'planted', held, {}, from)).ok)
    const read = await secrets.read(as('secret.read'), 'planted', undefined, from)
    assert.ok(read.ok)
    const same = read.value.value.use((bytes) => Buffer.from(bytes))
    assert.deepEqual(same, planted.at(-1))
  }
  const policy = { everyDays: 1, beforeExpiryDays: undefined, generator: 'random', bytes: 32, encoding: 'hex', overlapHours: 0 } as const
  assert.ok((await secrets.setRotation(as('secret.write'), 'planted', policy, from)).ok)
  assert.ok((await secrets.rotate(as('secret.write'), 'planted', from)).ok)
  const made = await secrets.read(as('secret.read'), 'planted', undefined, from)
  assert.ok(made.ok)
  planted.push(made.value.value.use((bytes) => Buffer.from(bytes)))
  assert.ok((await secrets.backup(as('secret.read'), 'planted', from)).ok)
  assert.ok((await secrets.delete(as('secret.write'), 'planted', from)).ok)
  // The private key of the hub's own certificate: the last bytes of its DER are of the key or its public point, so a part in the middle is looked for too.
  const der = Buffer.from(
    pki
      .serverCertificate()
      .keyPem.use((bytes) => bytes.toString('latin1'))
      .replaceAll(/-----[^-]+-----|\s/g, ''),
    'base64',
  )
  planted.push(der.subarray(32, 68))
  assert.deepEqual(found(data, planted), [], 'while it runs, with what waits to be merged into the database')
  await running.disposeAsync()
  assert.deepEqual(found(data, planted), [], 'after it ended')
  assert.ok(filesOf(data).length > 2)
  writeFileSync(join(data, 'leak'), `x${planted[0]?.toString('base64') ?? ''}`)
  assert.deepEqual(found(data, planted), [join(data, 'leak')], 'the scan finds what is there')
})
