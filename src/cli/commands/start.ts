import { exit } from '../exit.ts'
import type { OptionSpec, Run } from '../spec.ts'

/** `start`: the hub, in this process, until it is told to end. */
export const start: Run = async (context, given) => {
  const { startHub } = await import('#server')
  const code = await startHub(new Map([...given.options, ['--data', context.data]]), context.signal)
  return { ok: true, value: Object.values(exit).find((known) => known === code) ?? exit.failed }
}

/** The hub's settings, as options of the command. */
export async function startOptions(): Promise<readonly OptionSpec[]> {
  const { startOptions: settings } = await import('#server')
  return settings.map(({ flag, takes, help, default: value, env, repeatable }) => ({
    flag: flagOf(flag),
    takes,
    help,
    default: value,
    env,
    repeat: repeatable,
  }))
}

const flagOf = (flag: string): `--${string}` => `--${flag.replace(/^--/, '')}`
