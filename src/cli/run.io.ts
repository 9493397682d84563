import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { Fault, ok, systemClock } from '#base'
import type { Context } from './context.ts'
import { type Problem, exit } from './exit.ts'
import { text } from './given.ts'
import { dataDirectory, readHubFiles } from './hub-files.io.ts'
import type { Hub } from './hub.ts'
import { openHub } from './hub.io.ts'
import { withLateOptions } from './late-options.ts'
import { problemLines } from './problem.ts'
import { readCommandLine } from './program.ts'
import { object, text as textShape } from './shape.ts'
import type { Terminal } from './terminal.ts'
import { openTerminal } from './terminal.io.ts'
import { tree } from './tree.ts'

/** Reads the command line, runs what it asks for and gives the exit code. The one place where faults are caught and told. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const terminal = openTerminal()
  const asked = readCommandLine(await withLateOptions(tree, (name) => argv.includes(name)), ownVersion(), argv)
  if (asked.kind === 'help') {
    ;(asked.asked ? process.stdout : process.stderr).write(asked.text)
    return asked.asked ? exit.ok : exit.usage
  }
  if (asked.kind === 'usage') return tell(terminal, asked.problem)
  if (asked.spec.load === undefined) throw new Error('bug: a command without work')
  const interrupted = new AbortController()
  const stopOn = (code: number) => () => {
    if (interrupted.signal.aborted) process.exit(code)
    interrupted.abort()
  }
  process.on('SIGINT', stopOn(130)).on('SIGTERM', stopOn(143))
  const opened: Hub[] = []
  const data = dataDirectory(text(asked.globals, '--data'))
  const url = text(asked.globals, '--url')
  const context: Context = {
    terminal,
    clock: systemClock,
    data,
    url,
    signal: interrupted.signal,
    hub() {
      const files = readHubFiles(data, url)
      if (!files.ok) return files
      // A command that asks again wants a new one: it may have been started again.
      for (const old of opened.splice(0)) old.close()
      const hub = openHub(files.value, interrupted.signal)
      opened.push(hub)
      return ok(hub)
    },
  }
  try {
    const run = await asked.spec.load()
    const outcome = await run(context, asked.given)
    return outcome.ok ? outcome.value : tell(terminal, outcome.error)
  } catch (error) {
    if (error instanceof Fault && error.code === 'cli/reader-gone') return exit.ok
    if (interrupted.signal.aborted) return 130
    return tell(terminal, faultProblem(error))
  } finally {
    for (const hub of opened) hub.close()
  }
}

function tell(terminal: Terminal, problem: Problem): number {
  for (const line of problemLines(problem)) terminal.say(line)
  return problem.exit
}

function faultProblem(error: unknown): Problem {
  if (error instanceof Fault && error.code === 'cli/unexpected-answer')
    return {
      exit: exit.failed,
      what: 'The hub answered something that this command does not understand.',
      why: `${error.message}.`,
      code: error.code,
      fix: `run the command of the same release as the hub (this is ${ownVersion()}).`,
    }
  if (error instanceof Fault) return { exit: exit.failed, what: error.message, why: causeOf(error.cause), code: error.code }
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  // Files and sockets fail with a code of the system's; anything else is our bug, and its stack is what we need to be told.
  if (error instanceof Error && code !== undefined) return { exit: exit.failed, what: error.message, code }
  return {
    exit: exit.failed,
    what: 'This is a bug in thingwall.',
    why: error instanceof Error ? (error.stack ?? error.message) : String(error),
    fix: 'please report it with these lines.',
  }
}

function causeOf(cause: unknown): string | undefined {
  if (cause === undefined) return undefined
  return cause instanceof Error ? cause.message : inspect(cause)
}

/** The version of this package. */
export function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return object({ version: textShape })(manifest, 'package.json').version
}
