import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../../conformance/until.ts'
import { connectDevice, openStage, type Stage } from './stage.ts'

let stage: Stage
before(async () => {
  stage = await openStage()
})
after(async () => {
  await stage[Symbol.asyncDispose]()
})

const siteRules = (topic: string, more = ''): string => `apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthorization
metadata: {name: site-rules}
spec:
  authorizationPolicies:
    rules:
      - name: line-2
        principals: {attributes: [{thingwall.device: reader-1}]}
        brokerResources:
          - {method: Subscribe, topics: ["${topic}"]}
${more}`

const editor = 'Text of the policy document'

test('a text with mistakes is told so at their lines, and what is planned is what is applied', async () => {
  const page = await stage.signedIn('/policies')
  await page.getByRole('rowheader', { name: 'hub-devices' }).waitFor()
  await page.getByRole('link', { name: 'New document' }).click()
  const text = page.getByRole('textbox', { name: editor })
  await text.fill(siteRules('plant/#/x'))
  const mistake = page.getByRole('button', { name: /^Line 10.*#/ })
  await mistake.waitFor()
  assert.equal(await text.getAttribute('aria-invalid'), 'true')
  assert.equal(await page.locator('.editor-band').count(), 1)
  await mistake.click()
  const chosen = await text.evaluate((area: HTMLTextAreaElement) => area.value.slice(area.selectionStart, area.selectionEnd))
  assert.match(chosen, /plant\/#\/x/)

  await text.fill(siteRules('plant/#', 'tests:\n  - {as: {device: reader-1}, deny: subscribe, topic: plant/x}\n'))
  await page.getByText('1 test of 1 fails').waitFor()
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await page.locator('[data-plan]').waitFor()
  assert.ok(await page.getByRole('button', { name: 'Apply', exact: true }).isDisabled(), 'a failing test does not stop it')

  await text.fill(siteRules('plant/#'))
  await page.getByText('The text has changed since.').waitFor()
  await page.getByText('well formed').waitFor()
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await page.locator('.diff-come', { hasText: 'plant/#' }).waitFor()
  await page.getByRole('button', { name: 'Apply', exact: true }).click()
  await page.locator('[data-receipt]', { hasText: /Version \d+ is in force/ }).waitFor()
  const { json } = await stage.hub.api('GET', '/api/v1/policies/site-rules')
  assert.equal(json['text'], siteRules('plant/#'))
  await page.context().close()
})

test('a change that takes something away shows whose, closes them with a receipt, and removing it shows that too', async () => {
  const { status, json } = await stage.hub.api('POST', '/api/v1/policies', { text: siteRules('plant/#') })
  assert.equal(status, 200, JSON.stringify(json))
  const client = await connectDevice(stage, await stage.hub.addDevice('reader-1'), 5)
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
  await client.subscribeAsync('plant/b22/#', { qos: 1 })
  const page = await stage.signedIn('/policies/site-rules')
  await page.getByRole('link', { name: 'Edit', exact: true }).click()
  await page.getByRole('textbox', { name: editor }).fill(siteRules('plant/b23/#'))
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  const row = page.getByRole('row', { name: /^reader-1/ })
  await row.getByText('loses subscription').waitFor()
  await row.getByText('plant/b22/#').first().waitFor()
  assert.ok(client.connected, 'a plan changed something')
  await page.getByRole('button', { name: 'Apply, and take this away' }).click()
  await page.locator('[data-receipt]', { hasText: '1 session closed' }).waitFor()
  await closed

  await page.goto(`${stage.url}/policies/site-rules`)
  await page.getByRole('button', { name: 'Remove…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Remove site-rules?' })
  await dialog.getByText('plant/b23/#').first().waitFor()
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('heading', { level: 1, name: 'Policies' }).waitFor()
  assert.equal((await stage.hub.api('GET', '/api/v1/policies/site-rules')).status, 404)

  // What was removed can be brought back from the past.
  await page.getByRole('button', { name: /^Open site-rules as of version 1 / }).click()
  await until('the old text is in the editor', 5000, async () =>
    (await page.getByRole('textbox', { name: editor }).inputValue()).includes('plant/#'),
  )
  await page.context().close()
})

test('a change that somebody else made meanwhile is not overwritten [RFC 9110 13.1.1]', async () => {
  const page = await stage.signedIn('/edit-policy')
  await page.getByRole('textbox', { name: editor }).fill(siteRules('plant/mine/#'))
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await page.locator('[data-plan]').waitFor()
  await stage.hub.api('POST', '/api/v1/policies', { text: siteRules('plant/theirs/#') })
  await page.getByRole('button', { name: /^Apply/ }).click()
  await page.getByText('access/policy-conflict').waitFor()
  const { json } = await stage.hub.api('GET', '/api/v1/policies/site-rules')
  assert.match(String(json['text']), /theirs/)
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.locator('.diff-go', { hasText: 'plant/theirs/#' }).waitFor()
  await page.getByRole('button', { name: /^Apply/ }).click()
  await page.locator('[data-receipt]').waitFor()
  await stage.hub.api('DELETE', '/api/v1/policies/site-rules')
  await page.context().close()
})

test('a denial is grouped on the page of its device, explained, and following its smallest change allows it', async () => {
  const client = await connectDevice(stage, await stage.hub.addDevice('writer-1'), 5)
  const page = await stage.signedIn('/devices/writer-1')
  await page.getByText('Nothing was denied.').waitFor()
  for (const topic of ['plant/a', 'plant/a', 'plant/b']) await client.publishAsync(topic, 'no', { qos: 1 }).catch(() => undefined)
  const group = page.locator('[data-denial="publish plant/a"]')
  await group.getByText('2 ×').waitFor({ timeout: 15_000 })
  await page.locator('[data-denial="publish plant/b"]').getByText('1 ×').waitFor()
  await group.getByRole('button', { name: 'Explain publish plant/a' }).click()
  await group.locator('[data-decision=denied]').waitFor()
  await group.getByRole('button', { name: 'Copy document' }).waitFor()
  await group.getByRole('button', { name: 'Open in the editor' }).click()
  await page.getByRole('heading', { level: 1, name: 'New document' }).waitFor()
  await page.getByText('well formed').waitFor()
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await page
    .getByRole('row', { name: /^writer-1/ })
    .getByText('wins the right to')
    .waitFor()
  await page.getByRole('button', { name: 'Apply', exact: true }).click()
  await page.locator('[data-receipt]').waitFor()
  await page.goto(`${stage.url}/explain?device=writer-1&action=publish&topic=plant/a`)
  await page.locator('[data-decision=allowed]', { hasText: 'site-rules' }).waitFor()

  // The second denial finds a document to which its rule can be added.
  await page.goto(`${stage.url}/explain?device=writer-1&action=publish&topic=plant/b`)
  await page.getByRole('button', { name: 'Open in the editor' }).click()
  await page.getByRole('heading', { level: 1, name: 'Edit site-rules' }).waitFor()
  await page.getByText('well formed').waitFor()
  const whole = await page.getByRole('textbox', { name: editor }).inputValue()
  assert.ok(whole.includes('plant/a') && whole.includes('plant/b'), whole)
  await client.endAsync(true)
  await stage.hub.api('DELETE', '/api/v1/policies/site-rules')
  await page.context().close()
})

test('somebody of another method is asked about with client identifier and attributes', async () => {
  const page = await stage.signedIn('/explain')
  await page.getByRole('radio', { name: 'Somebody else' }).check({ force: true })
  await page.getByLabel('Username').fill('historian')
  await page.getByLabel('Action').selectOption('receive')
  await page.getByLabel('Topic name').fill('plant/x')
  await page.getByLabel('Client identifier').fill('h-1')
  await page.getByLabel('Attributes').fill('{"building": "b22"}')
  await page.getByRole('button', { name: 'Explain', exact: true }).click()
  const answer = page.locator('[data-decision=denied]')
  await answer.getByText('building b22').waitFor()
  assert.match(await answer.innerText(), /custom:historian · receive · plant\/x/)
  await page.getByLabel('Attributes').fill('nonsense')
  await page.getByRole('button', { name: 'Explain', exact: true }).click()
  await page.getByRole('alert').getByText('not a JSON object').waitFor()
  await page.context().close()
})

test('unused rights are searched for with progress, and the smaller document opens in the editor', async () => {
  await stage.hub.api('POST', '/api/v1/policies', { text: siteRules('plant/#') })
  const page = await stage.signedIn('/policies')
  await page.getByRole('button', { name: 'Search the journal' }).click()
  await page.getByText('could be smaller').waitFor({ timeout: 30_000 })
  const open = page.getByRole('button', { name: /^Open the smaller / }).first()
  if (await open.isVisible()) {
    await open.click()
    await page.getByRole('textbox', { name: editor }).waitFor()
    await page.getByText('well formed').waitFor()
  } else await page.getByText('Nobody used anything of it.').waitFor()
  await stage.hub.api('DELETE', '/api/v1/policies/site-rules')
  await page.context().close()
})

test('a text that is not applied is still there after a look at another page', async () => {
  const page = await stage.signedIn('/edit-policy')
  await page.getByRole('textbox', { name: editor }).fill(siteRules('kept/#'))
  await page.getByRole('link', { name: 'Checks', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Checks' }).waitFor()
  await page.goBack()
  await until('the draft is back', 5000, async () => (await page.getByRole('textbox', { name: editor }).inputValue()).includes('kept/#'))
  await page.getByRole('button', { name: 'Undo all' }).click()
  assert.ok(!(await page.getByRole('textbox', { name: editor }).inputValue()).includes('kept/#'))
  await page.context().close()
})
