import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openStage, type Stage } from './stage.ts'

const fleet = 10_000

let stage: Stage
before(async () => {
  stage = await openStage()
})
after(async () => {
  await stage[Symbol.asyncDispose]()
})

test('ten thousand devices are added from a list, then searched and paged through without waiting', async () => {
  const page = await stage.signedIn('/add', { acceptDownloads: true })
  await page.getByRole('tab', { name: 'Many devices' }).click()
  await page.getByRole('radio', { name: /A list/ }).check()
  const rows = Array.from({ length: fleet }, (_, n) => `meter-${String(n + 1).padStart(5, '0')},${(n + 1).toString(16).padStart(64, 'a')}`)
  const list = Buffer.from(['id,primaryThumbprint', ...rows].join('\n'))
  await page.getByLabel('CSV file').setInputFiles({ name: 'meters.csv', mimeType: 'text/csv', buffer: list })
  await page.getByText('meters.csv: 10,001 lines').waitFor()
  await page.getByRole('button', { name: 'Add devices' }).click()
  await page.getByRole('progressbar', { name: 'Devices' }).waitFor()
  await page.getByText('10,000 devices added', { exact: true }).waitFor({ timeout: 120_000 })
  await page.getByRole('link', { name: 'Show the devices' }).click()
  await page.getByRole('rowheader', { name: 'meter-00001' }).waitFor()

  // Not a timed test: what must hold is that a page stays a page, however large the fleet.
  assert.equal(await page.getByRole('row').count(), 51)
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('rowheader', { name: 'meter-00051' }).waitFor()
  await page.getByRole('button', { name: 'Previous' }).click()
  await page.getByRole('rowheader', { name: 'meter-00001' }).waitFor()
  await page.getByRole('searchbox', { name: 'Search' }).fill('meter-0999')
  await page.getByText('10 matching devices').waitFor()
  await page.context().close()
})

test('a list with a mistake adds nothing and names the line', async () => {
  const page = await stage.signedIn('/add')
  await page.getByRole('tab', { name: 'Many devices' }).click()
  await page.getByRole('radio', { name: /A list/ }).check()
  await page.getByLabel('or its text').fill('id\ngood-1\nbad#2')
  await page.getByRole('button', { name: 'Add devices' }).click()
  await page.getByText(/line 3/i).waitFor()
  await page.getByText('0 devices added', { exact: true }).waitFor()
  await page.context().close()
})
