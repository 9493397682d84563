import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Result, systemRandom } from '#base'
import { startSoftTpm } from '../../test/swtpm.io.ts'
import { type GuardChoice, type KeyDisk, type KeyGuards, type Vault, keyDisk, openVault, tpmGuard } from './index.ts'

const plain: GuardChoice = { with: 'plain-file', place: {} }

async function setUp(guards: KeyGuards = {}) {
  const path = await mkdtemp(join(tmpdir(), 'thingwall-protect-'))
  await chmod(path, 0o700)
  const keyFile = join(path, 'root.key')
  return {
    path,
    keyFile,
    open: (disk: KeyDisk = keyDisk, mayCreate = true) =>
      openVault({ keyFile, dataDirectory: join(path, 'data'), mayCreate }, { disk, random: systemRandom, guards }),
    async passphrase(name: string, text: string): Promise<GuardChoice> {
      const file = join(path, name)
      await writeFile(file, text, { mode: 0o600 })
      return { with: 'passphrase-file', place: { file } }
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`)
  return result.value
}

const codeOf = (result: Result<unknown>) => (result.ok ? 'accepted' : result.error.code)

function opens(vault: Vault, sealed: Buffer): string {
  const opened = vault.unseal('a', sealed)
  return opened.ok ? opened.value.use((bytes) => bytes.toString('utf8')) : opened.error.code
}

const bulk = (vault: Vault) => vault.dataKey('store').use((bytes) => bytes.toString('hex'))

test('the guard of a root key changes while the hub runs, and the next start finds it by the key file alone', async () => {
  await using world = await setUp()
  using vault = value(await world.open())
  const sealed = vault.seal('a', Buffer.from('kept'))
  const before = await readFile(world.keyFile, 'latin1')
  for (const choice of [await world.passphrase('one', 'correct horse battery'), await world.passphrase('two', 'another staple here')]) {
    value(await vault.protect(choice))
    assert.equal((await vault.describe()).protection, 'passphrase-file')
    using again = value(await world.open(keyDisk, false))
    assert.equal(opens(again, sealed), 'kept')
    assert.deepEqual((await again.describe()).place, choice.place)
    assert.equal((await readFile(world.keyFile, 'latin1')).includes(before.trim().split(' ').at(-1) ?? 'x'), false)
  }
  await writeFile(join(world.path, 'two'), 'not the one at all')
  assert.equal(codeOf(await world.open(keyDisk, false)), 'vault/wrong-passphrase')
  await writeFile(join(world.path, 'two'), 'another staple here')
  value(await vault.protect(plain))
  assert.equal(await readFile(world.keyFile, 'latin1'), before)
  assert.deepEqual((await readdir(world.path)).toSorted(), ['one', 'root.key', 'two'], 'no draft is left')
})

test('a guard that refuses, is missing, or gives back something else changes nothing', async () => {
  const liar = {
    seal: async () => ({ ok: true, value: Buffer.alloc(8) }) as const,
    open: async () => ({ ok: false, error: { code: 'vault/guard-refused', message: 'no' } }) as const,
  }
  await using world = await setUp({ keyring: liar })
  using vault = value(await world.open())
  const before = await readFile(world.keyFile)
  assert.equal(codeOf(await vault.protect({ with: 'tpm', place: {} })), 'vault/guard-missing')
  assert.equal(codeOf(await vault.protect({ with: 'keyring', place: {} })), 'vault/guard-refused')
  assert.equal(
    codeOf(await vault.protect({ with: 'passphrase-file', place: { file: join(world.path, 'none') } })),
    'vault/passphrase-missing',
  )
  assert.deepEqual(await readFile(world.keyFile), before)
  assert.equal((await vault.describe()).protection, 'plain-file')
})

test('a change of the root key: what the old one sealed opens, new values are under the new one, keys of bulk data stay', async () => {
  await using world = await setUp()
  using vault = value(await world.open())
  value(await vault.protect(await world.passphrase('one', 'correct horse battery')))
  const { keyId: first } = await vault.describe()
  const [old, data] = [vault.seal('a', Buffer.from('old')), bulk(vault)]
  value(await vault.beginRotation())
  const { keyId: second, oldKeyIds } = await vault.describe()
  assert.notEqual(first, second)
  assert.deepEqual(oldKeyIds, [first])
  assert.equal(codeOf(await vault.beginRotation()), 'vault/rotation-unfinished')
  const fresh = vault.seal('a', Buffer.from('new'))
  const resealed = vault.reseal('a', old)
  assert.ok(resealed)
  assert.equal(vault.reseal('a', fresh), undefined)
  {
    using again = value(await world.open(keyDisk, false))
    assert.deepEqual([opens(again, old), opens(again, fresh), opens(again, resealed), bulk(again)], ['old', 'new', 'old', data])
  }
  value(await vault.endRotation())
  assert.equal(opens(vault, old), 'old', 'somebody may still hold it in memory')
  {
    using again = value(await world.open(keyDisk, false))
    assert.deepEqual([opens(again, old), opens(again, fresh), opens(again, resealed), bulk(again)], ['vault/other-key', 'new', 'old', data])
  }
  value(await vault.beginRotation())
  value(await vault.endRotation())
  using again = value(await world.open(keyDisk, false))
  assert.equal(bulk(again), data, 'however often')
})

test('a crash at any step of a change leaves a key file that opens everything', async () => {
  for (const step of ['before', 'after'] as const) {
    await using world = await setUp()
    {
      using first = value(await world.open())
      value(await first.protect(await world.passphrase('one', 'correct horse battery')))
    }
    const acts = [
      (vault: Vault) => vault.protect(plain),
      (vault: Vault) => vault.beginRotation(),
      (vault: Vault) => vault.protect({ with: 'passphrase-file', place: { file: join(world.path, 'one') } }),
      (vault: Vault) => vault.endRotation(),
    ]
    for (const act of acts) {
      const failing: KeyDisk = {
        ...keyDisk,
        async replace(path, bytes) {
          if (step === 'after') await keyDisk.replace(path, bytes)
          throw new Error('the power went')
        },
      }
      using vault = value(await world.open(failing, false))
      const [sealed, data] = [vault.seal('a', Buffer.from('kept')), bulk(vault)]
      await assert.rejects(act(vault), /the power went/)
      using again = value(await world.open(keyDisk, false))
      // The value sealed just now is under the key that was in force, which ends with the rotation that nobody finished for it.
      assert.deepEqual([opens(again, sealed), bulk(again)], ['kept', data])
    }
  }
})

test('a changed line anywhere in a key file is refused as damage', async () => {
  await using world = await setUp()
  using vault = value(await world.open())
  value(await vault.beginRotation())
  const good = await readFile(world.keyFile, 'latin1')
  const lines = good.trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    ['thingwall-root-key-1', 'old', 'data'],
  )
  for (const bad of [
    lines.toReversed().join('\n'),
    `${good}x\n`,
    `${good}${lines[2] ?? ''}\n`,
    good.replace(/^old /m, 'data '),
    good.replace(/(old [0-9a-f]{15})./, (all, start: string) => `${start}${all.endsWith('0') ? '1' : '0'}`),
    `${lines[0] ?? ''}\n${lines[1] ?? ''}A\n`,
  ]) {
    await writeFile(world.keyFile, bad)
    assert.equal(codeOf(await world.open(keyDisk, false)), 'vault/key-file-damaged')
  }
})

test(
  'a TPM guards the root key: another TPM does not open it, and one that is away says so (TPM 2.0 part 1, 22)',
  { timeout: 60_000 },
  async () => {
    await using tpm = await startSoftTpm()
    await using other = await startSoftTpm()
    await using world = await setUp({ tpm: tpmGuard() })
    using vault = value(await world.open())
    const sealed = vault.seal('a', Buffer.from('kept'))
    value(await vault.protect({ with: 'tpm', place: { tcti: tpm.tcti } }))
    {
      using again = value(await world.open(keyDisk, false))
      assert.equal(opens(again, sealed), 'kept')
      assert.equal((await again.describe()).protection, 'tpm')
    }
    const line = await readFile(world.keyFile, 'latin1')
    const place = (tcti: string) => Buffer.from(JSON.stringify({ tcti })).toString('base64url')
    await writeFile(world.keyFile, line.replace(place(tpm.tcti), place(other.tcti)))
    assert.equal(codeOf(await world.open(keyDisk, false)), 'vault/guard-refused')
    await writeFile(world.keyFile, line)
    await tpm.stop()
    assert.equal(codeOf(await world.open(keyDisk, false)), 'vault/guard-away')
    await tpm.start()
    using again = value(await world.open(keyDisk, false))
    assert.equal(opens(again, sealed), 'kept')
  },
)
