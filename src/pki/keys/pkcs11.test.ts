import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPublicKey, verify } from 'node:crypto'
import { chmodSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { openWatched } from '../../../test/key-store-scene.ts'
import { type SoftToken, makeSoftToken } from '../../../test/softhsm.io.ts'
import type { SigningKey } from './signing-key.ts'

const patience = { timeout: 60_000 }
const data = Buffer.from('to be signed')
const placeOf = ({ module, token, pinFile }: SoftToken) => ({ place: 'pkcs11', module, token, pinFile }) as const

async function assertSigns(key: SigningKey): Promise<void> {
  const publicKey = createPublicKey({ key: key.publicKey.der, format: 'der', type: 'spki' })
  assert.ok(verify('sha256', data, publicKey, await key.sign(data)))
}

/** The process that holds the token, found by the token's PIN file among its arguments. */
function signerPid(token: SoftToken): number {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, 'utf8')
      if (words.includes('signer-main') && words.includes(token.pinFile)) return Number(entry)
    } catch {
      // It ended meanwhile.
    }
  }
  throw new Error('no signer process runs')
}

test('a key made in a token signs, is found again by its reference, and fits its public half', patience, async () => {
  await using token = await makeSoftToken()
  await using scene = await openWatched(placeOf(token), token.environment)
  const made = await scene.store.make('device-issuer/01')
  assert.ok(made.ok)
  await assertSigns(made.value.key)
  const many = await Promise.all(Array.from({ length: 100 }, () => made.value.key.sign(data)))
  assert.equal(new Set(many.map((one) => one.toString('hex'))).size, 100)
  await using other = await openWatched(placeOf(token), token.environment)
  const opened = await other.store.open('device-issuer/01', made.value.reference)
  assert.ok(opened.ok)
  assert.deepEqual(opened.value.publicKey.der, made.value.key.publicKey.der)
  await assertSigns(opened.value)
})

test('a key made in a token can neither be read nor wrapped out of it', patience, async () => {
  await using token = await makeSoftToken()
  {
    await using scene = await openWatched(placeOf(token), token.environment)
    assert.ok((await scene.store.make('device-issuer/01')).ok)
  }
  // In a process of its own: the module reads its settings once.
  const attempt = `
    const p = require(${JSON.stringify(createRequire(import.meta.url).resolve('pkcs11js'))}); const m = new p.PKCS11(); m.load(${JSON.stringify(token.module)}); m.C_Initialize()
    const slot = m.C_GetSlotList(true)[0]; const s = m.C_OpenSession(slot, p.CKF_SERIAL_SESSION | p.CKF_RW_SESSION); m.C_Login(s, p.CKU_USER, '4711')
    m.C_FindObjectsInit(s, [{ type: p.CKA_CLASS, value: p.CKO_PRIVATE_KEY }]); const [key] = m.C_FindObjects(s, 9); m.C_FindObjectsFinal(s)
    const no = (name, work) => { try { work(); console.log(name, 'WORKED') } catch (e) { console.log(name, e.message.split(':')[0]) } }
    no('read', () => m.C_GetAttributeValue(s, key, [{ type: p.CKA_VALUE }]))
    const wrapping = m.C_GenerateKey(s, { mechanism: p.CKM_AES_KEY_GEN }, [{ type: p.CKA_VALUE_LEN, value: 32 }, { type: p.CKA_WRAP, value: true }, { type: p.CKA_TOKEN, value: false }])
    no('wrap', () => m.C_WrapKey(s, { mechanism: p.CKM_AES_KEY_WRAP_PAD }, wrapping, key, Buffer.alloc(4096)))
    no('loosen', () => m.C_SetAttributeValue(s, key, [{ type: p.CKA_EXTRACTABLE, value: true }]))`
  const said = execFileSync(process.execPath, ['-e', attempt], {
    env: { ...token.environment, PATH: process.env['PATH'] },
    encoding: 'utf8',
  })
  assert.match(said, /read CKR_ATTRIBUTE_SENSITIVE/)
  assert.match(said, /wrap CKR_KEY_UNEXTRACTABLE/)
  assert.match(said, /loosen CKR_/)
  assert.doesNotMatch(said, /WORKED/)
})

