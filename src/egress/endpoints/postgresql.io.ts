import { Socket } from 'node:net'
import type { Client } from 'pg'
import type { EndpointKind, EndpointPorts } from '../endpoint.ts'
import { ClientSink, type ClientWays, findPoison } from './client-sink.ts'
import { type PostgresqlSettings, createStatement, insertArguments, insertStatement, isRowsFault, parsePostgresql } from './postgresql.ts'
import { assertReach } from './reach.io.ts'
import { secretText, tlsOptions } from './tls-settings.ts'

type Held = { readonly client: Client; readonly socket: Socket; isOpen: boolean }

const connectTimeoutMs = 10_000
const statementTimeoutMs = 30_000

/** Endpoints that are tables of PostgreSQL. A row is known by endpoint and offset, so an event is there once however often it is delivered. */
export const postgresqlKind: EndpointKind<PostgresqlSettings> = {
  kind: 'postgresql',
  parse: parsePostgresql,
  batch: { events: 1_000, bytes: 4 * 1024 * 1024, lingerMs: 200 },
  async open(name, settings, ports) {
    const insert = insertStatement(settings)
    const ways: ClientWays<Held> = {
      connect: () => connectTo(settings, ports),
      isUsable: ({ isOpen }) => isOpen,
      deliver: ({ client }, batch) =>
        findPoison(batch, async (part) => {
          try {
            await client.query(insert, [...insertArguments(name, part)])
            return undefined
          } catch (error) {
            if (error instanceof Error && isRowsFault(codeOf(error))) return error.message
            throw error
          }
        }),
      close: ({ client }) => client.end(),
      destroy: ({ socket }) => socket.destroy(),
    }
    return new ClientSink(ways, ports.clock)
  },
}

async function connectTo(settings: PostgresqlSettings, ports: EndpointPorts): Promise<Held> {
  const { host, port, database, user, passwordSecret } = settings
  await assertReach(host, ports)
  const { default: pg } = await import('pg')
  const socket = new Socket()
  const client = new pg.Client({
    host,
    port,
    database,
    user,
    ...(passwordSecret === undefined ? {} : { password: secretText(passwordSecret, ports) }),
    // Without `host` the certificate of a server that is named by its address would be compared with another name.
    ssl: { ...tlsOptions(settings, ports), host },
    stream: () => socket,
    enableChannelBinding: true,
    application_name: 'thingwall',
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 5_000,
    keepAlive: true,
  })
  const held: Held = { client, socket, isOpen: true }
  client.on('error', () => (held.isOpen = false))
  client.on('end', () => (held.isOpen = false))
  try {
    await client.connect()
    if (settings.createTable) await client.query(createStatement(settings))
  } catch (error) {
    socket.destroy()
    throw error
  }
  return held
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
