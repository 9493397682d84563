import { type FileLine, entriesOf, filesIn, linesOf } from './files.io.ts'

/** Where lines of an import come from: what the hub calls them, the file, and its lines. */
export type Source = { readonly source: string; readonly path: string; readonly lines: () => AsyncIterable<FileLine> }

const names = [
  ['devices', ['devices.txt']],
  ['configurations', ['configurations.txt']],
  ['enrollments', ['enrollments.json', 'enrollments.jsonl', 'enrollments.txt']],
  ['enrollmentGroups', ['enrollment-groups.json', 'enrollment-groups.jsonl', 'enrollmentGroups.json']],
] as const

/** File names that an import looks for, for messages. */
export const importFiles: readonly string[] = names.flatMap(([, files]) => files)

/** The files of an import in a directory. Keys of an export of this hub are put back where they were taken from. */
export async function sourcesIn(directory: string): Promise<readonly Source[]> {
  const [keyFile] = filesIn(directory, ['keys.jsonl'])
  const keys = keyFile === undefined ? new Map<string, unknown>() : await keysIn(keyFile)
  return names.flatMap(([source, files]) =>
    filesIn(directory, files).map((path) => {
      const lines = source === 'devices' || source === 'configurations' ? () => linesOf(path) : () => entriesOf(path)
      return { source, path, lines: keys.size === 0 ? lines : () => withKeys(source, lines(), keys) }
    }),
  )
}

async function keysIn(path: string): Promise<ReadonlyMap<string, unknown>> {
  const keys = new Map<string, unknown>()
  for await (const { text } of linesOf(path)) {
    const json = objectIn(text)
    keys.set(nameOf(json?.['kind'], json?.['id'], json?.['moduleId']), json?.['symmetricKey'])
  }
  return keys
}

async function* withKeys(source: string, lines: AsyncIterable<FileLine>, keys: ReadonlyMap<string, unknown>): AsyncGenerator<FileLine> {
  for await (const line of lines) {
    const json = objectIn(line.text)
    const isDevice = source === 'devices'
    const proof = isDevice ? 'authentication' : 'attestation'
    const module = isDevice ? json?.['moduleId'] : undefined
    const kind = isDevice ? (module === undefined ? 'device' : 'module') : source === 'enrollments' ? 'individual' : 'group'
    const id = isDevice ? json?.['id'] : (json?.['registrationId'] ?? json?.['enrollmentGroupId'])
    const key = keys.get(nameOf(kind, id, module))
    const inner = json?.[proof]
    const isWhole = key !== undefined && typeof inner === 'object' && inner !== null
    yield isWhole ? { ...line, text: JSON.stringify({ ...json, [proof]: { ...inner, symmetricKey: key } }) } : line
  }
}

function nameOf(kind: unknown, id: unknown, module: unknown): string {
  return JSON.stringify([kind, id, module ?? null])
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? { ...json } : undefined
  } catch {
    return undefined
  }
}
