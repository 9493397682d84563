import { createInterface } from 'node:readline/promises'
import type { WriteStream } from 'node:tty'
import { Fault } from '#base'
import { type Line, plain, plainJson, render, textOf } from './line.ts'
import type { Progress, Terminal } from './terminal.ts'

/** The process's own stdout and stderr. NO_COLOR (when not empty) and TERM=dumb turn colours off; FORCE_COLOR turns them on. */
export function openTerminal(): Terminal {
  const colour = wantsColour()
  let gone = false
  // A reader that left (`| head`) is no failure of ours, but without a listener it would kill the process with a stack trace.
  process.stdout.on('error', () => (gone = true))
  process.stderr.on('error', () => undefined)
  const write = async (text: string) => {
    if (gone) throw new Fault('cli/reader-gone', 'Nobody reads the output any more.')
    if (process.stdout.write(text)) return
    await new Promise<void>((resolve) => {
      const go = () => {
        process.stdout.off('drain', go).off('error', go).off('close', go)
        resolve()
      }
      process.stdout.on('drain', go).on('error', go).on('close', go)
    })
  }
  return {
    isPerson: process.stdout.isTTY,
    columns: process.stdout.columns || 100,
    print: (line) => write(`${render(line, colour(process.stdout))}\n`),
    printCells: (cells) => write(`${cells.map((cell) => render(textOf(cell), false)).join('\t')}\n`),
    printJson: (value, indent) => write(`${plainJson(value, indent)}\n`),
    say: (line: Line) => void process.stderr.write(`${render(line, colour(process.stderr))}\n`),
    progress: (label) => (process.stderr.isTTY ? movingLine(label) : rareLines(label)),
    confirm: async (question) => (process.stdin.isTTY && process.stderr.isTTY ? askPerson(question) : undefined),
  }
}

function wantsColour(): (stream: WriteStream) => boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR !== undefined && NO_COLOR !== '') return () => false
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '' && FORCE_COLOR !== '0') return () => true
  return (stream) => stream.isTTY && TERM !== 'dumb'
}

async function askPerson(question: string): Promise<boolean> {
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  // Ctrl-C and the end of input are a no.
  const ended = new Promise<string>((resolve) => reader.once('close', () => resolve('')))
  try {
    return /^y(?:es)?$/i.test((await Promise.race([reader.question(`${plain(question)} [y/N] `), ended])).trim())
  } finally {
    reader.close()
  }
}

const width = 24

function movingLine(label: string): Progress {
  let last = 0
  const draw = (text: string) => process.stderr.write(`\r\u001b[2K${text}`)
  return {
    at(done, total) {
      const now = performance.now()
      if (now - last < 50 && done !== total) return
      last = now
      const part = total === undefined || total === 0 ? 0 : Math.min(1, done / total)
      const full = Math.round(part * width)
      draw(`${plain(label)} ${'#'.repeat(full)}${'.'.repeat(width - full)} ${done}${total === undefined ? '' : ` of ${total}`}`)
    },
    end: () => void draw(''),
  }
}

function rareLines(label: string): Progress {
  let tenth = 0
  return {
    at(done, total) {
      if (total === undefined || total === 0) return
      const reached = Math.floor((done / total) * 10)
      if (reached <= tenth) return
      tenth = reached
      process.stderr.write(`${plain(label)} ${done} of ${total}\n`)
    },
    end: () => undefined,
  }
}
