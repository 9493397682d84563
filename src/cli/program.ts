import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { type Problem, exit, stop } from './exit.ts'
import type { Given } from './given.ts'
import type { CommandSpec, OptionSpec } from './spec.ts'

/** What a command line asks for. Help may be asked for (stdout, exit 0) or be the answer to half a command (stderr, exit 2). */
export type Asked =
  | { readonly kind: 'run'; readonly spec: CommandSpec; readonly given: Given; readonly globals: Given }
  | { readonly kind: 'help'; readonly text: string; readonly asked: boolean }
  | { readonly kind: 'usage'; readonly problem: Problem }

const helpWidth = 100

/** Options that every command takes. */
export const globalOptions: readonly OptionSpec[] = [
  { flag: '--data', takes: 'DIR', help: 'data directory of the hub', env: 'THINGWALL_DATA' },
  { flag: '--url', takes: 'URL', help: 'console address of the hub, when it differs from what the data directory says' },
]

const exitText = '\n\nExit codes: 0 ok, 1 failed, 2 usage, 3 denied, 4 not found, 5 conflict, 6 unreachable.'

/** Reads a command line against the tree. Does nothing else: no IO, nothing printed, nothing run. */
export function readCommandLine(tree: CommandSpec, version: string, argv: readonly string[]): Asked {
  let found: { readonly spec: CommandSpec; readonly given: Given } | undefined
  let said = ''
  const program = build(
    tree,
    [],
    (spec, given) => (found = { spec, given }),
    (text) => (said += text),
  )
  program.version(version, '-V, --version', 'print the version')
  for (const option of globalOptions) program.addOption(commanderOption(option))
  // `help device add` is `device add --help`; commander's own help command reaches one level only.
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv]
  const stranger = words.includes('--help') || words.includes('-h') ? unknownWord(tree, words) : undefined
  if (stranger !== undefined) return { kind: 'usage', problem: usageProblem(`error: unknown command '${stranger}'`, pathOf(tree, words)) }
  try {
    program.parse(words.length === 0 ? ['--help'] : words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return { kind: 'help', text: said, asked: true }
    if (error.code === 'commander.help') return { kind: 'help', text: said, asked: false }
    return { kind: 'usage', problem: usageProblem(error.message, pathOf(tree, words)) }
  }
  if (found === undefined) throw new Error('bug: a command line that asks for nothing')
  return { kind: 'run', ...found, globals: { positions: [], options: optionValues(program.opts(), globalOptions) } }
}

/** The help text of one command, as `--help` prints it. */
export function helpOf(tree: CommandSpec, path: readonly string[]): string {
  const asked = readCommandLine(tree, '', [...path, '--help'])
  return asked.kind === 'help' ? asked.text : ''
}

type Chosen = (spec: CommandSpec, given: Given) => void

function build(spec: CommandSpec, parents: readonly string[], chosen: Chosen, write: (text: string) => void): Command {
  const command = new Command(spec.name)
    .summary(spec.summary)
    .description(spec.about === undefined ? `${spec.summary}.` : `${spec.summary}.\n\n${spec.about}`)
    .exitOverride()
    .configureOutput({
      writeOut: write,
      writeErr: write,
      outputError: () => undefined,
      getOutHelpWidth: () => helpWidth,
      getErrHelpWidth: () => helpWidth,
    })
    .configureHelp({ showGlobalOptions: true, sortOptions: false, sortSubcommands: false, subcommandTerm })
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showHelpAfterError(false)
  for (const alias of spec.aliases ?? []) command.alias(alias)
  for (const argument of spec.arguments ?? []) {
    const name = `${argument.name}${argument.many ? '...' : ''}`
    const built = new Argument(argument.optional ? `[${name}]` : `<${name}>`, argument.help)
    command.addArgument(argument.choices ? built.choices(argument.choices) : built)
  }
  for (const option of spec.options ?? []) command.addOption(commanderOption(option))
  command.addHelpText('after', () => `\nExamples:\n${exampleText(spec)}${parents.length === 0 ? exitText : ''}`)
  for (const child of spec.commands ?? []) command.addCommand(build(child, [...parents, spec.name], chosen, write))
  if (spec.load) {
    command.action(() => {
      const positions = command.processedArgs.map(wordsOf)
      chosen(spec, { positions, options: optionValues(command.opts(), spec.options ?? []) })
    })
  }
  return command
}

/** Names and arguments only: options have their own page, and lines that wrap are not read. */
function subcommandTerm(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? ` <${name}>` : ` [${name}]`
  })
  return `${command.name()}${words.join('')}`
}

function exampleText(spec: CommandSpec): string {
  const widest = Math.max(...spec.examples.map(([line]) => line.length))
  const narrow = widest <= 56
  return spec.examples.map(([line, what]) => (narrow ? `  ${line.padEnd(widest)}  ${what}` : `  ${line}\n      ${what}`)).join('\n')
}

function commanderOption(spec: OptionSpec): Option {
  const help = spec.env === undefined ? spec.help : `${spec.help} (env: ${spec.env})`
  const option = new Option(spec.takes === undefined ? spec.flag : `${spec.flag} <${spec.takes}>`, help)
  if (spec.repeat)
    option.argParser((value: string, previous: readonly string[] | undefined) => {
      if (spec.choices && !spec.choices.includes(value)) throw new InvalidArgumentError(`Allowed choices are ${spec.choices.join(', ')}.`)
      return [...(previous ?? []), value]
    })
  else if (spec.choices) option.choices(spec.choices)
  // A default is told, not set: a command must see the difference between what was typed and what was not.
  if (spec.default !== undefined) option.description += ` (default: ${spec.default})`
  return option
}

function wordsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value.filter((word) => typeof word === 'string') : []
}

function optionValues(values: Readonly<Record<string, unknown>>, specs: readonly OptionSpec[]): Given['options'] {
  const read = new Map<string, string | true | readonly string[]>()
  for (const spec of specs) {
    const value = values[commanderOption(spec).attributeName()]
    if (value === true || typeof value === 'string') read.set(spec.flag, value)
    else if (Array.isArray(value)) read.set(spec.flag, wordsOf(value))
  }
  return read
}

/** The first word that should name a command and does not. Commander gives the help of the group instead, as if all were well. */
function unknownWord(tree: CommandSpec, words: readonly string[]): string | undefined {
  const withValue = new Set<string>(globalOptions.filter((option) => option.takes !== undefined).map((option) => option.flag))
  let at: CommandSpec = tree
  for (let i = 0; i < words.length && at.commands !== undefined; i++) {
    const word = words[i] ?? ''
    if (withValue.has(word)) i++
    if (word.startsWith('-')) continue
    const next = at.commands.find((child) => child.name === word || child.aliases?.includes(word))
    if (next === undefined) return word
    at = next
  }
  return undefined
}

/** The longest run of words from the start that names a command. */
function pathOf(tree: CommandSpec, words: readonly string[]): string {
  const path = [tree.name]
  let at: CommandSpec | undefined = tree
  for (const word of words) {
    at = at.commands?.find((child) => child.name === word || child.aliases?.includes(word))
    if (at === undefined) break
    path.push(at.name)
  }
  return path.join(' ')
}

function usageProblem(message: string, path: string): Problem {
  const [first = '', hint] = message.replace(/^error: /, '').split('\n')
  const why = hint === undefined ? undefined : hint.replace(/^\(|\)$/g, '')
  return stop(
    exit.usage,
    `${first.slice(0, 1).toUpperCase()}${first.slice(1).replace(/\.$/, '')}.`,
    why,
    `"${path} --help" shows what it takes.`,
  ).error
}
