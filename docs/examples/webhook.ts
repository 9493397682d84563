/*
 * A webhook for the authentication method Custom (docs/authentication.md): users with passwords in a file, without any package.
 *
 *     node webhook.ts add users.json alice group=operators < password.txt
 *     node webhook.ts serve users.json --port 8000 --cert server.pem --key server.key --client-ca hub.pem
 *
 * Passwords are kept as scrypt hashes, each with a salt of its own: 32 MB and a tenth of a second for every guess. Who is unknown takes as long
 * as who is known. Only a hub whose certificate comes from --client-ca is answered. The file is read for each question, so that a change counts
 * at once; connections that are open end when their hour is over.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { parseArgs, promisify } from 'node:util'

type User = { readonly password: string; readonly attributes?: Readonly<Record<string, string>> }

const derive: (password: Buffer, salt: Buffer, bytes: number, options: object) => Promise<Buffer> = promisify(scrypt)
const cost = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 * 1024 }
const passwordBytes = 1024
const bodyBytes = 64 * 1024
const acceptedMs = 3_600_000
/** MQTT 5: bad user name or password; bad authentication method. */
const reasons = { password: 134, method: 140 } as const

async function hashed(password: Buffer): Promise<string> {
  const salt = randomBytes(16)
  return `scrypt-15-8-3:${salt.toString('base64')}:${(await derive(password, salt, 32, cost)).toString('base64')}`
}

async function isRight(password: Buffer, stored: string): Promise<boolean> {
  const [kind, salt = '', hash = ''] = stored.split(':')
  const wanted = Buffer.from(hash, 'base64')
  const got = await derive(password, Buffer.from(salt, 'base64'), 32, cost)
  return kind === 'scrypt-15-8-3' && wanted.length === got.length && timingSafeEqual(wanted, got)
}

function readUsers(file: string): Map<string, User> {
  const users: Record<string, User> = JSON.parse(readFileSync(file, 'utf8'))
  return new Map(Object.entries(users))
}

/** Adds a user, or gives it another password. */
async function add(file: string, name: string, attributes: readonly string[]): Promise<void> {
  const password = Buffer.from((await text(process.stdin)).replace(/\r?\n$/, ''))
  if (password.length < 12 || password.length > passwordBytes) throw new Error(`a password has 12 to ${passwordBytes} bytes`)
  let users = new Map<string, User>()
  try {
    users = readUsers(file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  const pairs = attributes.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
  users.set(name, { password: await hashed(password), attributes: Object.fromEntries(pairs) })
  // Whole or not at all, and for nobody else to read.
  writeFileSync(`${file}.new`, `${JSON.stringify(Object.fromEntries(users), null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

type Answer = { readonly status: number; readonly body: object }

const no = (reason: number, message: string): Answer => ({ status: 403, body: { reason, message } })

/** Everything in the question was said by a stranger. */
async function judge(question: unknown, file: string, nobody: string): Promise<Answer> {
  if (typeof question !== 'object' || question === null) return { status: 400, body: {} }
  const { type, username, password }: { type?: unknown; username?: unknown; password?: unknown } = question
  if (type !== 'connect') return no(reasons.method, 'who wants to stay connects again')
  if (typeof username !== 'string' || typeof password !== 'string') return no(reasons.password, 'user name and password are needed')
  const given = Buffer.from(password, 'base64')
  if (given.length > passwordBytes) return no(reasons.password, 'the password is too long')
  const user = readUsers(file).get(username)
  const right = await isRight(given, user?.password ?? nobody)
  if (user === undefined || !right) return no(reasons.password, 'wrong user name or password')
  return { status: 200, body: { expiry: new Date(Date.now() + acceptedMs).toISOString(), attributes: user.attributes ?? {} } }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request) {
    bytes += part.length
    if (bytes > bodyBytes) throw new Error('the question is too long')
    parts.push(part)
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8'))
}

async function answerTo(request: IncomingMessage, file: string, nobody: string): Promise<Answer> {
  const { searchParams } = new URL(request.url ?? '/', 'https://localhost')
  if (request.method !== 'POST') return { status: 405, body: {} }
  if (searchParams.get('api-version') !== '0.5.0') return { status: 422, body: { supportedVersions: ['0.5.0'] } }
  return judge(await readBody(request), file, nobody)
}

/** Serves until it is told to end. */
async function serve(file: string, port: number, cert: string, key: string, clientCa: string): Promise<void> {
  readUsers(file)
  const nobody = await hashed(randomBytes(32))
  const tls = { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(clientCa), minVersion: 'TLSv1.2' } as const
  const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true, requestTimeout: 5_000 }, (request, response) => {
    answerTo(request, file, nobody)
      .catch((error: unknown): Answer => {
        // The name alone: what JSON.parse says of a body repeats a piece of it, and passwords are in there.
        process.stderr.write(`a question was not answered: ${error instanceof Error ? error.name : 'unknown'}\n`)
        return { status: 500, body: {} }
      })
      .then((answer) => send(response, answer))
      .catch(() => response.destroy())
  })
  server.listen(port, () => process.stdout.write('ready\n'))
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: 'string', default: '8000' },
    cert: { type: 'string', default: '' },
    key: { type: 'string', default: '' },
    'client-ca': { type: 'string', default: '' },
  },
})
const [what, file = '', name = '', ...attributes] = positionals
if (what === 'add' && name !== '') await add(file, name, attributes)
else if (what === 'serve') await serve(file, Number(values.port), values.cert, values.key, values['client-ca'])
else {
  process.stderr.write(
    'usage: webhook.ts add FILE NAME [ATTRIBUTE=VALUE...] | serve FILE --port N --cert FILE --key FILE --client-ca FILE\n',
  )
  process.exitCode = 2
}
