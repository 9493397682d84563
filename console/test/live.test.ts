import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../../conformance/until.ts'
import { connectDevice, openStage, send, type Stage } from './stage.ts'

let stage: Stage
before(async () => {
  stage = await openStage()
})
after(async () => {
  await stage[Symbol.asyncDispose]()
})

test('the live page moves when a device publishes, holds still when told, and opens a fact', async () => {
  const page = await stage.signedIn()
  await page.getByText('Streaming').waitFor()
  await page.getByRole('link', { name: 'add your own device' }).waitFor()
  const readout = (label: string) => page.locator('.readout', { has: page.getByText(label, { exact: true }) }).locator('.readout-value')

  const client = await connectDevice(stage, await stage.hub.addDevice('lathe-1'))
  await until('the connection shows', 5000, async () => (await readout('Connections').innerText()) === '1')
  const pump = setInterval(() => void send(client, 'lathe-1', { rpm: 900 }).catch(() => undefined), 20)
  try {
    await until('messages show', 5000, async () => Number(await readout('Messages in').innerText()) > 5)
    const line = page.locator('.stream-line', { hasText: 'lathe-1' }).filter({ hasText: 'telemetry' }).first()
    await line.waitFor()
    await page.keyboard.press('p')
    await page.getByText('newer are waiting').waitFor()
    const first = await page.locator('.stream-line').first().innerText()
    await page.locator('.stream-line', { hasText: 'telemetry' }).first().click()
    const detail = page.locator('.fact-detail')
    await detail.getByText('iothub-connection-device-id').waitFor()
    assert.match(await detail.innerText(), /"rpm": 900/)
    assert.equal(await page.locator('.stream-line').first().innerText(), first)
    await page.getByRole('button', { name: 'Release' }).click()
    await until('the stream moves again', 5000, async () => (await page.locator('.stream-line').first().innerText()) !== first)

    await page.getByLabel('Kind').selectOption('connected')
    await page.locator('.stream-line', { hasText: 'connected' }).filter({ hasText: 'lathe-1' }).waitFor()
    assert.equal(await page.locator('.stream-line', { hasText: 'telemetry' }).count(), 0)
    await page.getByRole('searchbox', { name: 'Device' }).fill('nobody')
    await page.getByText('Nothing of this kind').waitFor()
  } finally {
    clearInterval(pump)
  }
  await client.endAsync(true)
  await page.context().close()
})

test('a denial is counted on the live page', async () => {
  const page = await stage.signedIn()
  const client = await connectDevice(stage, await stage.hub.addDevice('lathe-2'))
  await client.publishAsync('plant/other/x', 'no', { qos: 1 })
  await page.locator('.readout-warn', { hasText: 'Denied' }).waitFor()
  await page.locator('.stream-line', { hasText: 'publish plant/other/x' }).waitFor()
  await client.endAsync(true)
  await page.context().close()
})

test('checks run on demand, failing first, each with its evidence', async () => {
  const page = await stage.signedIn('/checks')
  await page.getByRole('button', { name: 'Run now' }).click()
  await page.locator('[data-control=TW-CON-03]').waitFor({ timeout: 60_000 })
  await page.locator('.lead', { hasText: /ran .* in / }).waitFor()
  const verdicts = await page.locator('.control-verdict').allInnerTexts()
  const order = ['fail', 'unknown', 'pass', 'not applicable']
  assert.deepEqual(
    verdicts,
    verdicts.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)),
  )
  const control = page.locator('[data-control=TW-CON-03]')
  await control.locator('summary').click()
  await control.getByText('Evidence').waitFor()
  assert.ok((await control.locator('.control-body code').count()) > 0, 'no evidence is shown')
  await page.getByLabel('Search').fill('TW-CON-03')
  await until('one control is left', 2000, async () => (await page.locator('[data-control]').count()) === 1)
  await page.context().close()
})

test('explain answers with the rule, and the question stays in the address', async () => {
  const page = await stage.signedIn('/explain')
  await page.getByRole('textbox', { name: 'Device' }).fill('lathe-1')
  await page.getByLabel('Topic name').fill('plant/other/x')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.locator('[data-decision=denied]').waitFor()
  await page.getByLabel('Topic name').fill('devices/lathe-1/messages/events/')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.locator('[data-decision=allowed]', { hasText: 'own-topics' }).waitFor()
  await page.reload()
  await page.locator('[data-decision=allowed]').waitFor()
  await page.context().close()
})

test('the audit log names who added a device, and its chain is verified', async () => {
  const page = await stage.signedIn('/audit')
  await page.getByText('Chain verified').waitFor()
  await page
    .getByRole('row', { name: /lathe-1/ })
    .first()
    .waitFor()
  await page.getByRole('button', { name: 'More about record 1', exact: true }).click()
  await page.getByText('Previous hash').waitFor()
  await page.context().close()
})

test('about shows the root fingerprint and every open socket with its reason', async () => {
  const page = await stage.signedIn('/about')
  const { json } = await stage.hub.api('GET', '/api/v1/hub')
  const shown = (await page.locator('.copy-value code').first().innerText()).replaceAll(':', '').toLowerCase()
  assert.equal(shown, String(json['rootFingerprint']).replaceAll(':', '').toLowerCase())
  assert.equal(await page.locator('tbody tr').count(), 4)
  await page.context().close()
})

test('a hub that goes away is said to be away, and the page goes on by itself when it is back', async () => {
  const page = await stage.signedIn()
  await page.getByText('Streaming').waitFor()
  await stage.hub.kill()
  await page.getByText('The hub does not answer.').waitFor()
  await stage.hub.start()
  await page.getByText('The hub does not answer.').waitFor({ state: 'detached', timeout: 30_000 })
  await page
    .getByText('Streaming')
    .or(page.getByRole('heading', { name: 'Sign in' }))
    .waitFor()
  await page.context().close()
})
