import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock, systemRandom } from '#base'
import { keyDisk, openVault } from '#vault'
import { makeSoftToken } from '../../test/softhsm.io.ts'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'
import { keyGuards } from './key-guards.ts'

test(
  'a token guards the root key; pulled, cleared or with a wrong PIN it does not open, and put back it does',
  { timeout: 60_000 },
  async () => {
    await using token = await makeSoftToken()
    await using stranger = await makeSoftToken()
    await using directory = await temporaryDirectory()
    const keyFile = join(directory.path, 'root.key')
    const open = async (environment = token.environment, mayCreate = false) => {
      const guards = keyGuards({ clock: systemClock, random: systemRandom, environment })
      return await openVault(
        { keyFile, dataDirectory: join(directory.path, 'data'), mayCreate },
        { disk: keyDisk, random: systemRandom, guards },
      )
    }
    const codeOf = async (environment = token.environment) => {
      const opened = await open(environment)
      return opened.ok ? 'opened' : opened.error.code
    }
    const { module, pinFile } = token
    const first = await open(token.environment, true)
    assert.ok(first.ok)
    using vault = first.value
    const sealed = vault.seal('a', Buffer.from('kept'))
    assert.equal((await vault.protect({ with: 'pkcs11', place: { module } })).ok, false, 'a place that is not whole')
    const done = await vault.protect({ with: 'pkcs11', place: { module, token: 'thingwall', pinFile } })
    assert.ok(done.ok, JSON.stringify(done))
    // Replaced under the same guard: the token's one key serves again.
    assert.ok((await vault.beginRotation()).ok)
    const again = await open()
    assert.ok(again.ok, JSON.stringify(again))
    using found = again.value
    assert.ok(found.unseal('a', sealed).ok)
    await token.pull()
    assert.equal(await codeOf(), 'vault/guard-away')
    await token.putBack()
    assert.equal(await codeOf(stranger.environment), 'vault/guard-refused')
    writeFileSync(pinFile, '0000\n')
    assert.equal(await codeOf(), 'vault/guard-away')
    writeFileSync(pinFile, '4711\n')
    assert.equal(await codeOf(), 'opened')
  },
)
