import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readCorpus, replay } from '../../../test/fuzz.ts'
import { hubChecksDocument, hubDevicesDocument } from './built-in.ts'
import { target } from './policy.fuzz.ts'

test('mutations of policy documents give policies or findings, never anything else', () => {
  const own = [hubDevicesDocument().text, hubChecksDocument(['thingwall-probe']).text].map((text) => Buffer.from(text))
  const corpus = readCorpus(fileURLToPath(new URL('corpus', import.meta.url)))
  replay(target, [...own, ...corpus], 3_000, 0xac1)
})
