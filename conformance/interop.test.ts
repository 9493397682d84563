import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { HubProcess, type TestDevice } from './hub.ts'
import { features } from './interop/client.ts'
import { play, scenarios } from './interop/scenarios.ts'
import { interoperabilityTable, peers } from './interop/table.ts'

describe('clients that we did not write', () => {
  let hub: HubProcess
  const devices: TestDevice[] = []

  before(async () => {
    hub = await HubProcess.open()
    for (const at of peers.keys()) devices.push(await hub.addDevice(`peer-${at}`))
  })
  after(() => hub[Symbol.asyncDispose]())

  for (const [at, peer] of peers.entries())
    for (const feature of features)
      if (peer.lacks[feature] === undefined)
        test(`${peer.name}: ${feature}`, async () => {
          const device = devices[at]
          assert.ok(device)
          await play(hub, peer, device, feature, scenarios[feature])
        })

  test('docs/interoperability.md says what is tried with whom, and what is not', () => {
    const document = readFileSync(new URL('../docs/interoperability.md', import.meta.url), 'utf8')
    assert.ok(document.includes(interoperabilityTable()), `the document should have:\n${interoperabilityTable()}`)
  })
})
