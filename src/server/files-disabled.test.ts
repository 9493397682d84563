import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idOf, registryGrants } from '../../test/domain-scene.ts'
import { blockId, body, openFileScene, requestFor } from '../../test/file-scene.ts'
import { openFileDisk } from './file-store.io.ts'

test('a disabled device uploads nothing more, whatever it has in hand', async () => {
  const a = idOf('a')
  await using scope = new AsyncDisposableStack()
  const { files, begin, domain } = scope.use(await openFileScene(openFileDisk))
  const ticket = await begin()
  const put = async () => {
    const result = await files.putBlock(requestFor(ticket, { comp: 'block', blockid: blockId(1) }), body('x'))
    return result.ok ? 'ok' : result.error.code
  }
  assert.equal(await put(), 'ok')
  await domain.hub.devices.update(registryGrants.write, a, { status: 'disabled' })
  assert.equal(await put(), 'hub/blob-forbidden')
  await domain.hub.devices.update(registryGrants.write, a, { status: 'enabled' })
  assert.equal(await put(), 'ok')
})
