import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { HubProcess } from './hub.ts'
import { until } from './until.ts'

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

// The road of a newcomer, typed as the documents say, against the real hub.
describe('the thingwall command and a running hub', () => {
  let hub: HubProcess
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-typed-'))
  const at = (name: string) => join(folder, name)

  before(async () => void (hub = await HubProcess.open()))
  after(async () => {
    await hub[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A command that runs until it is ended; `lines` is what it has printed so far. */
  function background(...words: readonly string[]) {
    const child = spawn(process.execPath, [main, ...words], { env: hub.environment, stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, talk] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (talk += text))
    const ended = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)))
    const end = (): Promise<number> => {
      child.kill('SIGINT')
      return ended
    }
    return { out: () => out, talk: () => talk, end }
  }

  async function json(...words: readonly string[]): Promise<unknown> {
    const { code, stdout, stderr } = await hub.command(...words, '--json')
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout)
  }

  test('device add, the line that it prints, and watch: the first secure message', async () => {
    const watch = background('watch', '--json', '--from', 'start')
    const added = await hub.command('device', 'add', 'pump-1', '--out', folder, '--sdk', 'mosquitto')
    assert.equal(added.code, 0, added.stderr)
    assert.equal(statSync(at('pump-1.key.pem')).mode & 0o777, 0o600)
    assert.equal(readFileSync(at('root.pem'), 'utf8'), hub.rootPem)
    assert.ok(readFileSync(at('pump-1.cert.pem'), 'utf8').split('BEGIN CERTIFICATE').length > 2, 'leaf, then issuers')
    execFileSync('bash', ['--norc', '-c', added.stdout], { stdio: 'pipe' })
    await until('the message is seen', 10_000, () => watch.out().includes('"body":"{\\"temperature\\":21.5}"'))
    assert.equal(await watch.end(), 0)
    const again = await hub.command('device', 'add', 'pump-1', '--out', at('elsewhere'))
    assert.deepEqual([again.code, existsSync(at('elsewhere'))], [5, false])
  })

  test('the Node.js program that it prints runs as it stands', async () => {
    const added = await hub.command('device', 'add', 'node-1', '--out', folder, '--sdk', 'node')
    assert.equal(added.code, 0, added.stderr)
    execFileSync(process.execPath, ['--input-type=module'], { input: added.stdout, cwd: join(main, '..', '..', '..'), stdio: 'pipe' })
    const [fact] = await hub.watched('start', '--kind', 'telemetry', '--device', 'node-1')
    assert.equal(fact?.body, '{"temperature":21.5}')
  })

  test('a device for a key of its own, by signing request and by thumbprint', async () => {
    execFileSync(
      'openssl',
      [
        'req',
        '-new',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        at('own.key'),
        '-subj',
        '/CN=pump-2',
        '-out',
        at('own.csr'),
      ],
      { stdio: 'pipe' },
    )
    const csr = await hub.command('device', 'add', 'pump-2', '--csr', at('own.csr'), '--out', folder)
    assert.equal(csr.code, 0, csr.stderr)
    assert.ok(!existsSync(at('pump-2.key.pem')))
    const thumbprint = await hub.command('device', 'add', 'pump-3', '--thumbprint', Array.from({ length: 32 }, () => 'AB').join(':'))
    assert.equal(thumbprint.code, 0, thumbprint.stderr)
    const sha1 = await hub.command('device', 'add', 'pump-4', '--thumbprint', 'ab'.repeat(20))
    assert.equal(sha1.code, 2)
    assert.match(sha1.stderr, /hub\/sha1-thumbprint[\s\S]*openssl x509/)
  })

  test('many at once, by count and by list, and every faulty line of a list is told', async () => {
    const counted = await hub.command('device', 'add', '--count', '25', '--prefix', 'fleet-', '--out', at('fleet'))
    assert.equal(counted.code, 0, counted.stderr)
    assert.match(counted.stderr, /added 25/)
    writeFileSync(at('list.csv'), `id,primaryThumbprint,secondaryThumbprint\nlisted-1,${'cd'.repeat(32)},\nlisted-2,${'ce'.repeat(32)},\n`)
    const listed = await hub.command('device', 'add', '--csv', at('list.csv'), '--out', at('listed'))
    assert.equal(listed.code, 0, listed.stderr)
    writeFileSync(at('bad.csv'), 'id\ngood-1\nbad#1\n')
    const bad = await hub.command('device', 'add', '--csv', at('bad.csv'), '--out', at('bad'))
    assert.ok(bad.code !== 0 && /line 3/.test(bad.stderr), bad.stderr)
    const names = (await hub.command('device', 'ls')).stdout.split('\n').map((line) => line.split('\t')[0])
    assert.equal(names.filter((name) => name?.startsWith('fleet-')).length, 25)
    assert.ok(names.includes('listed-2') && !names.includes('good-1'))
  })

  test('every read answers as text and as JSON', async () => {
    const reads = [
      ['device', 'ls'],
      ['device', 'show', 'pump-1'],
      ['device', 'certs', 'pump-1'],
      ['hub', 'show'],
      ['audit'],
      ['trust'],
      ['sign-in'],
      ['explain', 'pump-1', 'publish', 'plant/other/x'],
    ]
    for (const words of reads) {
      const { code, stdout, stderr } = await hub.command(...words)
      assert.equal(code, 0, `${words.join(' ')}: ${stderr}`)
      assert.ok(stdout.length > 0)
      await json(...words)
    }
  })

  test('explain names why, and --exit-code makes a denial 3', async () => {
    const denied = await hub.command('explain', 'pump-1', 'publish', 'plant/other/x', '--exit-code')
    assert.equal(denied.code, 3, denied.stderr)
    assert.match(denied.stdout, /^denied[\s\S]*change: /)
    assert.equal((await hub.command('explain', 'pump-1', 'publish', 'devices/pump-1/messages/events/', '--exit-code')).code, 0)
  })

  test(
    'the demo: real SDK devices speak, are seen, one is revoked with a receipt, and all are taken away',
    { timeout: 60_000 },
    async () => {
      const demo = background('demo', '--devices', '3', '--every', '100')
      await until(
        'all of the demo are connected',
        20_000,
        async () => (await hub.command('connections')).stdout.trim().split('\n').length >= 3,
      )
      await until('they speak', 20_000, async () => (await hub.watched('start', '--kind', 'telemetry', '--device', 'demo-03')).length > 3)
      const revoked = await hub.command('revoke', 'demo-02', '--reason', 'shown')
      assert.equal(revoked.code, 0, revoked.stderr)
      assert.match(revoked.stdout, /^revoked 1 certificate, closed 1 of 1 session in \d+ ms \(1 mqtts\)\n$/)
      const code = await demo.end()
      assert.equal(code, 0, demo.talk())
      assert.match(demo.talk(), /[1-9]\d* messages acknowledged/)
      const removed = await hub.command('demo', '--remove')
      assert.equal(removed.code, 0, removed.stderr)
      assert.match(removed.stderr, /removed 3 devices/)
      assert.ok(!(await hub.command('device', 'ls', '--search', 'demo-')).stdout.includes('demo-'))
      assert.ok((await hub.command('device', 'ls')).stdout.includes('pump-1'), 'and nothing else')
    },
  )

  test('disable, enable, set, renew and rm', async () => {
    assert.equal((await hub.command('device', 'disable', 'pump-1', '--reason', 'repair')).code, 0)
    assert.match((await hub.command('device', 'show', 'pump-1')).stdout, /^status\tdisabled\nreason\trepair$/m)
    assert.equal((await hub.command('device', 'enable', 'pump-1', '--if-match', 'old')).code, 5)
    assert.equal((await hub.command('device', 'enable', 'pump-1')).code, 0)
    assert.equal((await hub.command('device', 'renew', 'pump-1', '--out', folder)).code, 5)
    const renewed = await hub.command('device', 'renew', 'pump-1', '--out', folder, '--force')
    assert.equal(renewed.code, 0, renewed.stderr)
    assert.equal((await hub.command('device', 'certs', 'pump-1')).stdout.trim().split('\n').length, 2)
    assert.equal((await hub.command('device', 'set', 'pump-3', '--issued')).code, 0)
    assert.equal((await hub.command('device', 'rm', 'pump-2', 'pump-3')).code, 0)
    for (const words of [['device', 'show'], ['revoke'], ['device', 'rm']])
      assert.equal((await hub.command(...words, 'pump-2')).code, 4, words.join(' '))
  })

  test('doctor, check and audit say what holds', { timeout: 60_000 }, async () => {
    const doctor = await hub.command('doctor')
    assert.equal(doctor.code, 0, doctor.stdout)
    const check = await hub.command('check', '--evidence')
    assert.ok(check.code === 0 || check.code === 1, check.stderr)
    assert.match(check.stdout, /^(pass|fail|unknown|na)\tTW-CON-01\t/m)
    const one = await hub.command('check', 'TW-CON-01', '--json')
    assert.equal(one.code, 0, one.stderr)
    const audit = await hub.command('audit', '--verify')
    assert.equal(audit.code, 0, audit.stderr)
    assert.match(audit.stdout, /device\.add/)
  })

  test('watch goes on over a restart of the hub, which makes a new credential', { timeout: 60_000 }, async () => {
    const watch = background('watch', '--json', '--kind', 'device-created')
    await until(
      'it watches',
      10_000,
      async () => (await hub.command('device', 'add', `before-${Date.now()}`)).code === 0 && watch.out() !== '',
    )
    await hub.stop()
    await hub.start()
    assert.equal((await hub.command('device', 'add', 'after-1')).code, 0)
    await until('it is back', 15_000, () => watch.out().includes('"device":"after-1"'))
    assert.equal(await watch.end(), 0)
  })

  test('a hub that ended is told as such, with exit 6', async () => {
    await hub.stop()
    const { code, stderr } = await hub.command('device', 'ls')
    assert.equal(code, 6)
    assert.match(stderr, /fix: /)
    assert.equal((await hub.command('doctor')).code, 1)
    await hub.start()
  })
})
