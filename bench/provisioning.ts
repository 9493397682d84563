import { fork } from 'node:child_process'
import { type KeyObject, generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:https'
import { connectAsync } from 'mqtt'
import { instant } from '#base'
import { type LotManifest, parseManifest, signDeviceCertificate } from '#wire/factory'
import {
  type PublicKey,
  encodeCertificate,
  encodeExtensions,
  encodeName,
  encodePem,
  encodeRequestInfo,
  keyIdentifier,
  parsePublicKey,
} from '#wire/x509'
import { HubProcess } from '../conformance/hub.ts'

/*
 * How many devices of a lot register in a second: each from a fresh TLS connection with a certificate of its own to the word "assigned". The hub is a process of
 * its own, the devices are one; both share the machine. `node --conditions=source bench/provisioning.ts [devices] [at a time]`.
 */

type Device = { readonly name: string; readonly cert: string }
type Work = {
  readonly host: string
  readonly https: number
  readonly mqtt: number
  readonly root: string
  readonly scope: string
  readonly key: string
  readonly devices: readonly Device[]
  readonly by: 'https' | 'mqtt'
  readonly atATime: number
}
type Told = { readonly seconds: number; readonly p50: number; readonly p99: number }

const [count, atATime] = [Number(process.argv[2] ?? 1_000), Number(process.argv[3] ?? 32)]
if (process.send === undefined) await main()
else process.once('message', (work: Work) => void register(work))

async function main(): Promise<void> {
  await using hub = await HubProcess.open()
  const [key, publicKey] = pair()
  for (const by of ['https', 'mqtt'] as const) {
    const [issuerKey, issuerPublic] = pair()
    const manifest = await lotOf(hub, by, issuerKey, issuerPublic)
    const devices = manifest.claims.map((serial, at) => deviceOf(`${by}-${at}`, serial, publicKey, manifest, issuerKey))
    const child = fork(import.meta.filename, [], { execArgv: process.execArgv })
    const { host, ports, rootPem: root } = hub
    const work = { host, https: ports.https, mqtt: ports.mqtt, root, scope: manifest.idScope, devices, by, atATime }
    child.send({ ...work, key: String(key.export({ format: 'pem', type: 'pkcs8' })) } satisfies Work)
    const told: Told[] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [])])
    const [result] = told
    if (result === undefined) throw new Error('the devices failed')
    const { seconds, p50, p99 } = result
    console.log(`${by}: ${(count / seconds).toFixed(0)}/s, p50 ${p50} ms, p99 ${p99} ms (${count} devices, ${atATime} at a time)`)
    child.disconnect()
  }
}

function pair(): readonly [KeyObject, PublicKey] {
  const made = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKey = parsePublicKey(made.publicKey.export({ format: 'der', type: 'spki' }))
  if (!publicKey.ok) throw new Error('a fresh key cannot be read')
  return [made.privateKey, publicKey.value]
}

async function lotOf(hub: HubProcess, lot: string, key: KeyObject, publicKey: PublicKey): Promise<LotManifest> {
  const spec = { lot, group: lot, pattern: `${lot}-{serial}`, count, expiresInSeconds: 3_600, shelfSeconds: 3_600 }
  await hub.api('POST', '/api/v1/lots', spec)
  const extensions = encodeExtensions({ keyUsage: ['keyCertSign'], extendedKeyUsage: [], subjectKeyId: keyIdentifier(publicKey) })
  const info = encodeRequestInfo({ subject: encodeName({ commonName: lot }), publicKey: publicKey.der, extensions })
  const csr = encodeCertificate(info, 'ecdsa-sha256', sign('sha256', info, key)).toString('base64')
  const { json, text } = await hub.api('POST', `/api/v1/lots/${lot}/export`, { csr })
  const manifest = parseManifest(String(json['manifest']))
  if (!manifest.ok) throw new Error(text)
  return manifest.value
}

// All devices share a key: making thousands would measure that.
function deviceOf(name: string, serial: string, publicKey: PublicKey, { chain: [issuer] }: LotManifest, key: KeyObject): Device {
  const made = signDeviceCertificate({ name, serial, publicKey }, issuer, key, instant(Date.now()))
  if (!made.ok) throw new Error(made.error.message)
  return { name, cert: [made.value, issuer].map(({ der }) => encodePem('CERTIFICATE', der)).join('') }
}

async function register(work: Work): Promise<void> {
  const began = performance.now()
  const times: number[] = []
  const queue = [...work.devices]
  const one = work.by === 'https' ? byHttps : byMqtt
  const worker = async () => {
    for (let device = queue.pop(); device; device = queue.pop()) {
      const from = performance.now()
      await one(work, device)
      times.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: work.atATime }, worker))
  times.sort((a, b) => a - b)
  const at = (share: number) => Math.round(times[Math.floor(times.length * share)] ?? 0)
  process.send?.({ seconds: (performance.now() - began) / 1000, p50: at(0.5), p99: at(0.99) } satisfies Told)
}

// Whoever polls asks again after a moment, and not after the three seconds that devices wait: only the hub's work is to be seen.
const pause = () => new Promise((resolve) => setTimeout(resolve, 5))

async function byHttps({ host, https: port, root: ca, scope, key }: Work, { name, cert }: Device): Promise<void> {
  const { Agent } = await import('node:https')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (method: string, path: string, body: string): Promise<{ readonly operationId?: string; readonly status?: string }> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const whole = `/${scope}/registrations/${name}/${path}?api-version=2019-03-31`
      request({ host, port, servername: 'localhost', ca, cert, key, agent, method, path: whole, headers }, (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (part: string) => (text += part))
        answer.on('end', () => ((answer.statusCode ?? 500) < 300 ? resolve(JSON.parse(text)) : reject(new Error(text))))
      })
        .on('error', reject)
        .end(body)
    })
  let state = await ask('PUT', 'register', JSON.stringify({ registrationId: name }))
  while (state.status === 'assigning') {
    await pause()
    state = await ask('GET', `operations/${state.operationId}`, '')
  }
  agent.destroy()
  if (state.status !== 'assigned') throw new Error(JSON.stringify(state))
}

async function byMqtt({ host, mqtt: port, root: ca, scope, key }: Work, { name, cert }: Device): Promise<void> {
  const username = `${scope}/registrations/${name}/api-version=2019-03-31`
  const own = { clientId: name, username, reconnectPeriod: 0, protocolVersion: 4 } as const
  const client = await connectAsync({ protocol: 'mqtts', host, port, servername: 'localhost', ca, cert, key, ...own })
  await client.subscribeAsync('$dps/registrations/res/#', { qos: 1 })
  const ask = async (topic: string): Promise<{ readonly operationId?: string; readonly status?: string }> => {
    const answer = new Promise<Buffer>((resolve) => client.once('message', (_topic, payload) => resolve(payload)))
    await client.publishAsync(topic, JSON.stringify({ registrationId: name }), { qos: 1 })
    return JSON.parse((await answer).toString())
  }
  let state = await ask('$dps/registrations/PUT/iotdps-register/?$rid=1')
  while (state.status === 'assigning') {
    await pause()
    state = await ask(`$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=${state.operationId}`)
  }
  client.end(true)
  if (state.status !== 'assigned') throw new Error(JSON.stringify(state))
}
