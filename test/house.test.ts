import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { floors, house, lazyEdges } from './house.ts'
import { type Packages, importsOf, inspect } from './inspect-house.ts'
import { files, read, root } from './sources.ts'

type Manifest = {
  readonly imports: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}
const manifest: Manifest = JSON.parse(read('package.json'))
const packages: Packages = {
  release: new Set(Object.keys(manifest.dependencies)),
  development: new Set(Object.keys(manifest.devDependencies)),
  doors: new Set(Object.keys(manifest.imports)),
}

test('the plan only points back up the list, and never along a floor', () => {
  const rooms = Object.keys(house)
  assert.deepEqual(Object.keys(floors).toSorted(), rooms.toSorted())
  for (const [from, edges] of Object.entries(house)) {
    for (const [to, reason] of Object.entries(edges)) {
      assert.ok(rooms.indexOf(to) < rooms.indexOf(from), `${from} -> ${to} points down the list`)
      assert.ok((floors[to] ?? 9) < (floors[from] ?? 0) || lazyEdges.includes(`${from} -> ${to}`), `${from} -> ${to} stays on its floor`)
      assert.ok(reason.length > 3, `${from} -> ${to} says why`)
    }
  }
})

test('every room is in the plan, and every door of the plan opens', () => {
  for (const room of readdirSync(`${root}src`)) assert.ok(room in house, `src/${room} is not in test/house.ts`)
  for (const [door, targets] of Object.entries(manifest.imports)) {
    const source = targets['source'] ?? ''
    assert.equal(targets['default'], source.replace('./src/', './dist/').replace('.ts', '.js'), `${door} leads to two places`)
    assert.ok(existsSync(`${root}${source}`), `${door} leads to ${source}, which is not there`)
  }
})

test('every import follows the plan', () => {
  const sources = ['src', 'test', 'conformance', 'bench', 'scripts'].filter((folder) => existsSync(`${root}${folder}`))
  const said = sources.flatMap((folder) => files(folder, /\.ts$/)).flatMap(({ path, text }) => inspect(path, text, packages))
  assert.deepEqual(said, [])
})

test('a door re-exports by name and does nothing else', () => {
  for (const door of Object.values(manifest.imports).map((targets) => (targets['source'] ?? '').slice(2))) {
    if (!existsSync(`${root}${door}`)) continue
    const text = read(door)
    assert.doesNotMatch(text, /export \*/, `${door} exports everything`)
    const rest = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '').replace(/export (type )?\{[^}]*\} from '[^']+'/g, '')
    assert.equal(rest.trim(), '', `${door} does more than re-export`)
  }
})

