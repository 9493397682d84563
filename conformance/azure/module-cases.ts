import assert from 'node:assert/strict'
import azureDevice from 'azure-iot-device'
import { until, within } from '../until.ts'
import { type Case, callMethod, connectedTransports, moduleOver, plain, report } from './case.ts'

/*
 * What a module does (azure-wire 11.3, M9).
 */

const { Message } = azureDevice

/** All of them. */
export const moduleCases: readonly Case[] = connectedTransports.map((over) => ({
  row: 'M9',
  title: 'ModuleClient: open, sendOutputEvent, twin, onMethod',
  over,
  async play(suite, id) {
    await suite.keyed(id)
    await using client = await moduleOver(suite, over, await suite.keyed(id, 'm-1'))
    const message = new Message(JSON.stringify({ t: 1 }))
    message.properties.add('k', 'v')
    await within('an event of an output is accepted', 15_000, client.sendOutputEvent('out1', message))
    const [event] = await suite.telemetryOf(id, 1)
    assert.deepEqual(event?.body, { t: 1 })
    assert.equal(event?.properties?.['k'], 'v')
    assert.equal(event?.systemProperties?.['iothub-connection-module-id'], 'm-1')
    assert.match(String(event?.systemProperties?.['iothub-connection-auth-method']), /"scope":"module"/)
    const twin = await within('the twin is read', 15_000, client.getTwin())
    const heard: unknown[] = []
    twin.on('properties.desired', (delta) => void heard.push(Object(plain(delta)).n))
    await until('a desired property is heard', 15_000, async () => {
      await suite.registry.updateModuleTwin(id, 'm-1', { properties: { desired: { n: 7 } } }, '*')
      return heard.includes(7)
    })
    await report(twin, { fw: '2' })
    const { responseBody: seen } = await suite.registry.getModuleTwin(id, 'm-1')
    assert.deepEqual([seen.properties.reported['fw'], seen.properties.reported['$version']], ['2', 2])
    client.onMethod('twice', (request, response) => void response?.send(200, Number(request?.payload) * 2))
    assert.deepEqual(await callMethod(suite, id, 'twice', 4, 'm-1'), { status: 200, payload: 8 })
    await assert.rejects(callMethod(suite, id, 'twice', 4, 'm-2'))
  },
}))
