import { floors, harmlessNames, house, lazyEdges, optionalPackages, outside, outsideModules, strangers } from './house.ts'

/** One `import`, `export ... from` or `import()` in a source text. */
export type Import = { readonly specifier: string; readonly lazy: boolean; readonly typeOnly: boolean; readonly names: readonly string[] }

/** Every module that `text` names. Comments are dropped first, so that prose about imports is not one. */
export function importsOf(text: string): readonly Import[] {
  const found: Import[] = []
  const code = withoutComments(text).replace(/`(?:\\.|[^`\\])*`/g, '``')
  for (const [, kind, clause, specifier] of code.matchAll(
    /^[ \t]*(?:import|export)\b(\s+type\b)?([^;'"`()=]*?)\bfrom\s*['"]([^'"]+)['"]/gm,
  ))
    found.push({ specifier: specifier ?? '', lazy: false, typeOnly: kind !== undefined, names: clause?.match(/[\w*]+/g) ?? [] })
  for (const [, specifier] of code.matchAll(/^[ \t]*import\s*['"]([^'"]+)['"]/gm))
    found.push({ specifier: specifier ?? '', lazy: false, typeOnly: false, names: [] })
  for (const [, isType, specifier] of code.matchAll(/(typeof\s+)?\bimport\(\s*['"]([^'"]+)['"]/g))
    found.push({ specifier: specifier ?? '', lazy: true, typeOnly: isType !== undefined, names: [] })
  return found
}

/** `text` with comments blanked; strings and templates are left as they are. */
export function withoutComments(text: string): string {
  return text.replace(
    /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/(?![*/\s])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (part) => (part.startsWith('//') || part.startsWith('/*') ? part.replace(/[^\n]/g, ' ') : part),
  )
}

/** `code` with the text of templates blanked: a program that is printed for somebody else. What stands in `${}` is ours, and stays. */
function withoutPrograms(code: string): string {
  return code.replace(/`(?:\\.|[^`\\])*`/g, (template) => [...template.matchAll(/(?<!\\)\$\{([^}]*)\}/g)].map(([, ours]) => ours).join(' '))
}

/** Files that only tests and measurements load. They may meet the outside and knock at any door. */
export function isTestFile(path: string): boolean {
  return /\.(test|fuzz|bench)\.ts$/.test(path) || !path.startsWith('src/')
}

/** The packages that a file may name: those of a release, or with those of development. */
export type Packages = {
  readonly release: ReadonlySet<string>
  readonly development: ReadonlySet<string>
  readonly doors: ReadonlySet<string>
}

/** Everything in one file that breaks the plan, a sentence each. `path` is relative to the repository, with `/`. */
export function inspect(path: string, text: string, packages: Packages): readonly string[] {
  const test = isTestFile(path)
  const said = importsOf(text).flatMap((one) => inspectImport(path, one, test, packages) ?? [])
  if (!test && !path.endsWith('.io.ts')) {
    const code = withoutPrograms(withoutComments(text))
    for (const [pattern, instead] of outside) {
      const hit = pattern.exec(code)
      if (hit) said.push(`${path}: ${hit[0].trim()}: ${instead}`)
    }
  }
  return said
}

function inspectImport(path: string, one: Import, test: boolean, packages: Packages): string | undefined {
  const { specifier } = one
  if (specifier.startsWith('node:')) {
    const harmless = harmlessNames[specifier] ?? []
    const calculates = one.names.length > 0 && one.names.every((name) => harmless.includes(name))
    const free = test || one.typeOnly || calculates || path.endsWith('.io.ts') || !outsideModules.test(specifier)
    return free ? undefined : `${path}: ${specifier}: move it to a .io.ts file`
  }
  if (specifier.startsWith('.')) return inspectRelative(path, specifier, test)
  if (specifier.startsWith('#')) {
    if (!packages.doors.has(specifier)) return `${path}: ${specifier} is no door in package.json`
    return inspectEdge(path, roomOfDoor(specifier), one, test)
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  if ((one.lazy || one.typeOnly) && `${roomOf(path)} -> ${name}` in optionalPackages) return undefined
  if (
    packages.release.has(name) ||
    (test && packages.development.has(name)) ||
    (one.typeOnly && packages.development.has(`@types/${name}`))
  )
    return undefined
  return `${path}: the package ${name} is not listed in package.json${packages.development.has(name) ? ' for a release' : ''}`
}

function inspectRelative(path: string, specifier: string, test: boolean): string | undefined {
  const target = resolve(path, specifier)
  const from = roomOf(path)
  const to = roomOf(target)
  if (to === undefined) return test || from === undefined ? undefined : `${path}: ${specifier} leaves the house`
  if (from === to) return wireDoorsApart(path, target)
  return `${path}: ${specifier} goes past the door of ${to}; import #${to}`
}

/** `wire` has several doors; its parts are rooms to each other. */
function wireDoorsApart(path: string, target: string): string | undefined {
  const part = (file: string) => /^src\/wire\/([^/]+)\//.exec(file)?.[1]
  const [from, to] = [part(path), part(target)]
  if (from === undefined || to === undefined || from === to) return undefined
  return `${path}: goes past the door of wire/${to}; import #wire/${to}`
}

function inspectEdge(path: string, to: string, one: Import, test: boolean): string | undefined {
  const from = roomOf(path)
  if (from === to || (test && from !== undefined)) return undefined
  if (from === undefined) {
    const allowed = strangers[path.split('/')[0] ?? ''] ?? []
    return allowed === 'any' || allowed.includes(to) ? undefined : `${path}: ${path.split('/')[0]} may not import #${to}`
  }
  const lazy = lazyEdges.includes(`${from} -> ${to}`)
  const [above, below] = [floors[from], floors[to]]
  if (above === undefined || below === undefined) return `${path}: ${above === undefined ? from : to} has no floor in the plan`
  if (below > above) return `${path}: ${from} may not import upwards (#${to})`
  if (below === above && !lazy) return `${path}: ${from} and ${to} live on one floor; use a port`
  if (house[from]?.[to] === undefined) return `${path}: the edge ${from} -> ${to} is not in the plan`
  if (lazy && !one.lazy && !one.typeOnly) return `${path}: ${from} may import #${to} only by import()`
  return undefined
}

/** The room that a file belongs to, if any. */
export function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1]
}

function roomOfDoor(door: string): string {
  return door.slice(1).split('/')[0] ?? ''
}

function resolve(path: string, specifier: string): string {
  const parts = path.split('/').slice(0, -1)
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}
