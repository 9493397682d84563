import { type Refusal, type Result, Fault, never, ok, refuse } from '#base'
import type { WebAnswer, WebRequest, WebSite } from '#wire/web'
import type { AcmeAccounts } from './accounts.ts'
import { type Signed, objectOf, readCall } from './call.ts'
import { finalize } from './finalize.ts'
import { acmeLimits } from './limits.ts'
import type { Looks } from './looks.ts'
import { memberOf, readIdentifiers } from './names.ts'
import type { Nonces } from './nonces.ts'
import { type Asked, acmePrefix, admit, readPath } from './operation.ts'
import type { AcmeOrders, OrderNow } from './orders.ts'
import type { AcmePorts } from './ports.ts'
import { problemKindOf, problemOf } from './problem.ts'
import { change, changeKey, register } from './register.ts'
import { revoke } from './revoke.ts'
import type { Account, Authorization } from './rows.ts'
import { type AuthorizationState, stepAuthorization, stepOrder } from './states.ts'
import { accountView, authorizationView, challengeUrl, challengeView, directoryView, methodsFor, orderView, urlOf } from './views.ts'

/*
 * Automatic Certificate Management Environment (RFC 8555, with RFC 8737 and RFC 8738). The order of things: the path and the method; the host by which the
 * client calls, of which URLs are made; the signature, by which key, and whether that one may; and only then what is asked.
 */

/** The parts of ACME. */
export type AcmeParts = {
  readonly ports: AcmePorts
  readonly accounts: AcmeAccounts
  readonly orders: AcmeOrders
  readonly looks: Looks
  readonly nonces: Nonces
}

type Call = AcmeParts & { readonly base: string; readonly asked: Asked; readonly signed: Signed; readonly request: WebRequest }
type Answered = Promise<Result<WebAnswer>>

/** Opens ACME on the HTTPS listener. */
export function acmeSite(parts: AcmeParts): WebSite {
  return {
    name: 'acme',
    serves: (path) => path.startsWith(acmePrefix),
    maxBodyBytes: (method, path) => (method === 'POST' && readPath(path) !== undefined ? acmeLimits.bodyBytes : 0),
    async answer(request) {
      try {
        return await answer(request, parts)
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'pki/key-unavailable') throw error
        const away = problem(
          { code: 'pki/acme-trouble', message: 'The key of the issuer is not at hand now.' },
          parts,
          baseOf(request, parts),
        )
        return { ...away, status: 503, headers: { ...away.headers, 'retry-after': '30' } }
      }
    },
  }
}

async function answer(request: WebRequest, parts: AcmeParts): Promise<WebAnswer> {
  const base = baseOf(request, parts)
  if (base === undefined)
    return problem({ code: 'pki/acme-host', message: 'This hub has another name. Call it by one of its own.' }, parts, base)
  const asked = readPath(request.path)
  if (asked === undefined) return problem({ code: 'pki/acme-not-found', message: 'There is nothing here.' }, parts, base)
  const { method } = request
  const isOpen = asked.operation === 'directory' || asked.operation === 'new-nonce'
  if (isOpen ? method !== 'GET' && method !== 'HEAD' && method !== 'POST' : method !== 'POST') {
    const refused = problem({ code: 'pki/acme-method', message: `This wants ${isOpen ? 'GET' : 'POST'}.` }, parts, base)
    return { ...refused, headers: { ...refused.headers, allow: isOpen ? 'GET, HEAD, POST' : 'POST' } }
  }
  if (isOpen && method !== 'POST') return open(asked, method, base, parts)
  const { proof, signed } = await readCall(request, base + request.path, parts.accounts, parts.nonces)
  const admitted = admit(asked.operation, proof)
  if (proof.kind === 'bad' && isOpen) return told(request, parts, base, proof.error)
  if (!admitted.ok) return told(request, parts, base, admitted.error)
  if (isOpen) return open(asked, method, base, parts)
  if (signed === undefined) throw new Error('bug: admitted without a signature')
  const done = await perform({ ...parts, base, asked, signed, request })
  if (!done.ok) return told(request, parts, base, done.error)
  return { ...done.value, headers: { ...always(parts, base), ...done.value.headers } }
}

