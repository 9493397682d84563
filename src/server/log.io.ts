import type { LogLevel } from './config.io.ts'

/** Diagnostics for people: one line each on standard error. What happened to devices is in the journal, not here. */
export type Log = {
  debug(message: string, facts?: Facts): void
  info(message: string, facts?: Facts): void
  warn(message: string, facts?: Facts): void
  error(message: string, facts?: Facts): void
}

type Facts = Readonly<Record<string, unknown>>

const order: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** A log that shows `level` and above. Values are JSON, so text from a peer can neither break a line nor reach the terminal raw. */
export function openLog(level: LogLevel, write: (line: string) => void = (line) => void process.stderr.write(line)): Log {
  const from = order.indexOf(level)
  const at =
    (name: LogLevel) =>
    (message: string, facts: Facts = {}) => {
      if (order.indexOf(name) < from) return
      const tail = Object.entries(facts).map(
        ([key, value]) => ` ${key}=${JSON.stringify(value instanceof Error ? describe(value) : value)}`,
      )
      write(`${new Date().toISOString()} ${name.padEnd(5)} ${message}${tail.join('')}\n`)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function describe(error: Error): string {
  const cause = error.cause instanceof Error ? `: ${describe(error.cause)}` : ''
  return `${error.message}${cause}`
}
