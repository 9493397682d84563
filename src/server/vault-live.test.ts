import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand } from '../../test/run-command.ts'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'
import { parseConfig } from './config.io.ts'
import { openLog } from './log.io.ts'
import { openServer } from './server.io.ts'

test(
  'the root key is guarded and changed, and a backup made, rehearsed and restored, by the commands as an operator types them',
  { timeout: 60_000 },
  async () => {
    await using place = await temporaryDirectory()
    const at = (name: string) => join(place.path, name)
    const ports = { 'mqtt-port': '0', 'https-port': '0', 'amqp-port': '0', 'console-port': '0', workers: '0' }
    const config = parseConfig({ data: at('data'), 'key-file': at('root.key'), ...ports }, {})
    assert.ok(config.ok)
    const log = openLog('error', () => {})
    await using scope = new AsyncDisposableStack()
    const server = scope.use(await openServer(config.value, '1', new AbortController().signal, { log }))
    const run = async (...words: readonly string[]) => {
      const { code, stdout, stderr } = await runCommand(['--data', at('data'), ...words], { cwd: place.path })
      assert.equal(code, 0, `${words.join(' ')}: ${stderr}`)
      return stdout
    }
    writeFileSync(at('pass'), 'correct horse battery\n', { mode: 0o600 })
    chmodSync(place.path, 0o700)
    assert.match(await run('vault', 'show'), /plain-file/)
    assert.match(await run('vault', 'protect', '--with', 'passphrase-file', '--file', 'pass'), /passphrase-file/)
    assert.match(readFileSync(at('root.key'), 'latin1'), /^thingwall-root-key-1 guarded /)
    for (const wrong of [
      ['--with', 'pkcs11', '--module', '/tmp/evil.so', '--label', 'x', '--pin-file', 'pass'],
      ['--with', 'tpm', '--tcti', 'cmd:touch /tmp/evil'],
      ['--with', 'passphrase-file'],
    ])
      assert.match(
        (await runCommand(['--data', at('data'), 'vault', 'protect', ...wrong], { cwd: place.path })).stderr,
        /vault\/guard-place/,
      )
    assert.match(await run('vault', 'rotate'), /sealed anew/)
    await run('backup', 'make', '--out', 'hub.backup', '--passphrase-file', 'pass')
    await server[Symbol.asyncDispose]()
    const proven: { secrets?: string; 'audit hash'?: string } = Object(
      JSON.parse(await run('backup', 'rehearse', 'hub.backup', '--passphrase-file', 'pass', '--json')),
    )
    assert.match(proven['audit hash'] ?? '', /^[0-9a-f]{64}$/)
    const restored = await runCommand(
      ['--data', at('new'), 'backup', 'restore', 'hub.backup', '--passphrase-file', 'pass', '--key-file', 'new.key'],
      { cwd: place.path },
    )
    assert.equal(restored.code, 0, restored.stderr)
    assert.ok(existsSync(at('new.key')) && existsSync(join(at('new'), 'hub.db')))
    const again = parseConfig({ data: at('new'), 'key-file': at('new.key'), ...ports }, {})
    assert.ok(again.ok)
    await using other = await openServer(again.value, '1', new AbortController().signal, { log })
    assert.ok((await other.rooms.audit.verify()).ok)
  },
)
