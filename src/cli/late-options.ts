import { globalOptions } from './program.ts'
import type { CommandSpec, OptionSpec } from './spec.ts'

/** The tree with the options that live in other rooms, of those commands that `wanted` names. Loading them all would make every command slow. */
export async function withLateOptions(tree: CommandSpec, wanted: (name: string) => boolean = () => true): Promise<CommandSpec> {
  const known = new Set<string>(globalOptions.map((option) => option.flag))
  const commands: CommandSpec[] = []
  for (const spec of tree.commands ?? []) {
    const late: readonly OptionSpec[] = spec.lateOptions && wanted(spec.name) ? await spec.lateOptions() : []
    const options = [...(spec.options ?? []), ...late.filter((option) => !known.has(option.flag))]
    commands.push(options.length === 0 ? spec : { ...spec, options })
  }
  return { ...tree, commands }
}
