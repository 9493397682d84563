import { withLateOptions } from './late-options.ts'
import { globalOptions } from './program.ts'
import type { ArgumentSpec, CommandSpec, OptionSpec } from './spec.ts'

/** The reference page of every command (docs/cli.md), made from the tree. */
export async function referencePage(tree: CommandSpec): Promise<string> {
  const parts = [
    `# ${tree.name}`,
    '',
    'Made from the command tree by `node scripts/cli-reference.ts`; a test compares. Do not edit.',
    '',
    tree.about ?? '',
    '',
    'Exit codes: 0 ok, 1 failed, 2 usage, 3 denied, 4 not found, 5 conflict, 6 unreachable.',
    '',
    'Every command takes:',
    '',
    ...optionTable(globalOptions),
  ]
  for (const spec of (await withLateOptions(tree)).commands ?? []) parts.push(...section(spec, [tree.name]))
  return `${parts.join('\n')}\n`
}

function section(spec: CommandSpec, parents: readonly string[]): readonly string[] {
  const path = [...parents, spec.name]
  const options = spec.options ?? []
  const lines = [
    '',
    `${'#'.repeat(path.length)} ${path.join(' ')}${spec.arguments?.map((argument) => ` ${usage(argument)}`).join('') ?? ''}`,
    '',
    `${spec.summary}.`,
  ]
  if (spec.about !== undefined) lines.push('', spec.about)
  if (spec.aliases !== undefined) lines.push('', `Also: ${spec.aliases.map((alias) => `\`${alias}\``).join(', ')}.`)
  if (spec.arguments !== undefined)
    lines.push(
      '',
      ...spec.arguments.map(
        (argument) => `- \`${argument.name}\`: ${argument.help}${argument.choices ? ` (${argument.choices.join(', ')})` : ''}`,
      ),
    )
  if (options.length > 0) lines.push('', ...optionTable(options))
  lines.push('', '```sh', ...spec.examples.flatMap(([line, what]) => [`# ${what}`, line]), '```')
  for (const child of spec.commands ?? []) lines.push(...section(child, path))
  return lines
}

function usage(argument: ArgumentSpec): string {
  const name = `${argument.name}${argument.many ? '...' : ''}`
  return argument.optional ? `[${name}]` : `<${name}>`
}

const cell = (text: string) => text.replaceAll('|', '\\|')

function optionTable(options: readonly OptionSpec[]): readonly string[] {
  return [
    '| option | meaning | default | environment |',
    '|---|---|---|---|',
    ...options.map(
      ({ flag, takes, help, default: value, env }) =>
        `| \`${flag}${takes === undefined ? '' : ` ${takes}`}\` | ${cell(help)} | ${cell(value ?? '')} | ${env === undefined ? '' : `\`${env}\``} |`,
    ),
  ]
}
