import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { until } from '../../conformance/until.ts'
import type { Download, Page } from 'playwright-core'
import { connectDevice, openStage, send, type Stage } from './stage.ts'

let stage: Stage
before(async () => {
  stage = await openStage()
})
after(async () => {
  await stage[Symbol.asyncDispose]()
})

async function saved(page: Page, name: string): Promise<string> {
  const [download]: [Download, void] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: `Download ${name}` }).click(),
  ])
  assert.equal(download.suggestedFilename(), name)
  return readFile(await download.path(), 'utf8')
}

test('a device is added in the browser, and the downloaded key really connects', async () => {
  const page = await stage.signedIn('/devices', { acceptDownloads: true })
  await page.getByText('No device yet.').waitFor()
  await page.getByRole('link', { name: 'Add devices' }).click()
  await page.getByLabel('Device id').fill('pump-1')
  await page.getByRole('button', { name: 'Add device' }).click()
  await page.getByRole('heading', { level: 1, name: 'pump-1 is added' }).waitFor()
  await page.getByText('The private key exists only on this page.').waitFor()
  const device = {
    id: 'pump-1',
    cert: await saved(page, 'pump-1.cert.pem'),
    key: await saved(page, 'pump-1.key.pem'),
    ca: await saved(page, 'root.pem'),
  }
  for (const name of ['Python', 'C#', 'Java', 'C', 'mosquitto_pub', 'Node.js']) {
    await page.getByRole('tab', { name, exact: true }).click()
    await page.getByRole('region', { name: `${name} program` }).waitFor()
  }
  await page.getByText('waiting for its first connection').waitFor()
  const client = await connectDevice(stage, device)
  await page.getByText('connected', { exact: true }).waitFor()
  await client.endAsync(true)

  await page.getByRole('button', { name: 'Add another' }).click()
  await page.getByLabel('Device id').fill('pump-1')
  await page.getByRole('button', { name: 'Add device' }).click()
  await page.getByText('hub/device-exists').waitFor()
  await page.context().close()
})

test('many devices are added with progress, and all keys come in one archive', async () => {
  const page = await stage.signedIn('/add', { acceptDownloads: true })
  await page.getByRole('tab', { name: 'Many devices' }).click()
  await page.getByRole('textbox', { name: 'Prefix' }).fill('bulk-')
  await page.getByRole('spinbutton', { name: 'How many' }).fill('25')
  await page.getByText('bulk-01').waitFor()
  await page.getByRole('button', { name: 'Add devices' }).click()
  await page.getByText('25 devices added', { exact: true }).waitFor()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download 51 files as devices.zip' }).click(),
  ])
  const archive = await readFile(await download.path())
  assert.ok(archive.includes('bulk-25.key.pem') && archive.includes('bulk-01.cert.pem') && archive.includes('root.pem'))

  await page.getByRole('link', { name: 'Show the devices' }).click()
  await page.getByLabel('Search').fill('bulk-1')
  await page.getByText('10 matching devices').waitFor()
  assert.match(page.url(), /search=bulk-1$/)
  await page.context().close()
})

test('telemetry is plotted, a denial explains itself, and revoking ends the session with a receipt', async () => {
  const device = await stage.hub.addDevice('press-1')
  const client = await connectDevice(stage, device)
  const page = await stage.signedIn('/devices/press-1')
  await page.getByText('valid, ends in').waitFor()
  for (let n = 0; n < 5; n++) await send(client, 'press-1', { temperature: 20 + n, nested: { bar: n / 10 } })
  await page.getByRole('img', { name: /^temperature: last 24, from 20 to 24/ }).waitFor()
  await page.getByRole('img', { name: /^nested\.bar: last 0\.4/ }).waitFor()

  await client.publishAsync('plant/other/x', 'no', { qos: 1 })
  const denial = page.locator('.event', { hasText: 'plant/other/x' })
  await denial.getByRole('button', { name: 'Explain' }).click()
  await denial.locator('[data-decision=denied]').waitFor()
  await denial.getByText('Smallest change').waitFor()

  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
  await page.getByRole('button', { name: 'Revoke…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  const receipt = page.locator('[data-receipt]')
  await receipt.waitFor()
  assert.match(await receipt.innerText(), /Revoked 1 certificate: closed 1 of 1 in \d+ ms \(1 mqtts\)/)
  await closed
  await page.getByText('revoked', { exact: true }).first().waitFor()
  await assert.rejects(connectDevice(stage, device))
  await page.context().close()
})

test('disabling asks first, tells what ended, and enabling lets the device in again', async () => {
  const device = await stage.hub.addDevice('press-2')
  const client = await connectDevice(stage, device)
  const page = await stage.signedIn('/devices/press-2')
  await page.getByRole('button', { name: 'Disable…' }).click()
  await page.keyboard.press('Escape')
  assert.ok(client.connected)
  await page.getByRole('button', { name: 'Disable…' }).click()
  await page.getByLabel('Reason').fill('moved')
  await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click()
  await page.locator('[data-receipt]', { hasText: 'closed 1 of 1' }).waitFor()
  await until('the client is cut', 5000, () => !client.connected)
  await page.getByText('moved').first().waitFor()
  await page.getByRole('button', { name: 'Enable' }).click()
  await page.locator('[data-receipt]', { hasText: 'may connect again' }).waitFor()
  const again = await connectDevice(stage, device)
  await again.endAsync(true)

  await page.getByRole('button', { name: 'Delete…' }).click()
  const verb = page.getByRole('dialog').getByRole('button', { name: 'Delete' })
  assert.ok(await verb.isDisabled())
  await page.getByLabel('Type press-2 to go on').fill('press-2')
  await verb.click()
  await page.waitForURL(`${stage.url}/devices`)
  await page.goto(`${stage.url}/devices/press-2`)
  await page.getByRole('alert').waitFor()
  await page.context().close()
})

test('a device id made of markup is only text', async () => {
  const id = "x(1)='!alert@1"
  await stage.hub.addDevice(id)
  const page = await stage.signedIn(`/devices/${encodeURIComponent(id)}`)
  await page.getByRole('heading', { level: 1, name: id }).waitFor()
  const client = await connectDevice(stage, await stage.hub.addDevice('writer'))
  await page.goto(`${stage.url}/devices/writer`)
  await page.getByText('valid, ends in').waitFor()
  await send(client, 'writer', { '<img src=x onerror=alert(1)>': 1 })
  await page.getByRole('checkbox', { name: '<img src=x onerror=alert(1)>' }).waitFor()
  assert.equal(await page.locator('img[src=x]').count(), 0)
  await client.endAsync(true)
  await page.context().close()
})

test('a device with its own certificate is revoked by being disabled', async () => {
  await stage.hub.addThumbprint('own-cert', 'ab'.repeat(32))
  const page = await stage.signedIn('/devices/own-cert')
  await page.getByText('It brings a certificate of its own.').waitFor()
  await page.getByRole('button', { name: 'Revoke…' }).click()
  await page.getByRole('dialog').getByText('the device is disabled').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await page.locator('[data-receipt]').waitFor()
  await page.getByRole('button', { name: 'Enable' }).waitFor()
  await page.context().close()
})
