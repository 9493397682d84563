/** The words of one step, read: `A > PUBLISH ~/a hello qos=1` has the positional words `~/a`, `hello` and the named word `qos`. */
export type Words = {
  readonly positional: readonly string[]
  /** In the order of the line, and repeated when the line repeats them: properties are encoded in this order. */
  readonly named: readonly (readonly [string, string])[]
}

/** One line of a transcript. */
export type Step = {
  readonly line: string
  readonly number: number
  /** The connection that the line is about; empty for `pause`. */
  readonly name: string
  /** `>` the client says, `<` the hub must say, `<<` it must say perhaps after messages, else the verb. */
  readonly verb: string
  /** A packet in capitals, `bytes`, `text`, `nothing`; empty after other verbs. */
  readonly what: string
  readonly words: Words
}

/**
 * Reads a transcript: one step a line; what follows ` # ` is a comment, empty lines are air. A value with spaces stands in double
 * quotes. Throws on a line that it cannot read: transcripts are ours.
 */
export function readSteps(transcript: string): readonly Step[] {
  return transcript.split('\n').flatMap((raw, index) => {
    const line = raw.replace(/(^|\s)#\s.*$/, '').trim()
    return line === '' ? [] : [readStep(line, index + 1)]
  })
}

function readStep(line: string, number: number): Step {
  const words = line.match(/(?:[^\s"]|"[^"]*")+/g) ?? []
  const [first = '', second = ''] = words
  if (first === 'pause') return { line, number, name: '', verb: 'pause', what: second, words: readWords([]) }
  if (!/^[A-Z]\w*$/.test(first)) throw new Error(`line ${number} names no connection: ${line}`)
  const said = ['>', '<', '<<'].includes(second)
  const what = said ? (words[2] ?? '') : ''
  return { line, number, name: first, verb: second, what, words: readWords(words.slice(said ? 3 : 2), what === 'bytes' || what === 'text') }
}

/** Among bytes, quotes say how a word is to be written; elsewhere they only hold it together. */
function readWords(words: readonly string[], keepQuotes = false): Words {
  const positional: string[] = []
  const named: (readonly [string, string])[] = []
  for (const word of words) {
    const [, key, value] = /^([A-Za-z][\w.]*)=(.*)$/.exec(word) ?? []
    if (key === undefined || value === undefined) positional.push(keepQuotes ? word : unquote(word))
    else named.push([key, unquote(value)])
  }
  return { positional, named }
}

/** What stands between double quotes, or the word as it is. */
export function unquote(word: string): string {
  return /^".*"$/.test(word) ? word.slice(1, -1) : word
}

/** The last value of a named word; a bare word such as `retain` counts as `retain=1`. */
export function named(words: Words, key: string): string | undefined {
  return words.named.findLast(([name]) => name === key)?.[1] ?? (words.positional.includes(key) ? '1' : undefined)
}

/** The positional words without the bare flags. */
export function positional(words: Words, ...flags: readonly string[]): readonly string[] {
  return words.positional.filter((word) => !flags.includes(word))
}

/** A number as the specification writes it: decimal or `0x` and hexadecimal. Throws on anything else. */
export function numeral(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || text === '') throw new Error(`"${text}" is no number`)
  return value
}
