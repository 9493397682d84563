import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Outcome, exit, stop } from '../exit.ts'
import { positions } from '../given.ts'
import type { Run } from '../spec.ts'

/** `bench`: measures this machine with the program of a clone, passing every argument on. A package does not carry it. */
export const bench: Run = async (context, given) => {
  const program = fileURLToPath(new URL('../../../bench/main.ts', import.meta.url))
  if (!existsSync(program))
    return stop(
      exit.failed,
      'The benchmarks are not in this package.',
      'they start other servers and take many minutes, so they come with the sources only.',
      'clone the project and run "npm run bench" there.',
    )
  return new Promise<Outcome>((resolve, reject) => {
    const child = spawn(process.execPath, ['--conditions=source', program, ...positions(given, 0)], { stdio: 'inherit' })
    context.signal.addEventListener('abort', () => child.kill('SIGINT'), { once: true })
    child.on('error', reject)
    child.on('close', (code) => resolve({ ok: true, value: code === 0 ? exit.ok : exit.failed }))
  })
}
