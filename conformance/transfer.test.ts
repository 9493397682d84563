import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { HubProcess } from './hub.ts'

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const devices = Number(process.env['THINGWALL_DEVICES'] ?? 10_000)
const sasAllowed = 'authentication: {sas: {allowedUntil: 2099-01-01T00:00:00Z}}\n'

type Ran = { readonly code: number | null; readonly out: string; readonly talk: string }

/** Runs the command against a hub, as an operator does. */
function run(hub: HubProcess, words: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...words], { env: hub.environment, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let talk = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => (out += part))
    child.stderr.setEncoding('utf8').on('data', (part: string) => (talk += part))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, talk }))
  })
}

function scratch(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'thingwall-transfer-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

function writeExport(directory: string, lines: readonly object[]): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'devices.txt'), lines.map((line) => `${JSON.stringify(line)}\r\n`).join(''))
}

const fleet = Array.from({ length: devices }, (_, at) => ({
  id: `device-${at}`,
  eTag: 'MQ==',
  status: 'enabled',
  authentication:
    at % 10 === 0
      ? {
          type: 'sas',
          symmetricKey: { primaryKey: Buffer.alloc(32, at % 251).toString('base64'), secondaryKey: Buffer.alloc(32, 7).toString('base64') },
        }
      : {
          type: 'selfSigned',
          x509Thumbprint: { primaryThumbprint: createHash('sha256').update(String(at)).digest('hex'), secondaryThumbprint: null },
        },
  tags: { site: `Süd ${at % 50}` },
  properties: { desired: { interval: at % 60, $version: 3 }, reported: { battery: at % 100, $version: 9 } },
}))

test(
  `an export with ${devices} devices and their twins is planned, imported after a kill -9 half way, and exported again`,
  { timeout: 600_000 },
  async () => {
    using home = scratch()
    await using hub = await HubProcess.open()
    const source = join(home.path, 'export')
    writeExport(source, fleet)
    const dry = await run(hub, ['import', 'azure', source, '--dry-run', '--json'])
    assert.equal(dry.code, 0, dry.talk)
    assert.deepEqual(JSON.parse(dry.out).plan.counts, { create: devices, update: 0, delete: 0, same: 0, refused: 0 })

    const broken = run(hub, ['import', 'azure', source, '--yes', '--json'])
    for (let reached = 0; reached < devices / 4;) {
      await pause(20)
      const page = await hub.api('GET', '/api/v1/devices?limit=1')
      reached = Number(page.json['total'])
    }
    await hub.kill()
    const { code, talk } = await broken
    assert.equal(code, 6)
    assert.match(talk, /run the same command again: it plans what is missing/)
    await hub.start()
    const left = await hub.api('GET', '/api/v1/imports')
    assert.match(left.text, /"status":"interrupted"/)

    const again = await run(hub, ['import', 'azure', source, '--yes', '--json'])
    assert.equal(again.code, 0, again.talk)
    const { plan, import: job } = JSON.parse(again.out)
    assert.ok(plan.counts.same >= devices / 5, `${plan.counts.same} were there`)
    assert.equal(plan.counts.refused, 0)
    assert.deepEqual([job.status, job.failed], ['completed', 0])
    const nothing = JSON.parse((await run(hub, ['import', 'azure', source, '--yes', '--json'])).out)
    assert.equal(nothing.plan.counts.same, devices)

    const copy = join(home.path, 'copy')
    const exported = await run(hub, ['export', copy, '--with-keys', '--json'])
    assert.equal(exported.code, 0, exported.talk)
    const manifest = JSON.parse(readFileSync(join(copy, 'manifest.json'), 'utf8'))
    for (const { name, lines, sha256 } of manifest.files) {
      const content = readFileSync(join(copy, name), 'utf8')
      assert.equal(createHash('sha256').update(content).digest('hex'), sha256)
      assert.equal(content.split('\n').length - 1, lines)
    }
    assert.equal(statSync(join(copy, 'keys.jsonl')).mode & 0o777, 0o600)
    assert.equal(readFileSync(join(copy, 'devices.txt'), 'utf8').includes(Buffer.alloc(32, 7).toString('base64')), false)
    const over = await run(hub, ['export', copy])
    assert.equal(over.code, 5, 'an export is not written over another')
  },
)

test(
  'a fresh hub takes all of them in under a minute, and the export of one hub makes the same of another',
  { timeout: 600_000 },
  async () => {
    using home = scratch()
    await using hub = await HubProcess.open({ settings: sasAllowed })
    const source = join(home.path, 'export')
    writeExport(source, fleet)
    const started = performance.now()
    const moved = await run(hub, ['import', 'azure', source, '--yes', '--json'])
    const seconds = (performance.now() - started) / 1000
    assert.equal(moved.code, 0, moved.talk)
    console.log(`  ${devices} devices with twins: read, planned and imported in ${seconds.toFixed(1)} s`)
    assert.ok(seconds < 60)
    const copy = join(home.path, 'copy')
    for (const words of [
      'endpoint add lake --kind file',
      'route add all --to lake',
      'route enrich at plant --to lake',
      'route fallback off',
    ])
      assert.equal((await run(hub, words.split(' '))).code, 0)
    assert.equal((await run(hub, ['export', copy, '--with-keys'])).code, 0)
    await using other = await HubProcess.open({ settings: sasAllowed })
    const dry = JSON.parse((await run(other, ['route', 'import', copy, '--dry-run', '--json'])).out)
    const made = ['endpoint lake', 'route all', 'enrichment at', 'fallback']
    assert.deepEqual(
      dry.steps.map(({ what }: { readonly what: string }) => what),
      made,
    )
    await run(other, ['route', 'add', 'all', '--to', 'events'])
    const moving = await run(other, ['route', 'import', copy, '--yes'])
    assert.equal(moving.code, 0, moving.talk)
    assert.deepEqual(JSON.parse((await run(other, ['route', 'import', copy, '--json'])).out), { steps: [] })
    const of = async (one: HubProcess) => {
      const { routes, enrichments, fallback } = (await one.api('GET', '/api/v1/routes')).json
      return { routes, enrichments, fallback }
    }
    assert.deepEqual(await of(other), await of(hub))
    const back = await run(other, ['import', 'azure', copy, '--yes', '--json'])
    assert.equal(back.code, 0, back.talk)
    // The original lines, keys and all, are what the other hub has now.
    const { plan } = JSON.parse((await run(other, ['import', 'azure', source, '--dry-run', '--json'])).out)
    assert.deepEqual(plan.counts, { create: 0, update: 0, delete: 0, same: devices, refused: 0 })
  },
)
