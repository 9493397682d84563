import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openControlScene } from '../test/control-scene.ts'

// Writes docs/openapi.json from the routes as they are declared. A test compares the two; the console's client is generated from the file.
await using scene = await openControlScene()
const file = fileURLToPath(new URL('../docs/openapi.json', import.meta.url))
writeFileSync(file, `${JSON.stringify(scene.control.openapi(), null, 2)}\n`)
process.stderr.write(`wrote ${file}\n`)
