import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Result, fail, instant, ok } from '#base'
import type { Credentials, Refused } from '../authenticate.ts'
import type { Principal } from '../principal.ts'
import { authenticateBy, reauthenticateBy } from './authentication.ts'
import { type MethodName, principalOf, refuseCredentials } from './identity.ts'
import type { Method, Outcome } from './method.ts'

const now = instant(0)
const credentials: Credentials = {
  clientId: 'c1',
  userName: 'alice',
  password: undefined,
  authenticationMethod: undefined,
  authenticationData: undefined,
  mqttVersion: 5,
  peerAddress: '192.0.2.1',
  certificates: [],
}

const principal = (method: MethodName, username: string): Principal => {
  const made = principalOf(method, { username, attributes: new Map(), expiresAt: undefined }, credentials)
  assert.ok(made.ok)
  return made.value
}
const yes = (name: MethodName, username: string): Outcome => ({ kind: 'valid', principal: principal(name, username) })
const no = (code: string): Outcome => ({ kind: 'invalid', refused: refuseCredentials(code, 'No.').error })
const away: Outcome = { kind: 'unavailable', refused: refuseCredentials('access/custom-unavailable', 'No.').error }

/** A method with a fixed mind; asynchronous ones answer a turn later. */
const method = (name: MethodName, relevant: boolean, outcome: Outcome, asynchronous = false): Method => ({
  name,
  isRelevant: () => relevant,
  verify: () => (asynchronous ? Promise.resolve(outcome) : outcome),
  reauthenticate: async () => outcome,
})
const silent = () => undefined
const said = async (answer: ReturnType<typeof authenticateBy>) => {
  const result = await answer
  return result.ok ? result.value.device : result.error.code
}

const flows: readonly (readonly [string, readonly Method[], string])[] = [
  ['nothing at all', [], 'access/no-certificate'],
  ['the first relevant one accepts', [method('X509', true, yes('X509', 'a')), method('Custom', true, yes('Custom', 'b'))], 'x509:a'],
  [
    'what is not relevant is passed over',
    [method('X509', false, yes('X509', 'a')), method('Custom', true, yes('Custom', 'b'), true)],
    'custom:b',
  ],
  [
    'relevant and invalid stops: later ones are not asked',
    [method('X509', true, no('pki/expired')), method('Custom', true, yes('Custom', 'b'))],
    'pki/expired',
  ],
  ['a webhook that is away is passed over', [method('Custom', true, away, true), method('X509', true, yes('X509', 'a'))], 'x509:a'],
  ['two that are away, and nobody else', [method('Custom', true, away, true), method('Custom', true, away)], 'access/custom-unavailable'],
  [
    'a webhook that denies after one that is away',
    [method('Custom', true, away, true), method('Custom', true, no('access/custom-denied'), true)],
    'access/custom-denied',
  ],
]
for (const [name, methods, expected] of flows)
  test(`flow: ${name} -> ${expected} (edge.md 1.5)`, async () =>
    assert.equal(await said(authenticateBy(silent, methods, credentials, now)), expected))

test('what speaks of a registered device is judged by the registry alone', async () => {
  const refused: Result<Principal, Refused> = fail(refuseCredentials('access/disabled', 'No.').error)
  const lenient = [method('Custom', true, yes('Custom', 'anybody'))]
  assert.equal(await said(authenticateBy(() => refused, lenient, credentials, now)), 'access/disabled')
  assert.equal(
    await said(authenticateBy(() => ok(principal('X509', 'stands for a device')), lenient, credentials, now)),
    'x509:stands%20for%20a%20device',
  )
})

test('without methods that ask others everything is decided in the same turn', () => {
  assert.ok(!(authenticateBy(silent, [method('X509', true, yes('X509', 'a'))], credentials, now) instanceof Promise))
})

test('an Authentication Method that nobody here speaks is 0x8C, and devices of the registry have none (edge.md 1.5)', async () => {
  const asks = { ...credentials, authenticationMethod: 'SCRAM-SHA-1' }
  const registered = () => ok(principal('X509', 'never asked'))
  for (const methods of [
    [],
    [method('X509', true, yes('X509', 'a'))],
    [method('ServiceAccountToken', true, yes('ServiceAccountToken', 'a'))],
  ]) {
    const answer = await authenticateBy(registered, methods, asks, now)
    assert.ok(!answer.ok && answer.error.code === 'access/bad-authentication-method')
    assert.equal(answer.error.reasonCode, 0x8c)
  }
  assert.equal(await said(authenticateBy(registered, [method('Custom', true, yes('Custom', 'a'))], asks, now)), 'custom:a')
  const token = { ...credentials, authenticationMethod: 'K8S-SAT' }
  assert.equal(
    await said(authenticateBy(registered, [method('ServiceAccountToken', true, yes('ServiceAccountToken', 'a'))], token, now)),
    'sat:a',
  )
})

const again = (methods: readonly Method[], who: Principal, name: string) => reauthenticateBy(methods, who, name, Buffer.from('x'), now)

test('authenticating again replaces the principal only under the same name (edge.md 1.9)', async () => {
  const alice = principal('ServiceAccountToken', 'alice')
  const same = await again([method('ServiceAccountToken', true, yes('ServiceAccountToken', 'alice'))], alice, 'K8S-SAT')
  assert.ok(same.kind === 'ok' && same.principal.device === alice.device)
  const other = await again([method('ServiceAccountToken', true, yes('ServiceAccountToken', 'mallory'))], alice, 'K8S-SAT')
  assert.ok(other.kind === 'no' && other.refusal.code === 'access/reauthentication-name' && !other.protocolError)
  const denied = await again([method('ServiceAccountToken', true, no('access/token-expired'))], alice, 'K8S-SAT')
  assert.ok(denied.kind === 'no' && denied.refusal.code === 'access/token-expired' && !denied.protocolError)
  assert.equal((await again([method('Custom', true, away)], principal('Custom', 'alice'), 'otp')).kind, 'later')
})

test('a changed method, and a certificate that wants to be shown again, are protocol errors (edge.md 1.9)', async () => {
  const tokens = [method('ServiceAccountToken', true, yes('ServiceAccountToken', 'alice'))]
  const changed = await again(tokens, principal('ServiceAccountToken', 'alice'), 'SCRAM')
  assert.ok(changed.kind === 'no' && changed.protocolError)
  const certificate = await again(tokens, principal('X509', 'alice'), 'K8S-SAT')
  assert.ok(certificate.kind === 'no' && certificate.protocolError)
  const gone = await again([], principal('Custom', 'alice'), 'otp')
  assert.ok(gone.kind === 'no' && !gone.protocolError)
})
