// Writes docs/screenshots from a real hub with a small fleet at work: node --conditions=source console/test/screenshots.ts
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connectDevice, openStage, send } from './stage.ts'

const folder = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url))
const warmUpMs = 100_000
const machines = ['boiler-1', 'boiler-2', 'lathe-1', 'lathe-2', 'press-1', 'press-2', 'pump-1', 'pump-2', 'pump-3', 'chiller-1'] as const
const idle = [
  'chiller-2',
  'dryer-1',
  'dryer-2',
  'mixer-1',
  'mixer-2',
  'oven-1',
  'oven-2',
  'robot-2',
  'saw-1',
  'valve-1',
  'valve-2',
] as const

/** Who watches line 2 sees `topics`; who runs it may stop it. */
const lineRules = (topics: string): string => `apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthorization
metadata: {name: line-2}
spec:
  authorizationPolicies:
    rules:
      - name: panel
        principals: {attributes: [{thingwall.device: robot-1}]}
        brokerResources:
          - {method: Subscribe, topics: ["${topics}"]}
      - name: foreman
        principals: {usernames: [foreman]}
        brokerResources:
          - {method: Connect}
          - {method: Publish, topics: ["plant/line-2/stop"]}
tests:
  - {as: {device: robot-1}, allow: subscribe, topic: plant/line-2/state/temperature}
  - {as: {username: foreman}, allow: publish, topic: plant/line-2/stop}
  - {as: {device: boiler-1}, deny: publish, topic: plant/line-2/stop}
`

mkdirSync(folder, { recursive: true })
await using stage = await openStage()
for (const id of idle) await stage.hub.addDevice(id)
await stage.hub.api('PATCH', '/api/v1/devices/saw-1', { status: 'disabled', statusReason: 'blade change' })
const clients = await Promise.all(machines.map(async (id) => ({ id, client: await connectDevice(stage, await stage.hub.addDevice(id)) })))

await stage.hub.api('POST', '/api/v1/policies', { text: lineRules('plant/line-2/#') })
const panel = await connectDevice(stage, await stage.hub.addDevice('robot-1'), 5)
await panel.subscribeAsync('plant/line-2/+/temperature', { qos: 1 })

for (const id of machines)
  await stage.hub.api('PATCH', `/api/v1/devices/${id}/twin`, { tags: { site: id.startsWith('pump') ? 'south' : 'north' } })
await stage.hub.api('POST', '/api/v1/jobs', { id: 'interval-10', condition: "tags.site = 'north'", twin: { desired: { interval: 10 } } })
await stage.hub.api('POST', '/api/v1/endpoints', { name: 'archive', kind: 'file', settings: { format: 'parquet' } })
await stage.hub.api('POST', '/api/v1/routes', { name: 'all-telemetry', endpoint: 'archive' })
await stage.hub.api('POST', '/api/v1/routes', { name: 'twins', endpoint: 'archive', source: 'TwinChangeEvents' })

let turn = 0
const timer = setInterval(() => {
  turn += 1
  for (const [n, { id, client }] of clients.entries()) {
    // Each machine has a pace of its own, and the plant breathes.
    if ((turn + n) % (1 + Math.round(2 + 2 * Math.sin(turn / 80 + n / 4))) !== 0) continue
    const body = {
      temperature: Number((58 + n + 4 * Math.sin(turn / 45 + n)).toFixed(2)),
      pressure: Number((1.2 + 0.05 * Math.sin(turn / 20)).toFixed(3)),
      vibration: Number((0.4 + 0.3 * Math.abs(Math.sin(turn / 7 + n))).toFixed(3)),
    }
    void send(client, id, body).catch(() => undefined)
  }
  const [first] = clients
  if (turn % 400 === 150 && first !== undefined) void first.client.publishAsync('plant/line-2/stop', '1', { qos: 1 }).catch(() => undefined)
}, 100)
await stage.hub.api('POST', '/api/v1/checks/run', {})
await pause(warmUpMs)

async function shot(
  name: string,
  path: string,
  colorScheme: 'light' | 'dark',
  prepare?: (page: Awaited<ReturnType<typeof stage.signedIn>>) => Promise<void>,
): Promise<void> {
  const page = await stage.signedIn(path, { colorScheme, viewport: { width: 1440, height: 900 } })
  await pause(2500)
  await prepare?.(page)
  await page.screenshot({ path: join(folder, `${name}.png`) })
  await page.context().close()
}

await shot('live-light', '/', 'light')
await shot('live-dark', '/', 'dark', async (page) => {
  await page.locator('.stream-line', { hasText: 'telemetry' }).first().click()
  await page.keyboard.press('p')
  await pause(300)
})
await shot('devices', '/devices', 'light')
await shot('device', '/devices/boiler-1', 'light')
await shot('twin', '/devices/boiler-1?tab=twin', 'light', async (page) => {
  const text = page.getByRole('textbox', { name: 'Tags and desired properties' })
  await text.fill((await text.inputValue()).replace('"interval": 10', '"interval": 5'))
})
await shot('query', '/query', 'light', async (page) => {
  await page.getByLabel('Example').selectOption('Every device')
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await page.locator('[data-rows]').waitFor()
})
await shot('job', '/jobs/interval-10', 'light')
await shot('routes', '/routes', 'dark')
await shot('checks', '/checks', 'light', async (page) => page.locator('summary').first().click())
await shot('policies', '/edit-policy?name=line-2', 'light', async (page) => {
  await page.getByRole('textbox', { name: 'Text of the policy document' }).fill(lineRules('plant/line-2/state/#'))
  await page.getByText('well formed').waitFor()
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await page.locator('.diff').waitFor()
})
await shot('explain', '/explain?device=boiler-1&action=publish&topic=plant/line-2/stop', 'dark')
await shot('add', '/add', 'dark', async (page) => {
  await page.getByLabel('Device id').fill('pump-4')
  await page.getByRole('button', { name: 'Add device' }).click()
  await page.getByRole('heading', { name: 'pump-4 is added' }).waitFor()
  await pause(500)
})
clearInterval(timer)
await Promise.all([panel, ...clients.map(({ client }) => client)].map((client) => client.endAsync(true)))
