import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readResources } from '#access'
import { authenticationConfig } from './authentication-config.ts'
import { parseSettings } from './settings.ts'

const page = readFileSync(new URL('../../docs/authentication.md', import.meta.url), 'utf8')
const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text]) => text ?? '')

test('every example of docs/authentication.md is read as it stands there', () => {
  let documents = 0
  for (const text of examples) {
    if (text.startsWith('authentication:')) {
      const settings = parseSettings(text)
      assert.ok(settings.ok, JSON.stringify(settings))
      const config = authenticationConfig(settings.value.authentication ?? {}, (path) => path)
      assert.ok(config.ok, JSON.stringify(config))
    } else {
      documents++
      const read = readResources([{ name: 'example', text }])
      assert.ok(read.ok, `${text}\n${JSON.stringify(read)}`)
    }
  }
  assert.equal(documents, 3)
  assert.equal(examples.length, 7)
})
