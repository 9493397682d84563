// Makes dist/: built JavaScript (Node strips no types under node_modules) and the console's files. `npm pack` ships that.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const at = (...parts) => join(root, ...parts)

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status === 0) return
  process.stderr.write(`The build stopped at "${command} ${args.join(' ')}".${error ? `\n  why: ${error.message}` : ''}\n`)
  process.exit(1)
}

rmSync(at('dist'), { recursive: true, force: true })
run(at('node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'])
if (!existsSync(at('console', 'dist', 'index.html'))) run(process.execPath, [at('scripts', 'build-console.mjs')])
cpSync(at('console', 'dist'), at('dist', 'console-files'), { recursive: true })
process.stderr.write('Built dist/.\n')
