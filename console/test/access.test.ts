import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { until } from '../../conformance/until.ts'
import { connectDevice, openStage, send, type Stage, watchFor } from './stage.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const places = [
  '/',
  '/devices',
  '/devices/boiler-1',
  ...['twin', 'methods', 'messages', 'modules', 'files'].map((tab) => `/devices/boiler-1?tab=${tab}`),
  '/devices/boiler-1/modules/camera',
  '/query',
  '/jobs',
  '/jobs/slower',
  '/new-job?condition=*',
  '/configurations',
  '/configurations/reports',
  '/new-configuration',
  '/routes',
  '/add',
  '/checks',
  '/explain?device=boiler-1&action=publish&topic=plant/x',
  '/explain?username=historian&method=custom&action=subscribe&topic=plant/x',
  '/policies',
  '/policies/hub-devices',
  '/edit-policy',
  '/audit',
  '/about',
  '/nowhere',
]

let stage: Stage
let stop: () => Promise<void>
before(async () => {
  stage = await openStage()
  const client = await connectDevice(stage, await stage.hub.addDevice('boiler-1'))
  for (let n = 0; n < 20; n++) await send(client, 'boiler-1', { temperature: 60 + Math.sin(n), pressure: 1.2 })
  await client.publishAsync('plant/x', 'no', { qos: 1 })
  await stage.hub.api('POST', '/api/v1/checks/run', {})
  const made: readonly (readonly [string, object])[] = [
    ['devices/boiler-1/modules', { id: 'camera' }],
    ['devices/boiler-1/messages', { body: 'x', properties: { a: '1' } }],
    ['jobs', { id: 'slower', condition: '*', twin: { desired: { interval: 60 } } }],
    [
      'configurations',
      { id: 'reports', content: { deviceContent: { 'properties.desired.report': 1 } }, targetCondition: '*', priority: 1 },
    ],
    ['endpoints', { name: 'archive', kind: 'file', settings: {} }],
    ['routes', { name: 'all', endpoint: 'archive' }],
  ]
  for (const [path, body] of made) assert.equal((await stage.hub.api('POST', `/api/v1/${path}`, body)).status, 201, path)
  stop = () => client.endAsync(true)
})
after(async () => {
  await stop()
  await stage[Symbol.asyncDispose]()
})

/** Waits until a page has shown what it has: no skeleton is left. */
async function settled(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.locator('.skeleton').first().waitFor({ state: 'detached' })
  if (new URL(page.url()).pathname === '/') await page.locator('.stream-line').first().waitFor()
}

