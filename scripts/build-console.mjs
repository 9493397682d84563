// Builds the web console: types of the control API from docs/openapi.json, then the bundle in console/dist.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))
const consoleFolder = join(root, 'console')
const contract = join(root, 'docs', 'openapi.json')
const schema = join(consoleFolder, 'src', 'api', 'schema.d.ts')

/** Writes the client's types, and leaves the file alone when nothing changed. */
async function writeSchema() {
  if (!existsSync(contract)) throw new Error('docs/openapi.json is missing: write it with "node scripts/openapi.ts".')
  const require = createRequire(join(consoleFolder, 'package.json'))
  const { default: openapiTypescript, astToString } = require('openapi-typescript')
  // A schema that is any object says `unknown` of its members, not `never`.
  const types = astToString(await openapiTypescript(JSON.parse(readFileSync(contract, 'utf8')), { emptyObjectsUnknown: true }))
  const text = `// Written by scripts/build-console.mjs from docs/openapi.json.\n${types}`
  if (!existsSync(schema) || readFileSync(schema, 'utf8') !== text) writeFileSync(schema, text)
}

await writeSchema()
if (!process.argv.includes('--types-only'))
  await build({ root: consoleFolder, configFile: join(consoleFolder, 'vite.config.ts'), logLevel: 'warn' })
