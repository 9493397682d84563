import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import {
  TestServer,
  type TestTls,
  freePort,
  idsOf,
  makeTls,
  never,
  openFolder,
  testEvent,
  testEvents,
  testPorts,
} from '../../../test/endpoint-scene.ts'
import { insertArguments, isRowsFault, parsePostgresql } from './postgresql.ts'
import { postgresqlKind } from './postgresql.io.ts'

const good = { host: 'db.example.com', database: 'plant', user: 'hub', passwordSecret: 'pw', table: 'events' }

describe('settings of a postgresql endpoint', () => {
  test('are read, with what is usual for what is left out', () => {
    const parsed = parsePostgresql(good)
    assert.ok(parsed.ok)
    assert.deepEqual(parsed.value, { ...good, port: 5432, schema: 'public', createTable: false, ca: undefined, client: undefined })
  })

  for (const [what, change, problem] of [
    ['a name that nobody knows', { sslmode: 'disable' }, /sslmode is unknown/],
    ['a password in place of its name', { passwordSecret: 'p w' }, /passwordSecret does not name a secret/],
    ['no proof of who we are', { passwordSecret: undefined }, /neither passwordSecret nor clientCertificate/],
    ['a table with a quote', { table: 'a"; DROP TABLE b; --' }, /table has characters other/],
    ['a table name that PostgreSQL would cut', { table: 'a'.repeat(64) }, /table is no text/],
    ['a path of a socket as host', { host: '/var/run/postgresql' }, /host is no host name/],
    ['a port beyond the last', { port: 65_536 }, /port is no whole number/],
    ['a line end in the user', { user: 'a\nb' }, /user has/],
    [
      'a certificate without its key',
      { clientCertificate: '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n' },
      /need each other/,
    ],
  ] as const)
    test(`refuse ${what}`, () => {
      const parsed = parsePostgresql({ ...good, ...change })
      assert.ok(!parsed.ok)
      assert.equal(parsed.error.code, 'egress/endpoint-malformed')
      assert.match(parsed.error.message, problem)
    })

  test('refuse what is no object', () => {
    for (const given of [undefined, null, [], 'x', 7]) assert.ok(!parsePostgresql(given).ok)
  })
})

test('a body is JSON in the row only when its sender says so and jsonb can hold it', () => {
  const json = (body: string, type = 'application/json') =>
    insertArguments('e', [testEvent(1, { body: Buffer.from(body), system: { 'content-type': type } })])[9]?.[0]
  assert.equal(json('{"a":1}'), '{"a":1}')
  assert.equal(json('{"a":1}', 'text/plain'), null)
  assert.equal(json('{"a":"\\u0000"}'), null)
  assert.equal(json('{"a":"\\ud800"}'), null)
  assert.equal(json('{"a":"\\\\u0000"}'), '{"a":"\\\\u0000"}')
  assert.equal(json('{"a'), null)
})

test('only what is wrong with the rows themselves is their fault', () => {
  assert.deepEqual(
    ['22P05', '23514', 'P0001', '42P01', '53300', '57P01', '28P01', '40001', undefined].map((code) => isRowsFault(code)),
    [true, true, true, false, false, false, false, false, false],
  )
})

const bin = existsSync('/usr/lib/postgresql') ? `/usr/lib/postgresql/${readdirSync('/usr/lib/postgresql').at(-1)}/bin` : undefined

