import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { house } from './house.ts'
import { isTestFile } from './inspect-house.ts'
import { type SourceFile, files, read, root } from './sources.ts'

const sources = files('src', /\.ts$/).filter(({ path }) => !isTestFile(path))
const documents = files('', /\.md$/)

/** Exported names without a docstring right above them. Re-exports carry the docstring of where they come from. */
function undocumented({ path, text }: SourceFile): readonly string[] {
  const lines = text.split('\n')
  const named = /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|const|let|class|interface|type) (\w+)/
  const seen = new Set<string>()
  return lines.flatMap((line, at) => {
    const name = named.exec(line)?.[1]
    if (name === undefined || seen.has(name)) return []
    seen.add(name)
    return (lines[at - 1] ?? '').trimEnd().endsWith('*/') ? [] : [`${path}:${at + 1} ${name}`]
  })
}

test('every exported name has a docstring', () => {
  assert.deepEqual(sources.flatMap(undocumented), [])
  assert.deepEqual(undocumented({ path: 'x.ts', text: '/** Says so. */\nexport const a = 1\nexport type B = string' }), ['x.ts:3 B'])
})

/** Words of the same shape that name something else: purposes of keys. */
const notCodes: ReadonlySet<string> = new Set([
  'guard/digest',
  'pki/issuer',
  'provisioning/tpm',
  'vault/backup-canary',
  'vault/data-key',
  'vault/data-root',
  'vault/old-root',
])

/** Whose codes there are: rooms, and stations that have none. */
const families = [...Object.keys(house), 'factory']

/** Every refusal and fault code that stands literally in a source text: `room/reason`. */
function codesIn(text: string): readonly string[] {
  const pattern = new RegExp(`'((?:${families.join('|')})/[a-z][a-z0-9-]*)'`, 'g')
  return [...text.matchAll(pattern)].map(([, code]) => code ?? '').filter((code) => !notCodes.has(code))
}

test('docs/errors.md lists exactly the codes that the sources can say', () => {
  const said = new Set(sources.flatMap(({ text }) => codesIn(text)))
  const listed = [...read('docs/errors.md').matchAll(/^\| `([^`]+)` \| (.+?) \| (.+?) \|$/gm)].map(([, code]) => code ?? '')
  assert.deepEqual(listed, listed.toSorted(), 'in alphabetical order')
  assert.deepEqual(listed, [...said].toSorted())
})

test('codes are found in refusals, faults and literals, and nothing else is', () => {
  const text = `refuse('hub/b', 'x') new Fault(\n'store/d') { code: 'pki/e' } 'application/json' '#wire/mqtt' 'hub/001-devices' 'devices/x' 'pki/issuer'`
  assert.deepEqual(codesIn(text), ['hub/b', 'store/d', 'pki/e'])
})

test('every command that a document tells to type exists', () => {
  const told = new Set<string>()
  for (const { path, text } of documents) {
    if (!path.startsWith('docs/') && !['README.md', 'SECURITY.md', 'CHANGELOG.md', 'CONTRIBUTING.md'].includes(path)) continue
    const typed = text.matchAll(/(?:^|`)(?:\s*[$>] )?(?:npx )?thingwall ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)/gm)
    for (const [, words] of typed) told.add(words ?? '')
  }
  const known = read('docs/cli.md')
  const exists = (words: string): boolean => known.includes(`thingwall ${words}`)
  const missing = [...told].filter((words) => !exists(words) && !exists(words.split(' ')[0] ?? ''))
  assert.deepEqual(missing, [])
  const verbs = [...told].map((words) => words.split(' ')[0] ?? '')
  for (const verb of new Set(verbs.filter((word) => word !== 'help')))
    execFileSync(process.execPath, [`${root}src/cli/main.ts`, verb, '--help'], { stdio: 'ignore' })
})

test('every link inside the documents leads somewhere', () => {
  const broken = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(([, target]) => target ?? '')
      .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(root, dirname(path), target)))
      .map((target) => `${path} -> ${target}`),
  )
  assert.deepEqual(broken, [])
})