/** What anybody may have (sections 7.1.1 and 7.2). */
function open({ operation }: Asked, method: string, base: string, parts: AcmeParts): WebAnswer {
  if (operation === 'new-nonce') return { status: method === 'GET' ? 204 : 200, headers: always(parts, base) }
  return json(200, directoryView(base))
}

async function perform(call: Call): Answered {
  const { asked, signed, base, accounts } = call
  switch (asked.operation) {
    case 'new-account': {
      const done = await register(signed, accounts)
      return done.ok ? ok(accountAnswer(base, done.value.account, done.value.isNew ? 201 : 200)) : done
    }
    case 'revoke-cert': {
      const done = await revoke(signed, call.ports, call.orders)
      return done.ok ? ok({ status: 200 }) : done
    }
    case 'key-change': {
      const done = await changeKey(signed, urlOf(base, 'account', ownerOf(call).record.id), accounts)
      return done.ok ? ok(accountAnswer(base, done.value, 200)) : done
    }
    case 'account': {
      const account = ownerOf(call)
      if (asked.id !== account.record.id) return notYours()
      if (signed.payload.length === 0) return ok(accountAnswer(base, account, 200))
      const done = await change(account, signed.payload, accounts)
      return done.ok ? ok(accountAnswer(base, done.value, 200)) : done
    }
    case 'orders': {
      const { id } = ownerOf(call).record
      if (asked.id !== id) return notYours()
      return ok(json(200, { orders: (await call.orders.list(id)).map((order) => urlOf(base, 'order', order)) }))
    }
    case 'new-order':
      return newOrder(call)
    case 'order':
    case 'finalize':
    case 'certificate':
      return onOrder(call, asked.operation)
    case 'authorization':
    case 'challenge':
      return onAuthorization(call)
    case 'directory':
    case 'new-nonce':
      throw new Error('bug: this is open')
    default:
      return never(asked.operation)
  }
}

async function newOrder(call: Call): Answered {
  const payload = objectOf(call.signed.payload)
  if (!payload.ok) return payload
  if (memberOf(payload.value, 'notBefore') !== undefined || memberOf(payload.value, 'notAfter') !== undefined)
    return refuse('pki/acme-order-malformed', 'The hub says how long certificates live; ask without notBefore and notAfter.')
  const identifiers = readIdentifiers(memberOf(payload.value, 'identifiers'))
  if (!identifiers.ok) return identifiers
  const made = await call.orders.create(ownerOf(call).record, identifiers.value)
  return made.ok ? ok(orderAnswer(call.base, made.value, 201)) : made
}

async function onOrder(call: Call, operation: 'order' | 'finalize' | 'certificate'): Answered {
  const { asked, orders, signed, base, ports, request } = call
  const account = ownerOf(call)
  const found = await orders.find(account.record.id, asked.id)
  if (found === undefined) return notYours()
  const may = stepOrder(operation === 'order' ? 'show' : operation === 'certificate' ? 'download' : 'finalize', found.state)
  if (!may.ok) return may
  if (operation === 'certificate') {
    const { certificatePem } = found.order
    if (certificatePem === undefined) throw new Error('bug: a valid order without its certificate')
    return ok({ status: 200, headers: { 'content-type': 'application/pem-certificate-chain' }, body: certificatePem })
  }
  if (operation === 'order') return ok(orderAnswer(base, found, 200))
  const payload = objectOf(signed.payload)
  const csr = payload.ok ? memberOf(payload.value, 'csr') : undefined
  if (typeof csr !== 'string') return refuse('pki/acme-malformed', 'The payload has no signing request.')
  const done = await finalize(account, found.order, Buffer.from(csr, 'base64url'), ports, orders, request.peer.address)
  if (!done.ok) return done
  const now = await orders.find(account.record.id, asked.id)
  return now === undefined ? notYours() : ok(orderAnswer(base, now, 200))
}

