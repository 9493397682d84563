import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { callApi } from './api.ts'
import { freePorts } from './hub.ts'
import { until } from './until.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

describe('the package that npm pack makes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-package-'))
  const home = join(folder, 'empty')
  /** As a user has it: nothing of our own environment that would find the sources. */
  const environment = { ...process.env, NODE_OPTIONS: '', THINGWALL_DATA: join(folder, 'data'), NO_COLOR: '1' }
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

  test('starts a hub that serves the console, and its command finds it', { timeout: 120_000 }, async () => {
    const [mqtt = 0, https = 0, port = 0] = await freePorts(3)
    const ports = [
      '--mqtt-port',
      `${mqtt}`,
      '--https-port',
      `${https}`,
      '--console-port',
      `${port}`,
      '--key-file',
      join(folder, 'keys', 'root.key'),
    ]
    const hub = spawn(thingwall, ['start', ...ports], { cwd: home, env: environment, stdio: 'ignore' })
    try {
      const rootPem = join(folder, 'data', 'root.pem')
      const ask = (path: string) => callApi({ host: 'localhost', port, ca: readFileSync(rootPem, 'utf8') }, 'GET', path)
      await until(
        'the hub is ready',
        60_000,
        async () => existsSync(rootPem) && (await ask('/healthz').catch(() => undefined))?.status === 200,
      )
      assert.match((await ask('/')).text, /<!doctype html>/i, 'the console is in the package')
      const added = execFileSync(thingwall, ['device', 'add', 'first', '--out', home, '--json'], {
        cwd: home,
        env: environment,
        encoding: 'utf8',
      })
      assert.match(added, /first/)
      assert.ok(existsSync(join(home, 'first.key.pem')))
    } finally {
      const ended = new Promise((resolve) => hub.on('close', resolve))
      hub.kill()
      await ended
    }
  })
})
