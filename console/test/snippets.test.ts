import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { HubProcess } from '../../conformance/hub.ts'
import type { Endpoint } from '../src/api/types.ts'
import { snippets } from '../src/lib/snippets.ts'

const run = promisify(execFile)
/** The SDKs know only port 8883; an address of its own keeps this hub out of others' way. */
const host = '127.0.0.44'

let hub: HubProcess
let folder: string
let programs: ReadonlyMap<string, string>
before(async () => {
  hub = await HubProcess.open({ host, ports: { mqtt: 8883 }, arguments: ['--name', host] })
  folder = mkdtempSync(join(tmpdir(), 'thingwall-snippets-'))
  symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(folder, 'node_modules'))
  const { json } = await hub.api('POST', '/api/v1/devices', { id: 'pump-1' })
  writeFileSync(join(folder, 'pump-1.cert.pem'), String(json['certificatePem']))
  writeFileSync(join(folder, 'pump-1.key.pem'), String(json['privateKeyPem']), { mode: 0o600 })
  writeFileSync(join(folder, 'root.pem'), hub.rootPem)
  const connection: Endpoint = {
    host,
    mqttPort: 8883,
    httpsPort: hub.ports.https,
    connectionString: `HostName=${host};DeviceId=pump-1;x509=true`,
  }
  assert.deepEqual(json['connection'], connection)
  programs = new Map(snippets('pump-1', connection).map((each) => [each.id, each.code]))
})
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await hub[Symbol.asyncDispose]()
})

/** How many messages there are; the value alone could be a part of a time as well. */
async function telemetry(): Promise<number> {
  const { json } = await hub.api('GET', '/api/v1/devices/pump-1/timeline')
  return JSON.stringify(json).split(/temperature[^,}]{0,8}21\.5/).length - 1
}

test('the Node.js program sends its message, exactly as it is shown', async () => {
  const earlier = await telemetry()
  writeFileSync(join(folder, 'send.cjs'), programs.get('node') ?? '')
  await run(process.execPath, ['send.cjs'], { cwd: folder, timeout: 20_000, env: { ...process.env, NODE_OPTIONS: '--no-deprecation' } })
  assert.equal(await telemetry(), earlier + 1)
})

test('the mosquitto_pub command sends its message, exactly as it is shown', async (t) => {
  try {
    await run('mosquitto_pub', ['--version'])
  } catch (error) {
    // It answers --version with exit code 1; only its absence matters here.
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return t.skip('mosquitto_pub is not installed')
  }
  const earlier = await telemetry()
  await run('sh', ['-c', programs.get('mosquitto') ?? ''], { cwd: folder, timeout: 20_000 })
  return assert.equal(await telemetry(), earlier + 1)
})
