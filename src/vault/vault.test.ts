import assert from 'node:assert/strict'
import { argon2Sync } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { type Result, Secret, systemRandom } from '#base'
import { SeededRandom } from '../../test/seeded-random.ts'
import { sealedOverhead } from './envelope.ts'
import { type KeyDisk, type Vault, keyDisk, openVault } from './index.ts'

async function setUp() {
  const path = await mkdtemp(join(tmpdir(), 'thingwall-vault-'))
  const at = (...names: readonly string[]) => join(path, ...names)
  const keyFile = at('keys', 'root.key')
  return {
    at,
    keyFile,
    open: (more: { readonly passphraseFile?: string; readonly mayCreate?: boolean; readonly disk?: KeyDisk } = {}) => {
      const { disk = keyDisk, mayCreate = true, ...rest } = more
      return openVault({ keyFile, dataDirectory: at('data'), mayCreate, ...rest }, { disk, random: systemRandom })
    },
    /** Writes a passphrase file with these permissions. */
    async passphrase(text: string, mode = 0o600): Promise<string> {
      await writeFile(at('pass'), text)
      await chmod(at('pass'), mode)
      return at('pass')
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`)
  return result.value
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'accepted' : result.error.code
}

function textOf(result: Result<Secret>): string {
  return value(result).use((bytes) => bytes.toString('utf8'))
}

test('a first run makes a key of mode 0600 in a directory of 0700; the next one opens what the first sealed', async () => {
  await using world = await setUp()
  using first = value(await world.open())
  assert.equal((await stat(world.keyFile)).mode & 0o777, 0o600)
  assert.equal((await stat(world.at('keys'))).mode & 0o777, 0o700)
  assert.deepEqual(await readdir(world.at('keys')), ['root.key'], 'no draft is left')
  const sealed = first.seal('pki/root', Buffer.from('top'))
  using second = value(await world.open({ mayCreate: false }))
  assert.equal(textOf(second.unseal('pki/root', sealed)), 'top')
  assert(second.dataKey('store').equals(first.dataKey('store').use((bytes) => Buffer.from(bytes))))
})

test('two first runs at once agree on one key', async () => {
  await using world = await setUp()
  const [one, two] = (await Promise.all([world.open(), world.open()])).map(value)
  assert(one && two)
  assert.equal(textOf(two.unseal('a', one.seal('a', Buffer.from('same')))), 'same')
})

test('the key never prints', async () => {
  await using world = await setUp()
  using vault = value(await world.open())
  const key = (await readFile(world.keyFile, 'latin1')).trim().split(' ').at(-1) ?? ''
  const described = await vault.describe()
  for (const text of [inspect(vault, { depth: 9, showHidden: true }), JSON.stringify(vault), JSON.stringify(described)])
    for (const form of [key, Buffer.from(key, 'base64url').toString('hex')]) assert(!text.includes(form))
})

test('what is sealed opens again, for its purpose only', async () => {
  await using world = await setUp()
  using vault = value(await world.open())
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.uint8Array({ maxLength: 200 }), (purpose, other, plaintext) => {
      const sealed = vault.seal(purpose, plaintext)
      assert.equal(sealed.length, plaintext.length + sealedOverhead)
      assert(value(vault.unseal(purpose, sealed)).use((bytes) => bytes.equals(plaintext)))
      if (other !== purpose) assert.equal(codeOf(vault.unseal(other, sealed)), 'vault/damaged')
    }),
  )
})

test('two values sealed alike look nothing alike', async () => {
  await using world = await setUp()
  using vault = value(await world.open())
  const sealed = new Set(Array.from({ length: 1_000 }, () => vault.seal('a', Buffer.alloc(16)).subarray(12).toString('hex')))
  assert.equal(sealed.size, 1_000)
})

test('a flipped bit anywhere, a cut, or bytes behind a sealed value is refused', async () => {
  await using world = await setUp()
  using vault = value(await world.open())
  const sealed = vault.seal('a', Buffer.from('plaintext'))
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const hurt = Buffer.from(sealed)
    hurt[bit >> 3] = (hurt[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.match(codeOf(vault.unseal('a', hurt)), /^vault\/(not-sealed|other-key|damaged)$/)
  }
  for (let length = 0; length < sealed.length; length++) assert.notEqual(codeOf(vault.unseal('a', sealed.subarray(0, length))), 'accepted')
  assert.equal(codeOf(vault.unseal('a', Buffer.concat([sealed, Buffer.alloc(1)]))), 'vault/damaged')
})

test('data keys are fresh, and wrap and unwrap', async () => {
  await using world = await setUp()
  using vault = value(await world.open())
  const [one, two] = [vault.newDataKey(), vault.newDataKey()]
  assert(!one.equals(two.use((bytes) => Buffer.from(bytes))))
  assert(value(vault.unwrapKey(vault.wrapKey(one))).equals(one.use((bytes) => Buffer.from(bytes))))
  assert.equal(codeOf(vault.unwrapKey(vault.seal('other', Buffer.alloc(32)))), 'vault/damaged')
})

test('the key of a purpose, of sealing, and of data differ', async () => {
  await using world = await setUp()
  using vault = value(await world.open())
  const keys = ['a', 'b', 'store'].map((purpose) => vault.dataKey(purpose).use((bytes) => bytes.toString('hex')))
  assert.equal(new Set(keys).size, 3)
})

test('after disposal nothing opens', async () => {
  await using world = await setUp()
  const vault = value(await world.open())
  const sealed = vault.seal('a', Buffer.from('x'))
  vault[Symbol.dispose]()
  assert.notEqual(codeOf(vault.unseal('a', sealed)), 'accepted')
})

for (const mode of [0o604, 0o640, 0o602, 0o620, 0o666])
  test(`refuses a key file of mode ${mode.toString(8)}, and says chmod`, async () => {
    await using world = await setUp()
    value(await world.open())
    await chmod(world.keyFile, mode)
    const refused = await world.open()
    assert.equal(codeOf(refused), 'vault/key-exposed')
    assert(!refused.ok && /chmod 600/.test(refused.error.message))
  })

test('refuses a directory in which others could replace the key, also behind a link', async () => {
  await using world = await setUp()
  value(await world.open())
  await mkdir(world.at('links'))
  await symlink(world.keyFile, world.at('links', 'root.key'))
  const linked = { keyFile: world.at('links', 'root.key'), dataDirectory: world.at('data'), mayCreate: false }
  assert(value(await openVault(linked, { disk: keyDisk, random: systemRandom })))
  await chmod(world.at('keys'), 0o777)
  assert.equal(codeOf(await world.open()), 'vault/directory-exposed')
  assert.equal(codeOf(await openVault(linked, { disk: keyDisk, random: systemRandom })), 'vault/directory-exposed')
})

test('refuses a key that is missing where there is data, and does not make another in silence', async () => {
  await using world = await setUp()
  assert.equal(codeOf(await world.open({ mayCreate: false })), 'vault/key-missing')
  await assert.rejects(stat(world.keyFile), /ENOENT/)
})

test('tells another key from a damaged value', async () => {
  await using one = await setUp()
  await using two = await setUp()
  using mine = value(await one.open())
  using theirs = value(await two.open())
  assert.equal(codeOf(theirs.unseal('a', mine.seal('a', Buffer.from('x')))), 'vault/other-key')
})

test('refuses a damaged key file: any letter changed, cut, or with more behind', async () => {
  await using world = await setUp()
  value(await world.open())
  const line = await readFile(world.keyFile)
  const random = new SeededRandom(7)
  for (let n = 0; n < 60; n++) {
    const hurt = Buffer.from(line)
    const at = random.integer(line.length - 1)
    hurt[at] = (hurt[at] ?? 0) === 0x41 ? 0x42 : 0x41
    await writeFile(world.keyFile, hurt)
    // The last letter of base64url carries two spare bits, so a change there may mean the same key.
    if (at < line.length - 2) assert.equal(codeOf(await world.open()), 'vault/key-file-damaged', `byte ${at}`)
  }
  for (const bytes of [Buffer.alloc(0), line.subarray(0, 40), Buffer.concat([line, line])]) {
    await writeFile(world.keyFile, bytes)
    assert.equal(codeOf(await world.open()), 'vault/key-file-damaged')
  }
})

test('a key under a passphrase opens with it alone, and the file does not hold the key', async () => {
  await using world = await setUp()
  const passphraseFile = await world.passphrase('correct horse battery\n')
  using vault = value(await world.open({ passphraseFile }))
  const sealed = vault.seal('a', Buffer.from('x'))
  assert.equal((await vault.describe()).protection, 'passphrase-file')
  assert.match(await readFile(world.keyFile, 'latin1'), /^thingwall-root-key-1 argon2id /)
  assert.equal(codeOf(await world.open()), 'vault/passphrase-needed')
  await world.passphrase('wrong horse battery')
  assert.equal(codeOf(await world.open({ passphraseFile })), 'vault/wrong-passphrase')
  await world.passphrase('correct horse battery\r\n')
  using again: Vault = value(await world.open({ passphraseFile }))
  assert.equal(textOf(again.unseal('a', sealed)), 'x')
})

test('naming a passphrase file puts a plain key under it; what was sealed still opens', async () => {
  await using world = await setUp()
  const plain = value(await world.open())
  const sealed = plain.seal('a', Buffer.from('x'))
  const passphraseFile = await world.passphrase('correct horse battery')
  using vault = value(await world.open({ passphraseFile }))
  assert.equal(textOf(vault.unseal('a', sealed)), 'x')
  assert.equal(codeOf(await world.open()), 'vault/passphrase-needed')
  assert.equal((await stat(world.keyFile)).mode & 0o777, 0o600)
})

test('refuses a passphrase that is short, missing, or readable by others', async () => {
  await using world = await setUp()
  assert.equal(codeOf(await world.open({ passphraseFile: await world.passphrase('short\n') })), 'vault/passphrase-short')
  assert.equal(codeOf(await world.open({ passphraseFile: await world.passphrase('correct horse battery', 0o644) })), 'vault/key-exposed')
  assert.equal(codeOf(await world.open({ passphraseFile: world.at('nowhere') })), 'vault/passphrase-missing')
})

test('a bit changed in a protected key file, salt included, does not open', async () => {
  await using world = await setUp()
  const passphraseFile = await world.passphrase('correct horse battery')
  value(await world.open({ passphraseFile }))
  const line = (await readFile(world.keyFile, 'latin1')).split(' ')
  for (const field of [2, 3, 4]) {
    const hurt = line.with(
      field,
      (line[field] ?? '').replace(/^./, (first) => (first === '0' ? '1' : '0')),
    )
    await writeFile(world.keyFile, hurt.join(' '))
    assert.match(codeOf(await world.open({ passphraseFile })), /^vault\/(wrong-passphrase|key-file-damaged)$/)
  }
})

test('Argon2id is the one of RFC 9106 [appendix: test vector 5.3]', () => {
  const digest = argon2Sync('argon2id', {
    message: Buffer.alloc(32, 1),
    nonce: Buffer.alloc(16, 2),
    secret: Buffer.alloc(8, 3),
    associatedData: Buffer.alloc(12, 4),
    parallelism: 4,
    tagLength: 32,
    memory: 32,
    passes: 3,
  })
  assert.equal(digest.toString('hex'), '0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659')
})

test('describes where the key is and how it lies, measured at the time of asking (TW-DAR-01)', async () => {
  await using world = await setUp()
  using vault = value(await world.open())
  const { keyId, ...rest } = await vault.describe()
  assert.match(keyId, /^[0-9a-f]{16}$/)
  assert.deepEqual(rest, {
    protection: 'plain-file',
    path: world.keyFile,
    mode: 0o600,
    insideDataDirectory: false,
    place: {},
    oldKeyIds: [],
  })
  await chmod(world.keyFile, 0o644)
  assert.equal((await vault.describe()).mode, 0o644)
  await rm(world.keyFile)
  assert.equal((await vault.describe()).mode, undefined)
})

test('a key inside the data directory is told, links followed', async () => {
  await using world = await setUp()
  await symlink(world.at('keys'), world.at('data'))
  using vault = value(await world.open())
  assert.equal((await vault.describe()).insideDataDirectory, true)
})

test('a disk that fails while the key is made leaves no key and throws', async () => {
  await using world = await setUp()
  const disk: KeyDisk = { ...keyDisk, create: () => Promise.reject(new Error('no space left')) }
  await assert.rejects(world.open({ disk }), /no space left/)
  await assert.rejects(stat(world.keyFile), /ENOENT/)
})

test('refuses to read something that is no small file', async () => {
  await using world = await setUp()
  await mkdir(world.keyFile, { recursive: true, mode: 0o700 })
  await assert.rejects(world.open(), /not a small regular file/)
})
