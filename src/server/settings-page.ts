import type { TSchema } from 'typebox'
import { limitsSchema, settingsSchema } from './settings-schema.ts'
import { membersOf, unitOf, wantedBy } from './settings.ts'

/** The reference of every setting (docs/settings.md), made from the schema. */
export function settingsPage(): string {
  const parts = [
    '# Settings',
    '',
    'Made from the schema by `node scripts/settings-reference.ts`; a test compares. Do not edit.',
    '',
    'A settings file is YAML 1.2 or JSON: `thingwall start --config FILE`, or `THINGWALL_CONFIG`. Everything may be left out. A name that is no',
    'setting, a value out of its range, a key that stands twice, an alias or a tag is an error that names the place; nothing is guessed. A flag',
    'or an environment variable of the same meaning wins over the file. `thingwall config check FILE` prints what counts. A change is read at',
    'the next start.',
    '',
    '```yaml',
    'limits:                        # for every listener',
    '  subscriberQueueLimit: {length: 5000, strategy: DropOldest}',
    'listeners:',
    '  https:',
    '    limits:                    # for this one alone',
    '      maxPacketSizeBytes: 65536',
    'broker:',
    '  connectionsPerAddress: 50',
    '```',
  ]
  const groups = (schema: TSchema, path: string): void => {
    const members = [...(membersOf(schema) ?? [])]
    const leaves = members.filter(([, member]) => membersOf(member) === undefined)
    if (leaves.length > 0) {
      parts.push('', path === '' ? '## At the top' : `## ${path}`, '')
      if (path !== '') parts.push(`${descriptionOf(schema)} Stands under \`${path}\`.`, '')
      parts.push(
        '| setting | what is taken | unit | default | meaning |',
        '|---|---|---|---|---|',
        ...leaves.map(([name, leaf]) => row(name, leaf)),
      )
    }
    for (const [name, member] of members) {
      const at = path === '' ? name : `${path}.${name}`
      // The limits of one listener are those of all: one table is enough.
      if (membersOf(member) !== undefined && !(name === 'limits' && path !== '')) groups(member, at)
    }
  }
  groups(settingsSchema, '')
  const names = [...(membersOf(limitsSchema)?.keys() ?? [])]
  parts.push(
    '',
    '## listeners.mqtt.limits and listeners.https.limits',
    '',
    `The ${names.length} names under \`limits\`, for one listener alone; what is not said there is taken from \`limits\`.`,
  )
  return `${parts.join('\n')}\n`
}

function row(name: string, leaf: TSchema): string {
  const standard: unknown = Reflect.get(leaf, 'default')
  const unit = unitOf(leaf)
  // The unit has a column of its own.
  const taken = unit === undefined ? wantedBy(leaf) : wantedBy(leaf).replace(` (${unit})`, '').replace(` ${unit} from`, ' from')
  const shown = standard === undefined ? '' : `\`${typeof standard === 'string' ? standard : JSON.stringify(standard)}\``
  return `| \`${name}\` | ${taken} | ${unit ?? ''} | ${shown} | ${descriptionOf(leaf)} |`
}

function descriptionOf(schema: TSchema): string {
  const text: unknown = Reflect.get(schema, 'description')
  return typeof text === 'string' ? text.replaceAll('|', '\\|') : ''
}