const planted: readonly (readonly [what: string, path: string, text: string, refused: RegExp])[] = [
  ['an upward import', 'src/wire/mqtt/x.ts', `import { openHub } from '#hub'`, /upwards/],
  ['a sibling import', 'src/hub/x.ts', `import type { Issued } from '#pki'`, /one floor/],
  ['an import past a door', 'src/hub/x.ts', `import { a } from '../store/sqlite.io.ts'`, /past the door of store/],
  ['an import past a door of wire', 'src/wire/azure/x.ts', `import { a } from '../mqtt/decode.ts'`, /past the door of wire\/mqtt/],
  ['an undeclared edge', 'src/guard/x.ts', `import { a } from '#store'`, /not in the plan/],
  ['an undeclared edge by export', 'src/guard/x.ts', `export { a } from '#store'`, /not in the plan/],
  ['an undeclared edge over many lines', 'src/guard/x.ts', `import {\n  a,\n  b,\n} from '#store'`, /not in the plan/],
  ['an undeclared edge by import()', 'src/guard/x.ts', `const store = await import('#store')`, /not in the plan/],
  ['an undeclared edge in a type', 'src/guard/x.ts', `type A = import('#store').A`, /not in the plan/],
  ['an eager import of the server in the command', 'src/cli/x.ts', `import { startHub } from '#server'`, /only by import\(\)/],
  ['a door that does not exist', 'src/hub/x.ts', `import { a } from '#wire'`, /no door/],
  ['a source file that imports a test helper', 'src/hub/x.ts', `import { a } from '../../test/fake-clock.ts'`, /leaves the house/],
  ['a test past a door', 'src/hub/x.test.ts', `import { a } from '../store/sqlite.io.ts'`, /past the door of store/],
  ['conformance that looks inside', 'conformance/x.test.ts', `import { a } from '#hub'`, /may not import #hub/],
  ['an unlisted package', 'src/hub/x.ts', `import _ from 'lodash'`, /package lodash/],
  ['a package of development in a release', 'src/hub/x.ts', `import aedes from 'aedes'`, /package aedes is not listed.*release/],
  ['node:net in a pure file', 'src/hub/x.ts', `import { connect } from 'node:net'`, /\.io\.ts/],
  ['node:fs/promises in a pure file', 'src/hub/x.ts', `import { open } from 'node:fs/promises'`, /\.io\.ts/],
  ['import() of node:fs in a pure file', 'src/hub/x.ts', `const fs = await import('node:fs')`, /\.io\.ts/],
  ['a bare import of node:fs in a pure file', 'src/hub/x.ts', `import 'node:fs'`, /\.io\.ts/],
  ['node:net among harmless names', 'src/hub/x.ts', `import { isIP, connect } from 'node:net'`, /\.io\.ts/],
  ['a package of development by import()', 'src/hub/x.ts', `await import('azure-iot-device')`, /not listed.*release/],
  ['a package of the demo at start', 'src/cli/x.ts', `import { Client } from 'azure-iot-device'`, /not listed.*release/],
  ['Date.now in a pure file', 'src/hub/x.ts', `const now = Date.now()`, /Clock/],
  ['Date.now passed on in a pure file', 'src/hub/x.ts', `const now = Date.now`, /Clock/],
  ['Date.now in a template of ours', 'src/hub/x.ts', 'const text = `now ${Date.now()}`', /Clock/],
  ['new Date() in a pure file', 'src/hub/x.ts', `const now = new Date()`, /Clock/],
  ['setTimeout in a pure file', 'src/hub/x.ts', `setTimeout(work, 10)`, /Clock/],
  ['randomBytes in a pure file', 'src/hub/x.ts', `import { randomBytes } from 'node:crypto'`, /Random/],
  ['Math.random in a pure file', 'src/hub/x.ts', `const dice = Math.random()`, /Random/],
  ['process.env in a pure file', 'src/hub/x.ts', `const home = process.env.HOME`, /config/],
]
for (const [what, path, text, refused] of planted)
  test(`refuses ${what}`, () => {
    const said = inspect(path, text, packages)
    assert.equal(said.length, 1, `said ${JSON.stringify(said)}`)
    assert.match(said[0] ?? '', refused)
  })

const allowed: readonly (readonly [what: string, path: string, text: string])[] = [
  ['an import along an edge of the plan', 'src/hub/x.ts', `import { openStore } from '#store'`],
  ['a lazy import of the server in the command', 'src/cli/x.ts', `const { startHub } = await import('#server')`],
  ['a type of the server in the command', 'src/cli/x.ts', `type Server = typeof import('#server')`],
  ['the outside in a .io.ts file', 'src/hub/x.io.ts', `import { connect } from 'node:net'\nconst now = Date.now()`],
  ['the outside in a test', 'src/hub/x.test.ts', `import { connect } from 'node:net'\nconst now = Date.now()`],
  ['a comment about an import', 'src/hub/x.ts', `// import { a } from '#pki'\n/* from 'node:net' Date.now() */`],
  ['a calculation that node:net offers', 'src/hub/x.ts', `import { isIP } from 'node:net'`],
  ['a package of the demo when it runs', 'src/cli/x.ts', `await import('azure-iot-device')`],
  ['a type of the outside', 'src/hub/x.ts', `import type { TLSSocket } from 'node:tls'`],
  ['a program printed for someone else', 'src/hub/x.ts', "const snippet = `\nimport { readFileSync } from 'node:fs'`"],
  ['a program printed for someone else that asks the time', 'src/hub/x.ts', 'const snippet = `const now = Date.now() // ${name}`'],
  ['a date of a given instant', 'src/hub/x.ts', `const text = new Date(at).toISOString()`],
  ['node:crypto without its randomness', 'src/hub/x.ts', `import { createHash } from 'node:crypto'`],
]
for (const [what, path, text] of allowed) test(`allows ${what}`, () => assert.deepEqual(inspect(path, text, packages), []))

test('imports are found however they are written', () => {
  const text = `import a from 'a'\nimport 'b'\nexport { c } from "c"\nconst d = import('d')\nimport {\n  e,\n} from 'e'\nconst s = "import x from 'no'"`
  assert.deepEqual(
    importsOf(text)
      .map((one) => one.specifier)
      .toSorted(),
    ['a', 'b', 'c', 'd', 'e'],
  )
})