async function onAuthorization(call: Call): Answered {
  const { asked, orders, signed, base, looks, ports } = call
  const account = ownerOf(call)
  const found = await orders.authorization(account.record.id, asked.id)
  if (found === undefined) return notYours()
  const { authorization, state } = found
  const methods = methodsFor(authorization, ports.methods)
  if (asked.operation === 'authorization') {
    if (signed.payload.length > 0) {
      const payload = objectOf(signed.payload)
      if (!payload.ok) return payload
      if (memberOf(payload.value, 'status') !== 'deactivated')
        return refuse('pki/acme-malformed', 'An authorization can become deactivated, nothing else.')
      const may = stepAuthorization('deactivate', state)
      if (!may.ok) return may
      if (may.value === 'go') await orders.deactivate(authorization.id)
    }
    return shown(call, authorization.id)
  }
  const method = methods.find((one) => one === asked.method)
  if (method === undefined) return refuse('pki/acme-not-found', 'There is no such challenge.')
  if (signed.payload.length > 0) {
    const may = stepAuthorization('respond', state)
    if (!may.ok) return may
    if (may.value === 'go' && !looks.begin(account, authorization, method))
      return refuse('pki/acme-too-often', 'The hub looks at too many names now. Try again later.')
  }
  const link = `<${base}${acmePrefix}directory>;rel="index", <${urlOf(base, 'authorization', authorization.id)}>;rel="up"`
  const view = challengeView(base, { authorization, state, methods, isLooking: looks.has(authorization.id) }, method)
  return ok(json(200, view, { link, location: challengeUrl(base, authorization, method), 'retry-after': '1' }))
}

async function shown({ orders, looks, ports, base, signed }: Call, id: string): Answered {
  const found: { readonly authorization: Authorization; readonly state: AuthorizationState } | undefined =
    signed.account === undefined ? undefined : await orders.authorization(signed.account.record.id, id)
  if (found === undefined) return notYours()
  const isLooking = looks.has(id)
  const view = authorizationView(base, { ...found, methods: methodsFor(found.authorization, ports.methods), isLooking })
  return ok(json(200, view, isLooking ? { 'retry-after': '1' } : {}))
}

function ownerOf({ signed }: Call): Account {
  if (signed.account === undefined) throw new Error('bug: admitted without an account')
  return signed.account
}

/** What is another's is not there. */
function notYours(): Result<never> {
  return refuse('pki/acme-not-found', 'There is nothing here.')
}

function accountAnswer(base: string, { record }: Account, status: number): WebAnswer {
  return json(status, accountView(base, record), { location: urlOf(base, 'account', record.id) })
}

function orderAnswer(base: string, now: OrderNow, status: number): WebAnswer {
  return json(status, orderView(base, now), { location: urlOf(base, 'order', now.order.id) })
}

function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): WebAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }
}

/** What every answer to a signed request has (sections 6.5 and 7.1). */
function always({ nonces }: AcmeParts, base: string): Readonly<Record<string, string>> {
  return { 'replay-nonce': nonces.make(), 'cache-control': 'no-store', link: `<${base}${acmePrefix}directory>;rel="index"` }
}

function problem(refusal: Refusal, parts: AcmeParts, base: string | undefined): WebAnswer {
  const headers = {
    ...(base === undefined ? {} : always(parts, base)),
    'content-type': 'application/problem+json',
    ...(refusal.code === 'pki/acme-too-often' ? { 'retry-after': '3600' } : {}),
  }
  return { status: problemKindOf(refusal.code).status, headers, body: JSON.stringify(problemOf(refusal)) }
}

/** The problem for the peer, and a fact for whoever watches, unless that is how clients begin. */
function told({ peer, path }: WebRequest, parts: AcmeParts, base: string, error: Refusal): WebAnswer {
  const { tell, clock } = parts.ports
  const { code, message } = error
  if (code !== 'pki/acme-bad-nonce' && code !== 'pki/acme-no-account')
    tell({
      kind: 'refused',
      time: clock.now(),
      code,
      message: `${message} (ACME ${path.slice(0, 64)})`,
      address: peer.address,
      listener: 'https',
    })
  return problem(error, parts, base)
}

const hostForm = /^(?<name>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/

/** `https://host` as the client called it, when that is us. */
function baseOf({ headers }: WebRequest, { ports }: AcmeParts): string | undefined {
  const host = (headers['host'] ?? '').toLowerCase()
  const name = hostForm.exec(host)?.groups?.['name']?.replace(/^\[|\]$/g, '')
  return name !== undefined && ports.hosts.includes(name) ? `https://${host}` : undefined
}
