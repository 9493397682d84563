import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const cache = fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url))
const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

/** What a command left. */
export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** How a command is run: in which folder, with which environment on top of ours, and what is done while it runs. */
export type RunOptions = {
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly meanwhile?: (child: ChildProcess, soFar: () => string) => Promise<void>
}

/** Runs the real `thingwall` as a child process, its output in pipes. */
export async function runCommand(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { THINGWALL_DATA: _, FORCE_COLOR: __, ...inherited } = process.env
  const child = spawn(process.execPath, [main, ...words], {
    cwd: options.cwd,
    env: { ...inherited, NODE_OPTIONS: '--conditions=source', NO_COLOR: '1', NODE_COMPILE_CACHE: cache, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)))
  await options.meanwhile?.(child, () => stdout)
  return { code: await ended, stdout, stderr }
}
