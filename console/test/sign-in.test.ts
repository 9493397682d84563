import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openStage, type Stage } from './stage.ts'

let stage: Stage
before(async () => {
  stage = await openStage()
})
after(async () => {
  await stage[Symbol.asyncDispose]()
})

test('a one-time link signs in, and its token leaves the address at once', async () => {
  const context = await stage.visitor()
  const page = await context.newPage()
  const link = await stage.link()
  await page.goto(link)
  await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor()
  assert.equal(page.url(), `${stage.url}/`)
  await page.goBack()
  assert.doesNotMatch(page.url(), /token/)
  const cookies = await context.cookies()
  assert.deepEqual(
    cookies.map(({ name, httpOnly, secure, sameSite }) => ({ name, httpOnly, secure, sameSite })),
    [{ name: '__Host-thingwall-session', httpOnly: true, secure: true, sameSite: 'Strict' }],
  )
  await context.close()
})

test('a link that was used is refused in plain words, with the command that makes a new one', async () => {
  const link = await stage.link()
  const first = await stage.visitor()
  const used = await first.newPage()
  await used.goto(link)
  await used.getByRole('heading', { level: 1, name: 'Live' }).waitFor()
  const second = await stage.visitor()
  const page = await second.newPage()
  await page.goto(link)
  await page.getByText('This sign-in link is used up or has expired.').waitFor()
  await page.getByText('npx thingwall sign-in').waitFor()
  assert.equal((await second.cookies()).length, 0)
  await page.goto(`${stage.url}/devices`)
  await page.waitForURL(/\/sign-in/)
  await first.close()
  await second.close()
})

test('whoever is signed out returns to the same place, also when the link is opened in another tab', async () => {
  const context = await stage.visitor()
  const waiting = await context.newPage()
  await waiting.goto(`${stage.url}/checks`)
  await waiting.waitForURL(/\/sign-in\?from=/)
  await waiting.getByText('Afterwards you return to where you were.').waitFor()
  const other = await context.newPage()
  await other.goto(await stage.link())
  await other.getByRole('heading', { level: 1, name: 'Live' }).waitFor()
  await waiting.waitForURL(`${stage.url}/checks`)
  await context.close()
})

test('a link can be pasted, and what is no link is said to be none', async () => {
  const page = await (await stage.visitor()).newPage()
  await page.goto(`${stage.url}/sign-in`)
  await page.getByLabel('Sign-in link').fill('https://example.com/')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('This is not a sign-in link').waitFor()
  await page.getByLabel('Sign-in link').fill(await stage.link())
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor()
  await page.context().close()
})

test('the way back never leads to another site', async () => {
  const page = await (await stage.visitor()).newPage()
  await page.goto(`${stage.url}/sign-in?from=//evil.example/`)
  await page.getByLabel('Sign-in link').fill(await stage.link())
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor()
  assert.equal(page.url(), `${stage.url}/`)
  await page.context().close()
})

test('signing out ends the session for every tab of the browser', async () => {
  const page = await stage.signedIn('/about')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.waitForURL(/\/sign-in/)
  const status = await page.evaluate(async () => (await fetch('/api/v1/hub')).status)
  assert.equal(status, 401)
  await page.context().close()
})
