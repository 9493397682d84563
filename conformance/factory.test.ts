import assert from 'node:assert/strict'
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connectAsync } from 'mqtt'
import { HubProcess } from './hub.ts'
import { until } from './until.ts'

type Answer = { readonly status: number; readonly json: ReadonlyMap<string, unknown> }

// Lot, station without a hub, registration, connection: as an operator and a factory do it.
describe('devices of a factory', () => {
  let hub: HubProcess
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-factory-'))
  const at = (...names: readonly string[]) => join(folder, ...names)
  const phrase = at('phrase.txt')

  before(async () => {
    hub = await HubProcess.open()
    writeFileSync(phrase, 'correct horse battery staple\n')
  })
  after(async () => {
    await hub[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  async function typed(...words: readonly string[]) {
    const ran = await hub.command(...words)
    assert.equal(ran.code, 0, ran.stderr)
    return ran
  }
  const make = (lot: string, ...words: readonly string[]) =>
    hub.command('factory', 'make', at(lot), '--passphrase-file', phrase, '--data', at('no-hub'), ...words)

  function ask(scope: string, name: string, lot: string, method: string, rest: string): Promise<Answer> {
    const cert = readFileSync(at(lot, 'devices', `${name}.cert.pem`))
    const key = readFileSync(at(lot, 'devices', `${name}.key.pem`))
    const body = method === 'PUT' ? JSON.stringify({ registrationId: name }) : ''
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const path = `/${scope}/registrations/${name}/${rest}?api-version=2019-03-31`
      const options = { host: hub.host, port: hub.ports.https, servername: 'localhost', ca: hub.rootPem, cert, key, method, path, headers }
      request({ ...options, agent: false }, (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (part: string) => (text += part))
        answer.on('end', () => {
          const parsed: unknown = text === '' ? {} : JSON.parse(text)
          const json = new Map(Object.entries(typeof parsed === 'object' && parsed !== null ? parsed : {}))
          resolve({ status: answer.statusCode ?? 0, json })
        })
      })
        .on('error', reject)
        .end(body)
    })
  }
  const scopeOf = (lot: string) => /"idScope": "([^"]+)"/.exec(readFileSync(at(lot, 'lot.json'), 'utf8'))?.[1] ?? ''
  const register = (lot: string, name: string) => ask(scopeOf(lot), name, lot, 'PUT', 'register')

  test('a lot goes to a station, which makes devices without the hub; they register, connect, and are in the inventory after a report', async () => {
    await typed('factory', 'lot', 'add', 'autumn', '--count', '3', '--expires', '30d', '--group', 'pumps', '--names', 'pump-{serial}')
    await typed('factory', 'export', 'autumn', '--out', at('autumn'), '--passphrase-file', phrase)
    writeFileSync(at('serials.csv'), 'serial,colour\n0001,red\n0002,blue\n')
    const made = await make('autumn', '--from', at('serials.csv'))
    assert.equal(made.code, 0, made.stderr)
    assert.match(
      made.stdout,
      /^registration_id,sha256,serial,label\npump-0001,[0-9a-f]{64},[0-9a-f]{32},thingwall:pump-0001\?lot=autumn&sha256=[0-9a-f]{64}\n/,
    )
    assert.match(made.stderr, /2 made; 1 left/)
    assert.equal(createPrivateKey(readFileSync(at('autumn', 'devices', 'pump-0001.key.pem'))).asymmetricKeyType, 'ec')
    assert.equal((await hub.command('factory', 'dry-run', at('autumn'), at('autumn', 'devices', 'pump-0001.cert.pem'))).code, 0)

    const begun = await register('autumn', 'pump-0001')
    assert.equal(begun.status, 202, JSON.stringify([...begun.json]))
    const operation = String(begun.json.get('operationId'))
    await until('the device is assigned', 5_000, async () => {
      const answer = await ask(scopeOf('autumn'), 'pump-0001', 'autumn', 'GET', `operations/${operation}`)
      return answer.json.get('status') === 'assigned'
    })
    const client = await connectAsync({
      protocol: 'mqtts',
      host: hub.host,
      port: hub.ports.mqtt,
      servername: 'localhost',
      clientId: 'pump-0001',
      username: `localhost/pump-0001/?api-version=2021-04-12`,
      ca: hub.rootPem,
      cert: readFileSync(at('autumn', 'devices', 'pump-0001.cert.pem')),
      key: readFileSync(at('autumn', 'devices', 'pump-0001.key.pem')),
      reconnectPeriod: 0,
    })
    await client.endAsync()

    const reported = await typed('factory', 'report', at('autumn'))
    assert.match(reported.stdout, /reported 2 new, 0 known before, 0 refused/)
    assert.match((await typed('factory', 'report', at('autumn'))).stdout, /0 new, 2 known before/)
    const [lot] = JSON.parse((await typed('factory', 'lot', 'ls', '--json')).stdout).lots
    assert.deepEqual([lot.reported, lot.registered, lot.state], [2, 1, 'exported'])
  })

  test('what a copy of the station makes is refused: at registration by its serial number, and at the report by name', async () => {
    cpSync(at('autumn'), at('copy'), { recursive: true })
    assert.equal((await make('autumn', '--serial', '0003')).code, 0)
    assert.equal((await make('copy', '--serial', '0009')).code, 0)
    const used = await make('copy', '--serial', '0010')
    assert.match(used.stderr, /All 3 devices of the lot were made/)
    assert.equal((await register('autumn', 'pump-0003')).status, 202)
    assert.equal((await register('copy', 'pump-0009')).status, 401)
    const reported = await hub.command('factory', 'report', at('copy'))
    assert.deepEqual(
      [reported.code, /refused line 3 pump-0009 .*another certificate has this serial number/.test(reported.stdout)],
      [1, true],
      reported.stdout,
    )
  })

  test('with --strict a device registers once its ledger came in, and a revoked lot is over', async () => {
    await typed('factory', 'lot', 'add', 'winter', '--count', '2', '--group', 'winter', '--strict')
    await typed('factory', 'export', 'winter', '--out', at('winter'), '--passphrase-file', phrase)
    assert.equal((await make('winter', '--serial', '1')).code, 0)
    assert.equal((await register('winter', 'winter-1')).status, 401)
    await typed('factory', 'report', at('winter'))
    assert.equal((await register('winter', 'winter-1')).status, 202)
    await typed('factory', 'lot', 'revoke', 'winter')
    assert.equal((await register('winter', 'winter-1')).status, 401)
  })

  test('the issuer of a lot names no host, signs no issuer, and is for clients alone', () => {
    const chain = readFileSync(at('autumn', 'devices', 'pump-0002.cert.pem'), 'utf8')
    const [leaf, issuer] = chain.split(/(?<=-----END CERTIFICATE-----\n)/).map((pem) => pem !== '' && new X509Certificate(pem))
    assert.ok(leaf && issuer)
    assert.ok(leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey) && issuer.verify(new X509Certificate(hub.rootPem).publicKey))
    assert.deepEqual([issuer.ca, issuer.keyUsage], [true, ['1.3.6.1.5.5.7.3.2']])
  })

  test('a changed lot.json, a wrong passphrase and a changed ledger stop the station', async () => {
    const hostile = at('hostile')
    const fresh = () => (rmSync(hostile, { recursive: true, force: true }), cpSync(at('winter'), hostile, { recursive: true }))
    const change = (file: string, from: string, to: string) =>
      writeFileSync(join(hostile, file), readFileSync(join(hostile, file), 'utf8').replace(from, to))
    fresh()
    change('lot.json', '"group": "winter"', '"group": "others"')
    assert.match((await make('hostile', '--serial', '2')).stderr, /does not open/)
    fresh()
    change('ledger.jsonl', '"at":"2', '"at":"3')
    assert.match((await make('hostile', '--serial', '2')).stderr, /Line 1 of the ledger/)
    fresh()
    writeFileSync(at('other.txt'), 'another long passphrase\n')
    const wrong = await hub.command('factory', 'make', hostile, '--serial', '2', '--passphrase-file', at('other.txt'))
    assert.equal(wrong.code, 3)
    assert.deepEqual(readdirSync(join(hostile, 'devices')).length, 3)
  })
})
