// `npm test`: every stage runs, each says how long it took, and the sums come last.
//   npm test                      everything
//   npm test -- unit conformance  these stages: packages, format, lint, unused, types, unit, conformance, console
//   npm test -- src/hub test/x.test.ts   the tests of these files and folders
import { spawn, spawnSync } from 'node:child_process'
import fs, { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
const say = (text) => process.stdout.write(`${text}\n`)
if (!process.versions.node.startsWith('26.')) {
  say(`Tests run under Node 26; this is ${process.version}.\n  why: the sources are run as they are.\n  fix: use "npm test".`)
  process.exit(1)
}

/** Debian packages that bring the real servers and clients we test against, and a command or file that shows each is there. */
const wanted = [
  ['mosquitto', 'mosquitto'],
  ['mosquitto-clients', 'mosquitto_pub'],
  ['python3-paho-mqtt', '/usr/lib/python3/dist-packages/paho/mqtt/client.py'],
  ['openssl', 'openssl'],
  ['python3-cryptography-vectors', '/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data'],
  ['chromium', 'chromium'],
  ['postgresql', '/usr/lib/postgresql'],
  ['nats-server', 'nats-server'],
  ['rabbitmq-server', '/usr/lib/rabbitmq/bin/rabbitmq-server'],
  ['python3-confluent-kafka', '/usr/lib/python3/dist-packages/confluent_kafka/__init__.py'],
  ['softhsm2', 'softhsm2-util'],
  ['lego', 'lego'],
  ['swtpm', 'swtpm'],
  ['tpm2-tools', 'tpm2_createek'],
  ['tpm2-openssl', '/usr/share/doc/tpm2-openssl'],
  ['g++', 'g++'],
  ['make', 'make'],
  ['python3', 'python3'],
  ['zsh', 'zsh'],
  ['fish', 'fish'],
]
const tests = {
  unit: ['src/**/*.test.ts', 'test/**/*.test.ts'],
  conformance: ['conformance/**/*.test.ts'],
  console: ['console/test/**/*.test.ts'],
}
/** Tests with the ports that SDKs insist on, each on a loopback address of its own: two at a time, apart from those that take any address. */
const needsPorts = ['conformance/azure/**/*.test.ts', 'conformance/azure-sdk.test.ts', 'conformance/authentication.test.ts']
/** Tests that share their addresses with another, or say what a hub does under load: nothing else may run beside them. */
const needsTheMachine = [
  'conformance/azure/transcripts.test.ts',
  'conformance/limits.test.ts',
  'conformance/liars.test.ts',
  'conformance/hostile*.test.ts',
  'conformance/start.test.ts',
  'conformance/full-disk.test.ts',
]
const environment = {
  ...process.env,
  PATH: [join(root, 'node_modules', '.bin'), process.env.PATH, '/usr/sbin', '/usr/bin'].join(delimiter),
  NODE_OPTIONS: conditions(process.env.NODE_OPTIONS ?? ''),
}

const stages = {
  packages: async () => verdict(installPackages() && buildPkcs11()),
  format: async () => verdict(await run('oxfmt', ['--check', '.'])),
  lint: async () => verdict(await run('oxlint', ['--type-aware', '--quiet', '.'])),
  // Files and packages that nothing uses.
  unused: async () => verdict(await run('knip', ['--dependencies', '--files', '--no-progress'])),
  types: async () => {
    const projects = ['.', ...(existsSync('console/tsconfig.json') ? ['console'] : [])]
    let passed = true
    for (const project of projects) passed = (await run('tsc', ['-p', project])) && passed
    return verdict(passed)
  },
  unit: () => runTests(tests.unit, 3, 120_000),
  conformance: async () => {
    const all = tests.conformance.flatMap((pattern) => fs.globSync(pattern))
    const alone = needsTheMachine.flatMap((pattern) => fs.globSync(pattern))
    const ported = needsPorts.flatMap((pattern) => fs.globSync(pattern)).filter((path) => !alone.includes(path))
    const rest = all.filter((path) => !alone.includes(path) && !ported.includes(path))
    const sums = { passed: 0, failed: 0, skipped: 0 }
    for (const [paths, concurrency] of [
      [rest, 2],
      [ported, 2],
      [alone, 1],
    ]) {
      const result = await runTests(paths, concurrency)
      for (const key of Object.keys(sums)) sums[key] += result[key]
    }
    return sums
  },
  console: () => runTests(tests.console, 2),
}

function conditions(options) {
  return options.includes('--conditions=source') ? options : `${options} --conditions=source --disable-warning=ExperimentalWarning`.trim()
}

const verdict = (passed) => ({ passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 })

let running

/** Runs a command as a process group of its own, so that whatever it started ends with us. */
function run(command, args, onOutput) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: environment, stdio: ['ignore', onOutput ? 'pipe' : 'inherit', 'inherit'], detached: true })
    running = child
    if (onOutput) child.stdout.setEncoding('utf8').on('data', onOutput)
    child.on('error', (error) => say(`  ${command} could not start: ${error.message}`))
    child.on('close', (code) => resolve(code === 0))
  })
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
])
  process.on(signal, () => {
    endRunning()
    process.exit(code)
  })