/** What axe finds on a page; of the rules named, or of all. */
async function findings(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  await page.evaluate(axe)
  return page.evaluate(async (only) => {
    const run: unknown = Reflect.get(Reflect.get(window, 'axe'), 'run')
    if (typeof run !== 'function') return ['axe did not load']
    const { violations } = await run(only === undefined ? {} : { runOnly: [...only] })
    return violations.map(
      (each: { id: string; nodes: { html: string }[] }) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`,
    )
  }, rules)
}

for (const colorScheme of ['light', 'dark'] as const)
  test(`no page has an accessibility finding in the ${colorScheme} theme [WCAG 2.2 AA, axe]`, async () => {
    // axe cannot be put into a page under the strict policy; the policy itself has its own test below.
    const page = await stage.signedIn('/', { colorScheme, bypassCSP: true })
    // The probe must be able to fail before its silence means anything.
    await page.evaluate(() => document.body.append(document.createElement('button')))
    assert.match((await findings(page)).join(), /button-name/)
    // What a theme changes are colours; the rest of a page is judged once.
    const rules = colorScheme === 'dark' ? ['color-contrast'] : undefined
    for (const place of places) {
      await page.goto(stage.url + place)
      await settled(page)
      if (place === '/checks') await page.locator('summary').first().click()
      if (place === '/') await page.locator('.stream-line').first().click()
      if (place === '/edit-policy') {
        const text = page.getByRole('textbox', { name: 'Text of the policy document' })
        const right = await text.inputValue()
        await text.fill(right.replace('line-2/{', 'line-2/#/{'))
        await page.getByRole('button', { name: /^Line 10/ }).waitFor()
        assert.deepEqual(await findings(page, rules), [], `mistakes in ${colorScheme}`)
        await text.fill(right)
        await page.getByText('well formed').waitFor()
        await page.getByRole('button', { name: 'Plan', exact: true }).click()
        await page.locator('.diff').waitFor()
      }
      assert.deepEqual(await findings(page, rules), [], `${place} in ${colorScheme}`)
    }
    await page.goto(`${stage.url}/devices/boiler-1`)
    await page.getByRole('button', { name: 'Delete…' }).click()
    assert.deepEqual(await findings(page, rules), [], 'a dialog')
    await page.keyboard.press('Escape')
    await page.keyboard.press('?')
    assert.deepEqual(await findings(page, rules), [], 'the list of shortcuts')
    await page.context().clearCookies()
    await page.goto(`${stage.url}/sign-in`)
    await page.getByLabel('Sign-in link').waitFor()
    assert.deepEqual(await findings(page, rules), [], 'signing in')
    await page.context().close()
  })

test('under the strict policy nothing is violated, nothing fails and nothing is asked of another origin', async () => {
  const page = await stage.signedIn()
  const found = await watchFor(page, stage.url)
  const answer = await page.goto(stage.url)
  assert.match(answer?.headers()['content-security-policy'] ?? '', /require-trusted-types-for 'script'/)
  for (const place of places) {
    await page.goto(stage.url + place)
    await settled(page)
  }
  await page.goto(`${stage.url}/add`)
  await page.getByLabel('Device id').fill('boiler-2')
  await page.getByRole('button', { name: 'Add device' }).click()
  await page.getByRole('heading', { name: 'boiler-2 is added' }).waitFor()
  await page.getByRole('button', { name: /^Download all/ }).click()
  assert.deepEqual(found, { errors: [], violations: [], foreign: [] })
  await page.context().close()
})

test('the policy stops what is put into the page', async () => {
  const page = await stage.signedIn()
  const found = await watchFor(page, stage.url)
  await page.goto(stage.url)
  const blocked = await page.evaluate(() => {
    try {
      document.body.innerHTML = '<b>x</b>'
      return 'not blocked'
    } catch (error) {
      return String(error)
    }
  })
  assert.match(blocked, /TrustedHTML/)
  await until('the violation is told', 5000, () => found.violations.length > 0)
  await page.context().close()
})

test('everything can be reached and done with the keyboard alone', async () => {
  const page = await stage.signedIn()
  const press = (...keys: readonly string[]): Promise<void> =>
    keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve())
  const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? '')

  await page.reload()
  await settled(page)
  await press('Tab')
  assert.equal(await focused(), 'Skip to the content')
  await press('Enter')
  await press('g', 'd')
  await page.getByRole('heading', { level: 1, name: 'Devices' }).waitFor()
  await page.waitForFunction(() => document.activeElement?.textContent === 'Devices')
  await press('/')
  await page.keyboard.type('boiler-1')
  await page.getByText('1 matching device').waitFor()
  await press('Tab', 'Tab', 'Tab', 'Enter')
  await page.waitForFunction(() => document.activeElement?.textContent === 'boiler-1')
  await page.getByRole('button', { name: 'Disable…' }).waitFor()
  await press('Tab', 'Tab', 'Enter')
  await page.getByRole('dialog', { name: 'Disable boiler-1?' }).waitFor()
  await press('Escape')
  assert.equal(await focused(), 'Disable…')

  await press('g', 'p')
  await page.getByRole('heading', { level: 1, name: 'Policies' }).waitFor()
  await page.waitForFunction(() => document.activeElement?.textContent === 'Policies')
  await press('Tab', 'Enter')
  await page.getByRole('heading', { level: 1, name: 'New document' }).waitFor()
  await page.waitForFunction(() => document.activeElement?.textContent === 'New document')
  await press('Tab', 'Tab')
  await page.keyboard.type('x')
  await page.getByText(/^[0-9]+ mistakes?$/).waitFor()
  // The Tab key leaves the text: nobody is caught in it [WCAG 2.1.2].
  await press('Tab')
  assert.match(await focused(), /^Line 1/)
  await press('g', 'c')
  await page.getByRole('heading', { level: 1, name: 'Checks' }).waitFor()
  await press('?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
  await press('Escape')

  await press('g', 'd')
  await page.getByRole('heading', { level: 1, name: 'Devices' }).waitFor()
  await page.waitForFunction(() => document.activeElement?.textContent === 'Devices')
  await press('Tab', 'Enter')
  await page.getByRole('heading', { level: 1, name: 'Add devices' }).waitFor()
  await page.waitForFunction(() => document.activeElement?.textContent === 'Add devices')
  await press('Tab', 'ArrowRight')
  assert.equal(await focused(), 'Many devices')
  await press('ArrowLeft', 'Tab')
  await page.keyboard.type('by-keyboard')
  await press('Enter')
  await page.getByRole('heading', { level: 1, name: 'by-keyboard is added' }).waitFor()
  await page.context().close()
})

for (const width of [360, 768, 1280, 2560])
  test(`at ${width} pixels no page scrolls sideways [WCAG 1.4.10]`, async () => {
    const page = await stage.signedIn('/', { viewport: { width, height: 900 } })
    for (const place of places) {
      await page.goto(stage.url + place)
      await settled(page)
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      assert.ok(over <= 0, `${place} is ${over} pixels too wide`)
    }
    await page.context().close()
  })

test('the chosen theme is remembered, without a flash', async () => {
  const page = await stage.signedIn('/about', { colorScheme: 'light' })
  const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  const light = await ground()
  await page.getByRole('radio', { name: 'Dark' }).check({ force: true })
  const dark = await ground()
  assert.notEqual(dark, light)
  await page.reload({ waitUntil: 'commit' })
  await page.waitForFunction(() => document.documentElement.dataset['theme'] === 'dark')
  await page.getByRole('heading', { level: 1 }).waitFor()
  assert.equal(await ground(), dark)
  await page.context().close()
})
