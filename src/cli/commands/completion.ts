import { done } from '../exit.ts'
import { position } from '../given.ts'
import { withLateOptions } from '../late-options.ts'
import { globalOptions } from '../program.ts'
import type { CommandSpec, Run } from '../spec.ts'
import { tree } from '../tree.ts'

/** One place on the command line: the words before it, and what may stand there. */
type Place = {
  readonly path: string
  readonly commands: readonly CommandSpec[]
  readonly flags: readonly { readonly flag: string; readonly help: string; readonly takes: boolean }[]
}

/** Every place of the tree, the root first. */
export function places(spec: CommandSpec, path = ''): readonly Place[] {
  const options = [...(spec.options ?? []), ...globalOptions]
  const flags = [
    ...options.map((option) => ({ flag: option.flag, help: option.help, takes: option.takes !== undefined })),
    { flag: '--help', help: 'print help', takes: false },
  ]
  const commands = spec.commands ?? []
  return [{ path, commands, flags }, ...commands.flatMap((child) => places(child, path === '' ? child.name : `${path} ${child.name}`))]
}

const name = 'thingwall'
const withValues = (all: readonly Place[]) => [
  ...new Set(all.flatMap((place) => place.flags.filter((flag) => flag.takes).map((flag) => flag.flag))),
]
const wordsAt = (place: Place) => [...place.commands.map((command) => command.name), ...place.flags.map((flag) => flag.flag)].join(' ')
const functionName = (path: string) => `_${name}_${path === '' ? 'root' : path.replaceAll(/[^a-z]/g, '_')}`

/** Words typed so far, options and their values left out, as one path; then the words that may follow. */
function bash(all: readonly Place[]): string {
  return `# bash completion for ${name}: source <(${name} completion bash)
_${name}() {
  local word path="" skip="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ -n $skip ]]; then skip=""; continue; fi
    case "$word" in
      ${withValues(all).join('|')}) skip=1 ;;
      -*) ;;
      *)
        case "\${path:+$path }$word" in
${all
  .filter((place) => place.path !== '')
  .map((place) => `          '${place.path}') path="\${path:+$path }$word" ;;`)
  .join('\n')}
        esac
        ;;
    esac
  done
  if [[ -n $skip ]]; then COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")); return; fi
  local words=""
  case "$path" in
${all.map((place) => `    '${place.path}') words='${wordsAt(place)}' ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
  if [[ \${#COMPREPLY[@]} -eq 0 ]]; then COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")); fi
}
complete -F _${name} ${name}`
}

const zshText = (text: string) => text.replaceAll("'", "'\\''").replaceAll('[', '\\[').replaceAll(']', '\\]').replaceAll(':', '\\:')

function zsh(all: readonly Place[]): string {
  const functions = all.map((place) => {
    const flags = place.flags.map((flag) => `    '${flag.flag}[${zshText(flag.help)}]${flag.takes ? ':value:_files' : ''}' \\`)
    if (place.commands.length === 0)
      return `${functionName(place.path)}() {\n  _arguments \\\n${flags.join('\n')}\n    '*:argument:_files'\n}`
    const commands = place.commands.map((command) => `      '${command.name}:${zshText(command.summary)}'`)
    const cases = place.commands.map(
      (command) => `        ${command.name}) ${functionName(place.path === '' ? command.name : `${place.path} ${command.name}`)} ;;`,
    )
    return `${functionName(place.path)}() {
  local context state line
  _arguments -C \\
${flags.join('\n')}
    '1:command:->command' \\
    '*::argument:->argument'
  case $state in
    command)
      local -a commands
      commands=(
${commands.join('\n')}
      )
      _describe command commands
      ;;
    argument)
      case $line[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}`
  })
  return `#compdef ${name}\n# zsh completion for ${name}: source <(${name} completion zsh)\n${functions.join('\n')}\ncompdef ${functionName('')} ${name}`
}

const fishText = (text: string) => text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")

function fish(all: readonly Place[]): string {
  const lines = all.flatMap((place) => {
    const children = place.commands.map((command) => command.name).join(' ')
    const seen = place.path === '' ? [] : place.path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`)
    const notYet = children === '' ? [] : [`not __fish_seen_subcommand_from ${children}`]
    const when = `-n '${[...seen, ...notYet].join('; and ') || 'true'}'`
    return [
      ...place.commands.map((command) => `complete -c ${name} -f ${when} -a ${command.name} -d '${fishText(command.summary)}'`),
      ...place.flags.map(
        (flag) => `complete -c ${name} ${when} -l ${flag.flag.slice(2)}${flag.takes ? ' -r' : ''} -d '${fishText(flag.help)}'`,
      ),
    ]
  })
  return [`# fish completion for ${name}: ${name} completion fish | source`, ...lines].join('\n')
}

const scripts: ReadonlyMap<string, (all: readonly Place[]) => string> = new Map([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
])

/** The completion script of one shell, made from the command tree. */
export function completionScript(shell: string, root: CommandSpec): string {
  return scripts.get(shell)?.(places(root)) ?? ''
}

/** `completion`: prints the script. */
export const completion: Run = async (context, given) => {
  for (const line of completionScript(position(given, 0), await withLateOptions(tree)).split('\n')) await context.terminal.print(line)
  return done
}