function endRunning() {
  try {
    if (running?.pid) process.kill(-running.pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

/** A test that hangs fails after `patienceMs`; what it was waiting for is then in its name. */
async function runTests(patterns, concurrency, patienceMs = 300_000) {
  const paths = patterns
    .flatMap((pattern) => fs.globSync(pattern))
    .filter((path) => !path.includes('node_modules'))
    .toSorted()
  if (paths.length === 0) {
    say(`  no test matches ${patterns.join(', ')}`)
    return verdict(false)
  }
  let sums
  let line = ''
  let passed = 0
  const waiting = new Set(paths)
  // A file whose timers or sockets stay open after its tests never ends; node would wait for it for ever.
  let watchdog
  const feed = () => {
    clearTimeout(watchdog)
    watchdog = setTimeout(() => {
      say(`  FAILED: nothing was heard for ${Math.round((patienceMs * 1.5) / 1000)} s; not finished: ${[...waiting].join(', ')}`)
      endRunning()
    }, patienceMs * 1.5)
  }
  feed()
  const reporter = join(root, 'scripts', 'test-reporter.mjs')
  const options = [`--test-concurrency=${concurrency}`, `--test-reporter=${reporter}`, `--test-timeout=${patienceMs}`]
  const succeeded = await run('node', ['--test', ...options, ...paths], (text) => {
    feed()
    const lines = (line + text).split('\n')
    line = lines.pop()
    for (const one of lines) {
      if (one.startsWith('#sums ')) {
        sums = JSON.parse(one.slice(6))
        continue
      }
      const [, path, count] = /^ {2}(?:ok|FAILED) (\S+) \((\d+) tests/.exec(one) ?? []
      if (waiting.delete(path)) passed += Number(count)
      say(one)
    }
  })
  clearTimeout(watchdog)
  if (sums === undefined) return { passed, failed: Math.max(1, waiting.size), skipped: 0 }
  const failed = sums.failed + sums.cancelled
  return { passed: sums.passed, failed: failed === 0 && !succeeded ? 1 : failed, skipped: sums.skipped + sums.todo }
}

/** Installs what is missing where we have the right to; otherwise says what will fail, and lets it fail. */
function installPackages() {
  const has = (command) =>
    command.startsWith('/')
      ? existsSync(command)
      : (environment.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, command)))
  const missing = () => wanted.filter(([, command]) => !has(command)).map(([name]) => name)
  let names = missing()
  if (names.length === 0) return true
  const sudo = process.getuid?.() === 0 ? [] : spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined
  if (!has('apt-get') || sudo === undefined) {
    const why = has('apt-get') ? 'installing them needs root' : 'this system has no apt-get'
    say(
      `  missing: ${names.join(', ')}\n  why: ${why}; tests that need them will fail.\n  fix: install them by hand, then run npm test again.`,
    )
    return false
  }
  say(`  installing ${names.join(', ')}`)
  const quiet = keepServicesStopped(sudo)
  try {
    const apt = (...args) =>
      spawnSync([...sudo, 'apt-get', ...args][0], [...sudo, 'apt-get', ...args].slice(1), {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...environment, DEBIAN_FRONTEND: 'noninteractive' },
      })
    apt('update', '-qq')
    apt('install', '-y', '-qq', '--no-install-recommends', ...names, 'fonts-dejavu-core')
  } finally {
    quiet()
  }
  names = missing()
  if (names.length > 0) say(`  still missing: ${names.join(', ')}; tests that need them will fail.`)
  return names.length === 0
}

/** The one package with native code that npm does not build by itself here, where scripts of packages are off. */
function buildPkcs11() {
  const built = join('node_modules', 'pkcs11js', 'build', 'Release', 'pkcs11.node')
  if (existsSync(built)) return true
  say('  building pkcs11js')
  const { status, stderr } = spawnSync('npm', ['rebuild', 'pkcs11js', '--ignore-scripts=false'], { env: environment, encoding: 'utf8' })
  if (status === 0 && existsSync(built)) return true
  const why = (stderr ?? '').trim().split('\n').at(-1)
  say(`  pkcs11js was not built; tests of keys in tokens will fail.\n  why: ${why}\n  fix: install g++ and make, then run npm test again.`)
  return false
}

/** Debian starts a server when it installs one. For the length of the install it is told not to: tests start their own. */
function keepServicesStopped(sudo) {
  const policy = '/usr/sbin/policy-rc.d'
  if (sudo.length > 0 || existsSync(policy)) return () => undefined
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return () => rmSync(policy, { force: true })
}

function plan(args) {
  if (args.length === 0) return Object.entries(stages)
  return args.map((name) => {
    if (name in stages) return [name, stages[name]]
    const folder = existsSync(name) && statSync(name).isDirectory()
    return [name, () => runTests([folder ? `${name}/**/*.test.ts` : name], 2)]
  })
}

const sums = { passed: 0, failed: 0, skipped: 0 }
const table = []
for (const [name, stage] of plan(process.argv.slice(2))) {
  say(`\n== ${name}`)
  const started = performance.now()
  const result = await stage()
  const seconds = `${((performance.now() - started) / 1000).toFixed(1)} s`
  for (const key of Object.keys(sums)) sums[key] += result[key]
  table.push(
    `  ${result.failed === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(12)} ${seconds.padStart(8)}  ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`,
  )
  say(table.at(-1).trimEnd())
}
say(`\n${table.join('\n')}\n`)
say(`${sums.passed} passed, ${sums.failed} failed${sums.skipped > 0 ? `, ${sums.skipped} skipped` : ''}`)
process.exit(sums.failed === 0 ? 0 : 1)