test('nothing names the machine it was written on, or a registry', () => {
  const forbidden = [
    ['/work', '/'],
    ['/farm', '/'],
    ['/tmp/', 'bash_jobs'],
    ['registry.', 'npmjs'],
    ['deb.', 'debian.org'],
    ['security.', 'debian.org'],
  ].map((parts) => parts.join(''))
  const tracked = new Set(execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n'))
  const all = files('', /\.(ts|tsx|mjs|js|json|md|css|html|txt|yml)$|^run$|^\.npmrc$/).filter(({ path }) => tracked.has(path))
  assert.deepEqual(
    all.flatMap(({ path, text }) => forbidden.filter((word) => text.includes(word)).map((word) => `${path}: ${word}`)),
    [],
  )
})

test('no file is longer than 400 lines', () => {
  const written = ['src', 'test', 'conformance', 'scripts', 'bench', 'console/src', 'console/test'].filter((folder) =>
    existsSync(`${root}${folder}`),
  )
  const long = written
    .flatMap((folder) => files(folder, /\.(ts|tsx|mjs)$/))
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ path, lines }) => lines > 400 && !path.endsWith('schema.d.ts'))
  assert.deepEqual(long, [])
})

test('every dependency has its line in docs/dependencies.md: what, why, licence', () => {
  const table = read('docs/dependencies.md')
  const used = new Set<string>()
  for (const manifest of ['package.json', 'console/package.json'] as const) {
    const { dependencies, devDependencies, optionalDependencies }: Record<string, Record<string, string> | undefined> = JSON.parse(
      read(manifest),
    )
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
      used.add(name)
      assert.match(version, /^\d+\.\d+\.\d+$/, `${name} is pinned`)
      const row = table.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``))
      assert.ok(row !== undefined && row.split('|').length >= 6, `${name} has a full row`)
    }
  }
  for (const [, name] of table.matchAll(/^\| `([^`]+)` \|/gm)) assert.ok(used.has(name ?? ''), `${name} is not used any more`)
})

test('ARCHITECTURE names every room of the plan', () => {
  const text = read('ARCHITECTURE.md')
  for (const room of Object.keys(house)) assert.ok(text.includes(`\`${room}\``), room)
})

test('every test that a document names is there', () => {
  for (const document of ['docs/regressions.md', 'docs/divergences.md', 'docs/threat-model.md']) {
    for (const [, path, name] of read(document).matchAll(
      /`((?:src|test|conformance|console)\/[^`]+\.(?:test|fuzz)\.ts)`(?: "([^"]+)")?/g,
    )) {
      assert.ok(existsSync(`${root}${path}`), `${document} names ${path}`)
      if (name !== undefined) assert.ok(read(path ?? '').includes(name), `${document}: ${path} has no test "${name}"`)
    }
  }
})

/** Rows of `docs/regressions.md` under the headings that begin with these letters. */
function regressions(letters: string): readonly (readonly [happened: string, test: string])[] {
  const parts = read('docs/regressions.md').split(/^## /m)
  const text = parts.filter((part) => letters.includes(part.charAt(0))).join('\n')
  const rows = text.matchAll(/^\| (?!what happened)(.+?) \| (.+) \|$/gm)
  return [...rows].map(([, happened = '', shown = '']) => [happened, shown])
}

test('every past vulnerability of brokers and of their policies names the test that keeps it past', () => {
  const rows = regressions('AB')
  assert.ok(rows.length >= 38)
  for (const [happened, shown] of rows) {
    assert.match(shown, /`(?:src|conformance)\/[^`]+\.ts`/, happened)
    assert.doesNotMatch(shown, /^later/, happened)
  }
})

test('a transcript that a document names is there', () => {
  for (const document of ['docs/regressions.md', 'docs/divergences.md'])
    for (const [, path = '', key = ''] of read(document).matchAll(/`(conformance\/mqtt\/v[^`]+\.ts)` "([^"]+)"/g))
      assert.ok(read(path).includes(`'${key}`), `${document}: ${path} has no transcript "${key}"`)
})

test('every decision record says what was given up and what would change our mind', () => {
  for (const { path, text } of files('docs/adr', /^\d{4}-.*\.md$/)) {
    for (const heading of ['## Context', '## Decision', '## What we gave up', '## What would change our mind'])
      assert.ok(text.includes(`\n${heading}\n`), `${path} lacks "${heading}"`)
    assert.ok(text.split('\n').length <= 80, `${path} is one page`)
  }
})