test('a key in a token that may leave it is refused', patience, async () => {
  await using token = await makeSoftToken()
  await using scene = await openWatched(placeOf(token), token.environment)
  const made = await scene.store.make('device-issuer/01')
  assert.ok(made.ok)
  const loose = execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'])
  const file = `${token.pinFile}.pem`
  writeFileSync(file, loose)
  // Under the identifier of the hub's own key, in a second token store: here simply with one of its own.
  execFileSync('softhsm2-util', ['--import', file, '--token', token.token, '--label', 'loose', '--id', 'aabb', '--pin', token.pin], {
    env: { ...process.env, ...token.environment },
    stdio: 'ignore',
  })
  const purpose = 'device-issuer/01'
  const { der } = made.value.key.publicKey
  const reference = Buffer.concat([Buffer.from(`${purpose}\n`), Buffer.from([1, 0, der.length]), der, Buffer.from('aabb', 'hex')])
  await using again = await openWatched(placeOf(token), token.environment)
  const opened = await again.store.open(purpose, reference)
  assert.equal(opened.ok ? 'opened' : opened.error.code, 'pki/key-exportable')
})

test('a token pulled mid-run is away with what to do, and signs again by itself when it is back', patience, async () => {
  await using token = await makeSoftToken()
  await using scene = await openWatched(placeOf(token), token.environment)
  const made = await scene.store.make('device-issuer/01')
  assert.ok(made.ok)
  await token.pull()
  process.kill(signerPid(token), 'SIGKILL')
  const away = await scene.until('away')
  assert.ok(away.kind === 'away')
  await assert.rejects(made.value.key.sign(data), { code: 'pki/key-unavailable' })
  const opened = await scene.store.open('device-issuer/01', made.value.reference)
  assert.ok(opened.ok, 'a hub starts while its token is away')
  await token.putBack()
  await scene.until('ready')
  await assertSigns(made.value.key)
  await assertSigns(opened.value)
  assert.deepEqual(
    scene.states.map(({ kind }) => kind),
    ['ready', 'away', 'ready'],
  )
})

test('a signer process killed mid-sign fails what waits, once each, and is replaced', patience, async () => {
  await using token = await makeSoftToken()
  await using scene = await openWatched(placeOf(token), token.environment)
  const made = await scene.store.make('device-issuer/01')
  assert.ok(made.ok)
  const waiting = Array.from({ length: 500 }, () => made.value.key.sign(data))
  const settled = Promise.allSettled(waiting)
  process.kill(signerPid(token), 'SIGKILL')
  const outcomes = await settled
  const failed = outcomes.filter((one) => one.status === 'rejected')
  assert.ok(failed.length > 0)
  for (const one of failed) assert.equal(one.reason.code, 'pki/key-unavailable')
  await scene.until('ready')
  await assertSigns(made.value.key)
})

test('a wrong PIN is tried once, and not again before its file changes', patience, async () => {
  await using token = await makeSoftToken()
  writeFileSync(token.pinFile, '0000\n')
  await using scene = await openWatched(placeOf(token), token.environment)
  const state = scene.store.state()
  assert.match(state.kind === 'away' ? state.message : '', /refused the PIN \(CKR_PIN_INCORRECT\)/)
  assert.doesNotMatch(JSON.stringify(state), /0000/)
  // Several pauses of the supervisor: no process may be started in them.
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  assert.throws(() => signerPid(token))
  writeFileSync(token.pinFile, '4711\n')
  utimesSync(token.pinFile, 1, 1)
  await scene.until('ready')
})

test('a PIN that others can read is not used', patience, async () => {
  await using token = await makeSoftToken()
  chmodSync(token.pinFile, 0o644)
  await using scene = await openWatched(placeOf(token), token.environment)
  const state = scene.store.state()
  assert.match(state.kind === 'away' ? state.message : '', /chmod 600/)
  const made = await scene.store.make('device-issuer/01')
  assert.equal(made.ok ? 'made' : made.error.code, 'pki/key-unavailable')
})

test('a module that is none, and a token that is not there, are said with their names', patience, async () => {
  await using token = await makeSoftToken()
  await using none = await openWatched({ ...placeOf(token), module: '/nowhere/module.so' }, token.environment)
  const first = none.store.state()
  assert.match(first.kind === 'away' ? first.message : '', /\/nowhere\/module\.so cannot be loaded/)
  await using other = await openWatched({ ...placeOf(token), token: 'elsewhere' }, token.environment)
  const second = other.store.state()
  assert.match(second.kind === 'away' ? second.message : '', /no token with the label "elsewhere"/)
})

test('the PIN stands in no argument and no environment of the signer process', patience, async () => {
  await using token = await makeSoftToken()
  await using _scene = await openWatched(placeOf(token), { ...token.environment, THINGWALL_PASSPHRASE: 'never', NODE_OPTIONS: '' })
  const pid = signerPid(token)
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
  assert.doesNotMatch(environment, /4711|THINGWALL/)
  assert.doesNotMatch(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll(token.pinFile, ''), /4711/)
})
