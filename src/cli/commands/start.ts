import { Fault } from '#base'
import { exit } from '../exit.ts'
import type { Run } from '../spec.ts'

/** What the server room is asked for: what was typed, by flag, and a signal that ends it. Resolves with an exit code when all is closed. */
type StartHub = (options: ReadonlyMap<string, string | true | readonly string[]>, signal: AbortSignal) => Promise<number | void>

/** `start`: the hub, in this process, until it is told to end. */
export const start: Run = async (context, given) => {
  const startHub = await loadStartHub()
  const code = await startHub(new Map([...given.options, ['--data', context.data]]), context.signal)
  return { ok: true, value: code === undefined || code === 0 ? exit.ok : exit.failed }
}

async function loadStartHub(): Promise<StartHub> {
  const room: string = '#server'
  const door: unknown = await import(room)
  if (typeof door === 'object' && door !== null && 'startHub' in door && isStartHub(door.startHub)) return door.startHub
  throw new Fault('cli/no-server', 'This build has no server.')
}

const isStartHub = (value: unknown): value is StartHub => typeof value === 'function'
