import { Fault } from '#base'
import { parseConfig } from './config.io.ts'
import { openServer } from './server.io.ts'
import { packageVersion } from './version.io.ts'
import { welcomeText } from './welcome.ts'

/**
 * `thingwall start`: runs a hub in this process until `signal` or a termination signal of the system ends it. `options` are flags with their
 * dashes. Writes the welcome to standard output. Resolves to the exit code: 0 when it was told to end, 2 for bad options, 1 when it could not start.
 */
export async function startHub(options: ReadonlyMap<string, string | true | readonly string[]>, signal: AbortSignal): Promise<number> {
  const flags: Record<string, string | readonly string[]> = {}
  for (const [flag, value] of options) if (value !== true) flags[flag.replace(/^--/, '')] = value
  const config = parseConfig(flags, process.env)
  if (!config.ok) {
    const { code, message } = config.error
    const fix =
      code === 'server/bad-option'
        ? 'thingwall start --help lists the options'
        : 'thingwall config check FILE tells everything that is wrong'
    process.stderr.write(`${message}\n  code: ${code}\n  fix: ${fix}.\n`)
    return 2
  }
  const told = new AbortController()
  const end = () => told.abort()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, end)
  const ended = AbortSignal.any([signal, told.signal])
  try {
    await using server = await openServer(config.value, packageVersion(), new AbortController().signal, { step: progress() })
    process.stdout.write(welcomeText(server.welcome))
    if (!ended.aborted) await new Promise((resolve) => ended.addEventListener('abort', resolve, { once: true }))
    process.stderr.write('Ending: sessions are closed, pending messages go to disk.\n')
    return 0
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const cause = error.cause instanceof Error ? `\n  why: ${error.cause.message}` : ''
    process.stderr.write(`The hub could not start: ${error.message}${cause}\n  code: ${error.code}\n`)
    return 1
  }
}

function progress(): (what: string) => void {
  return process.stderr.isTTY ? (what) => void process.stderr.write(`\r\u001b[KOpening ${what}`) : () => {}
}
