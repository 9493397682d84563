import { readdirSync, readFileSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the repository is. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** A file of the repository: its path from the root with `/`, and its text. */
export type SourceFile = { readonly path: string; readonly text: string }

/** The text of one file of the repository. */
export function read(path: string): string {
  return readFileSync(`${root}${path}`, 'utf8')
}

/** Every file below `folder` whose path matches, in order. What was built or installed is left out. */
export function files(folder: string, pattern: RegExp): readonly SourceFile[] {
  const found: SourceFile[] = []
  const walk = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const full = `${directory}/${entry.name}`
      if (entry.isDirectory()) {
        if (!['node_modules', 'dist', 'corpus', '.git', '.cache'].includes(entry.name)) walk(full)
      } else if (pattern.test(entry.name)) {
        found.push({ path: relative(root, full).split(sep).join('/'), text: readFileSync(full, 'utf8') })
      }
    }
  }
  walk(folder === '' ? root.slice(0, -1) : `${root}${folder}`)
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}
