import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { callApi } from './api.ts'
import { freePorts } from './hub.ts'
import { until, within } from './until.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

describe('the package that npm pack makes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-package-'))
  const home = join(folder, 'empty')
  /** As a user has it: nothing of our own environment that would find the sources. */
  const environment = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' }
  const thingwall = join(home, 'node_modules', '.bin', 'thingwall')

  before(() => {
    mkdirSync(home)
    execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    const packed: readonly { filename: string; files: readonly { path: string }[] }[] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    )
    const paths = packed[0]?.files.map((file) => file.path) ?? []
    assert.ok(paths.includes('dist/cli/main.js') && paths.includes('bin/thingwall.js'), 'holds what was built')
    assert.deepEqual(
      paths.filter((path) => /\.(ts|tsx)$|\.test\.|^(src|test|conformance|console)\//.test(path)),
      [],
      'and no sources',
    )
    writeFileSync(join(home, 'package.json'), '{"private":true}')
    execFileSync(
      'npm',
      ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', join(folder, packed[0]?.filename ?? '')],
      { cwd: home, stdio: ['ignore', 'ignore', 'inherit'] },
    )
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('runs from built JavaScript in an empty folder, with install scripts off', () => {
    assert.ok(existsSync(join(home, 'node_modules', 'thingwall', 'dist', 'cli', 'main.js')))
    assert.match(execFileSync(thingwall, ['--help'], { cwd: home, env: environment, encoding: 'utf8' }), /Usage: thingwall/)
    const { version }: { version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    assert.equal(execFileSync(thingwall, ['--version'], { cwd: home, env: environment, encoding: 'utf8' }).trim(), version)
  })

  test(
    'starts a hub that serves the console and devices, TLS workers included, and its command finds it',
    { timeout: 120_000 },
    async () => {
      await using hub = await startInstalled('data')
      const page = await callApi({ host: 'localhost', port: hub.port, ca: hub.rootPem }, 'GET', '/')
      assert.match(page.text, /<!doctype html>/i, 'the console is in the package')
      const device = connect({ host: '127.0.0.1', port: hub.mqtt, servername: 'localhost', ca: hub.rootPem })
      await within('a TLS worker answers', 10_000, once(device, 'secureConnect'))
      device.destroy()
      const added = execFileSync(thingwall, ['device', 'add', 'first', '--out', home, '--json'], {
        cwd: home,
        env: hub.environment,
        encoding: 'utf8',
      })
      assert.match(added, /first/)
      assert.ok(existsSync(join(home, 'first.key.pem')))
    },
  )

  test('two installs share no secret, and the package holds none (CVE-2023-26462)', { timeout: 120_000 }, async () => {
    // What Node keeps of compiled code was not in the package, and holds our source's own words for such a line.
    const what = ['-rlE', '--exclude-dir=.cache', '^-----BEGIN [A-Z ]*PRIVATE KEY', join(home, 'node_modules', 'thingwall')]
    const found = spawnSync('grep', what, { encoding: 'utf8' })
    assert.deepEqual({ status: found.status, files: found.stdout }, { status: 1, files: '' })
    await using one = await startInstalled('one')
    await using two = await startInstalled('two')
    assert.notEqual(one.rootPem, two.rootPem)
    for (const file of ['data/cli.credential', 'keys/root.key'])
      assert.notDeepEqual(readFileSync(join(folder, 'one', file)), readFileSync(join(folder, 'two', file)), file)
  })

  /** A hub from the installed package, ready. */
  async function startInstalled(name: string) {
    const [mqtt = 0, https = 0, port = 0, amqp = 0] = await freePorts(4)
    const own = join(folder, name)
    mkdirSync(own)
    const hubEnvironment = { ...environment, THINGWALL_DATA: join(own, 'data') }
    const ports = [
      '--workers',
      '2',
      '--mqtt-port',
      `${mqtt}`,
      '--https-port',
      `${https}`,
      '--amqp-port',
      `${amqp}`,
      '--console-port',
      `${port}`,
      '--key-file',
      join(own, 'keys', 'root.key'),
    ]
    const child = spawn(thingwall, ['start', ...ports], { cwd: home, env: hubEnvironment, stdio: 'ignore' })
    const rootFile = join(own, 'data', 'root.pem')
    const ready = async () =>
      existsSync(rootFile) &&
      (await callApi({ host: 'localhost', port, ca: readFileSync(rootFile, 'utf8') }, 'GET', '/healthz').catch(() => undefined))?.status ===
        200
    await until(`the hub ${name} is ready`, 60_000, ready)
    return {
      port,
      mqtt,
      environment: hubEnvironment,
      rootPem: readFileSync(rootFile, 'utf8'),
      [Symbol.asyncDispose]: async () => {
        const ended = new Promise((resolve) => child.on('close', resolve))
        child.kill()
        await ended
      },
    }
  }
})