describe('against PostgreSQL', { skip: bin === undefined && 'PostgreSQL is not installed' }, () => {
  const folder = openFolder()
  let tls: TestTls
  let port: number
  let server: TestServer
  const password = 'a pass & word'
  const isRoot = process.getuid?.() === 0

  before(async () => {
    tls = makeTls(folder.path)
    port = await freePort()
    const data = join(folder.path, 'data')
    const sockets = join(folder.path, 'sockets')
    const ids = isRoot ? idsOf('postgres') : undefined
    for (const path of [data, sockets]) {
      mkdirSync(path, { mode: 0o700 })
      if (ids) chownSync(path, ids.uid, ids.gid)
    }
    const pwfile = join(folder.path, 'pw')
    writeFileSync(pwfile, `${password}\n`, { mode: 0o644 })
    execFileSync(`${bin}/initdb`, ['-D', data, '-U', 'hub', '-A', 'scram-sha-256', '--pwfile', pwfile, '-N', '-E', 'UTF8', '--locale=C'], {
      ...ids,
      cwd: data,
      stdio: 'pipe',
    })
    for (const name of ['server.pem', 'server.key'] as const) {
      copyFileSync(tls.path(name), join(data, name))
      chmodSync(join(data, name), 0o600)
      if (ids) chownSync(join(data, name), ids.uid, ids.gid)
    }
    copyFileSync(tls.path('ca.pem'), join(data, 'ca.pem'))
    appendFileSync(
      join(data, 'postgresql.conf'),
      `\nlisten_addresses='127.0.0.1'\nport=${port}\nunix_socket_directories='${sockets}'\nssl=on\nssl_cert_file='server.pem'\nssl_key_file='server.key'\nssl_ca_file='ca.pem'\nfsync=off\nfull_page_writes=off\nmax_connections=20\nshared_buffers=16MB\n`,
    )
    writeFileSync(
      join(data, 'pg_hba.conf'),
      'hostssl plain all 127.0.0.1/32 scram-sha-256\nhostssl postgres all 127.0.0.1/32 scram-sha-256\nhostssl certified hub 127.0.0.1/32 cert\n',
    )
    server = new TestServer(`${bin}/postgres`, ['-D', data], port, { user: 'postgres', cwd: data })
    await server.start()
    await ask('CREATE DATABASE certified')
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  async function ask(sql: string): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ host: 'localhost', port, user: 'hub', password, database: 'postgres', ssl: { ca: tls.ca } })
    client.on('error', () => undefined)
    await client.connect()
    const { rows }: { rows: Record<string, unknown>[] } = await client.query(sql)
    await client.end()
    return rows
  }

  async function open(
    table: string,
    change: Readonly<Record<string, unknown>> = {},
    secrets: Readonly<Record<string, string>> = { pw: password },
    mayReach = true,
  ) {
    const settings = {
      host: 'localhost',
      port,
      database: 'postgres',
      user: 'hub',
      passwordSecret: 'pw',
      table,
      createTable: true,
      ca: tls.ca,
      ...change,
    }
    const parsed = postgresqlKind.parse(settings)
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
    return postgresqlKind.open(
      'pg',
      parsed.value,
      testPorts(secrets, () => mayReach),
    )
  }

  test('events become rows, once however often they are delivered', async () => {
    await using sink = await open('events')
    assert.deepEqual(await sink.deliver(testEvents(1, 500), never), { kind: 'ok' })
    assert.deepEqual(await sink.deliver(testEvents(300, 400), never), { kind: 'ok' })
    assert.deepEqual(await ask('SELECT count(*)::int AS n, min(journal_offset)::int AS a, max(journal_offset)::int AS z FROM events'), [
      { n: 699, a: 1, z: 699 },
    ])
    const [row] = await ask(`SELECT *, event_time = '2026-11-23T00:00:00.007Z' AS at FROM events WHERE journal_offset = 7`)
    const { at, event_time: _, body, ...rest } = row ?? {}
    assert.ok(at)
    assert.ok(Buffer.isBuffer(body) && body.equals(Buffer.from('{"flow":7}')))
    const { system, properties } = testEvent(7)
    assert.deepEqual(rest, {
      endpoint: 'pg',
      journal_offset: '7',
      source: 'DeviceMessages',
      device: 'pump-1',
      module: null,
      system,
      properties,
      body_json: { flow: 7 },
    })
  })

  test('a server that goes away and comes back is tried again, and nothing is lost', async () => {
    await using sink = await open('outage')
    assert.deepEqual(await sink.deliver(testEvents(1, 10), never), { kind: 'ok' })
    await server.stop('SIGINT')
    for (let i = 0; i < 3; i++) assert.equal((await sink.deliver(testEvents(11, 10), never)).kind, 'retry')
    await server.start()
    assert.deepEqual(await sink.deliver(testEvents(11, 10), never), { kind: 'ok' })
    assert.deepEqual(await ask('SELECT count(*)::int AS n FROM outage'), [{ n: 20 }])
  })

  test('an event that the table refuses is poison, those before it are in, and the rest can go on', async () => {
    await using sink = await open('checked')
    await sink.deliver(testEvents(1, 1), never)
    await ask(`ALTER TABLE checked ADD CHECK (device <> 'bad')`)
    const batch = [...testEvents(2, 20), testEvent(22, { device: 'bad' }), ...testEvents(23, 20)]
    const first = await sink.deliver(batch, never)
    assert.ok(first.kind === 'poison' && first.index === 20)
    assert.match(first.reason, /check constraint/)
    assert.deepEqual(await sink.deliver(batch.slice(21), never), { kind: 'ok' })
    assert.deepEqual(await ask('SELECT count(*)::int AS n FROM checked'), [{ n: 41 }])
    const nul = await sink.deliver([testEvent(100), testEvent(101, { properties: { a: '\u0000' } })], never)
    assert.ok(nul.kind === 'poison' && nul.index === 1, 'jsonb holds no U+0000')
  })

  test('a table that is not there is waited for, and not made without leave', async () => {
    await using sink = await open('absent', { createTable: false })
    const delivered = await sink.deliver(testEvents(1, 1), never)
    assert.ok(delivered.kind === 'retry')
    assert.match(delivered.reason, /"public.absent" does not exist/)
  })

  test('a client certificate proves the hub in place of a password', async () => {
    const change = { database: 'certified', passwordSecret: undefined, clientCertificate: tls.client.cert, clientKeySecret: 'key' }
    await using sink = await open('events', change, { key: tls.client.key })
    assert.deepEqual(await sink.deliver(testEvents(1, 2), never), { kind: 'ok' })
  })

  for (const [what, change, secrets, mayReach, reason] of [
    ['a server of an unknown authority', { ca: undefined }, { pw: password }, true, /certificate/],
    ['a server of another name', { host: '127.0.0.3' }, { pw: password }, true, /altnames|ECONNREFUSED/],
    ['a wrong password', {}, { pw: 'wrong' }, true, /password authentication failed/],
    ['a secret that is not there', {}, {}, true, /secret pw of this endpoint is not there/],
    ['an address that nobody allowed', {}, { pw: password }, false, /address of localhost is private/],
  ] as const)
    test(`waits: ${what}`, async () => {
      await using sink = await open('events', change, secrets, mayReach)
      const delivered = await sink.deliver(testEvents(1, 1), never)
      assert.ok(delivered.kind === 'retry')
      assert.match(delivered.reason, reason)
      assert.ok(!delivered.reason.includes(password))
    })

  test('a delivery that is given up ends at once, and the endpoint works on', async () => {
    await using sink = await open('events')
    assert.deepEqual(await sink.deliver(testEvents(1, 1), never), { kind: 'ok' })
    const ending = new AbortController()
    const delivering = sink.deliver(testEvents(900, 100), ending.signal)
    ending.abort()
    assert.equal((await delivering).kind, 'retry')
    assert.deepEqual(await sink.deliver(testEvents(900, 100), never), { kind: 'ok' })
    assert.deepEqual(await ask('SELECT count(*)::int AS n FROM events WHERE journal_offset >= 900'), [{ n: 100 }])
  })
})
