import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { connectAsync, type MqttClient } from 'mqtt'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { HubProcess, type TestDevice } from '../../conformance/hub.ts'

const built = fileURLToPath(new URL('../dist/index.html', import.meta.url))

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** What a page did that it must not: errors, broken policy, requests to elsewhere. */
export type Misdeeds = { readonly errors: string[]; readonly violations: string[]; readonly foreign: string[] }

/** A real hub and a real browser. */
export type Stage = AsyncDisposable & {
  readonly hub: HubProcess
  readonly url: string
  /** A fresh one-time link. */
  link(): Promise<string>
  /** A browser without any session. */
  visitor(options?: BrowserContextOptions): Promise<BrowserContext>
  /** A page on `path`, signed in by a link of its own. */
  signedIn(path?: string, options?: BrowserContextOptions): Promise<Page>
}

/** Starts a hub and Chromium. The console must have been built. */
export async function openStage(): Promise<Stage> {
  assert.ok(existsSync(built), 'the console is not built: node scripts/build-console.mjs')
  const hub = await HubProcess.open()
  let browser: Browser
  try {
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags })
  } catch (error) {
    await hub[Symbol.asyncDispose]()
    throw error
  }
  const url = `https://localhost:${hub.ports.console}`
  const visitor = (options: BrowserContextOptions = {}): Promise<BrowserContext> =>
    browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options })
  const link = async (): Promise<string> => {
    const { status, json } = await hub.api('POST', '/api/v1/sign-in-links')
    assert.equal(status, 200, JSON.stringify(json))
    return String(json['url'])
  }
  return {
    hub,
    url,
    link,
    visitor,
    signedIn: async (path = '/', options = {}) => {
      const page = await (await visitor(options)).newPage()
      await page.goto(await link())
      await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor()
      if (path !== '/') await page.goto(url + path)
      return page
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close()
      await hub[Symbol.asyncDispose]()
    },
  }
}

/** Records from now on what `page` does wrong. */
export async function watchFor(page: Page, origin: string): Promise<Misdeeds> {
  const found: Misdeeds = { errors: [], violations: [], foreign: [] }
  page.on('console', (message) => {
    if (message.type() === 'error') found.errors.push(message.text())
  })
  page.on('pageerror', (error) => found.errors.push(error.message))
  page.on('request', (request) => {
    const target = request.url()
    if (!target.startsWith(origin) && !target.startsWith('blob:') && !target.startsWith('data:')) found.foreign.push(target)
  })
  await page.exposeBinding('tellViolation', (_source, text: string) => void found.violations.push(text))
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const tell: unknown = Reflect.get(window, 'tellViolation')
      if (typeof tell === 'function') tell(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`)
    })
  })
  return found
}

/** Connects `device` to the hub as a plain MQTT client. */
export async function connectDevice(stage: Stage, device: TestDevice, version: 4 | 5 = 4): Promise<MqttClient> {
  const client = await connectAsync({
    protocol: 'mqtts',
    host: '127.0.0.1',
    servername: 'localhost',
    port: stage.hub.ports.mqtt,
    ca: device.ca,
    cert: device.cert,
    key: device.key,
    clientId: device.id,
    protocolVersion: version,
    reconnectPeriod: 0,
  })
  client.on('error', () => undefined)
  return client
}

/** Publishes one telemetry message at QoS 1; resolves when the hub has acknowledged it. */
export function send(client: MqttClient, device: string, body: unknown): Promise<unknown> {
  return client.publishAsync(`devices/${device}/messages/events/`, JSON.stringify(body), { qos: 1 })
}
