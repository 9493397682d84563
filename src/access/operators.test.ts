import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { actions } from '#base'
import { FakeClock } from '../../test/fake-clock.ts'
import { SeededRandom } from '../../test/seeded-random.ts'
import { authorize, mintCaller, systemGrant } from './grant.ts'
import { failedSignIns } from './operator-attempts.ts'
import type { AppendAudit } from './operator-ports.ts'
import { isCsrfOf, sessionIdleMs, sessionMs } from './operator-session.ts'
import { signInLinkMs } from './operator-token.ts'
import { openOperators } from './operators.ts'

const link = systemGrant('operator.sign-in', 'operator:owner')

function open() {
  const clock = new FakeClock()
  const written: (readonly [string, string, unknown])[] = []
  const log = { broken: false }
  const append: AppendAudit = async (grant, what) => {
    if (log.broken) throw new Error('the disk is full')
    written.push([`${grant.actor.kind}:${grant.actor.id}`, what.action, what.outcome ?? 'done'])
  }
  return { operators: openOperators({ clock, random: new SeededRandom(7), append }), clock, written, log }
}

async function signedIn() {
  const all = open()
  const { token } = await all.operators.issueLink(link)
  const signed = await all.operators.signIn(token, '127.0.0.1')
  assert.ok(signed.ok)
  return { ...all, ...signed.value, token }
}

const codeOf = (result: { ok: true } | { ok: false; error: { code: string } }) => (result.ok ? 'ok' : result.error.code)

test('a link signs in once; its replay is told as such and audited', async () => {
  const { operators, token, written, cookie } = await signedIn()
  assert.equal(operators.session(cookie, true)?.caller.actor.id, 'owner')
  assert.equal(codeOf(await operators.signIn(token, '127.0.0.1')), 'access/link-used')
  assert.deepEqual(written, [
    ['system:hub', 'operator.link-issued', 'done'],
    ['operator:owner', 'operator.sign-in', 'done'],
    ['system:hub', 'operator.sign-in', 'refused'],
  ])
})

test('of two who use one link at the same moment, one gets in', async () => {
  const { operators } = open()
  const { token } = await operators.issueLink(link)
  const both = await Promise.all([operators.signIn(token, 'a'), operators.signIn(token, 'b')])
  assert.deepEqual(both.map(codeOf), ['ok', 'access/link-used'])
})

test('a link ends after 15 minutes, even when the host sets its clock back', async () => {
  const { operators, clock } = open()
  const { token, expiresAt } = await operators.issueLink(link)
  assert.equal(expiresAt - clock.now(), signInLinkMs)
  clock.advance(signInLinkMs)
  clock.jump(0)
  assert.equal(codeOf(await operators.signIn(token, '127.0.0.1')), 'access/link-expired')
  assert.equal(codeOf(await operators.signIn(token, '127.0.0.1')), 'access/link-unknown')
})

test('only the newest sixteen links wait', async () => {
  const { operators } = open()
  const first = await operators.issueLink(link)
  for (let i = 0; i < 16; i++) await operators.issueLink(link)
  assert.equal(codeOf(await operators.signIn(first.token, '127.0.0.1')), 'access/link-unknown')
})

test('guessing is stopped by address and in all, and a minute later the owner gets in', async () => {
  const { operators, clock } = open()
  const { token } = await operators.issueLink(link)
  for (let i = 0; i < failedSignIns.perAddress; i++)
    assert.equal(codeOf(await operators.signIn(`guess${i}`, '10.0.0.1')), 'access/link-unknown')
  assert.equal(codeOf(await operators.signIn(token, '10.0.0.1')), 'access/too-many-attempts')
  for (let i = 0; i < failedSignIns.together - failedSignIns.perAddress; i++) await operators.signIn('guess', `10.1.0.${i}`)
  assert.equal(codeOf(await operators.signIn(token, '10.0.0.2')), 'access/too-many-attempts')
  clock.advance(60_000)
  assert.equal(codeOf(await operators.signIn(token, '10.0.0.1')), 'ok')
})

test('the addresses of one IPv6 /64 count as one', async () => {
  const { operators } = open()
  for (let i = 0; i < failedSignIns.perAddress; i++) await operators.signIn('guess', `2001:db8:1:2::${i}`)
  assert.equal(codeOf(await operators.signIn('guess', '2001:db8:1:2::ffff')), 'access/too-many-attempts')
  assert.equal(codeOf(await operators.signIn('guess', '2001:db8:1:3::1')), 'access/link-unknown')
})

test('nobody is signed in when the audit log cannot be written', async () => {
  const { operators, log } = open()
  const { token } = await operators.issueLink(link)
  log.broken = true
  await assert.rejects(operators.signIn(token, '127.0.0.1'), /disk is full/)
  log.broken = false
  assert.equal(codeOf(await operators.signIn(token, '127.0.0.1')), 'access/link-used')
})

test('a session ends after an hour without a request, and after eight hours with them', async () => {
  const idle = await signedIn()
  idle.clock.advance(sessionIdleMs - 1)
  assert.notEqual(idle.operators.session(idle.cookie, false), undefined)
  idle.clock.advance(1)
  assert.equal(idle.operators.session(idle.cookie, true), undefined)
  const busy = await signedIn()
  for (let t = 0; t < sessionMs - 60_000; t += 60_000) {
    busy.clock.advance(60_000)
    assert.notEqual(busy.operators.session(busy.cookie, true), undefined)
  }
  busy.clock.advance(60_000)
  busy.clock.jump(0)
  assert.equal(busy.operators.session(busy.cookie, true), undefined)
})

test('signing out ends the session and is audited', async () => {
  const { operators, cookie, written } = await signedIn()
  await operators.signOut(cookie)
  assert.equal(operators.session(cookie, true), undefined)
  assert.deepEqual(written.at(-1), ['operator:owner', 'operator.sign-out', 'done'])
})

test('the anti-forgery token of one session is not that of another, nor a prefix', async () => {
  const { operators, session } = await signedIn()
  const { token } = await operators.issueLink(link)
  const other = await operators.signIn(token, '127.0.0.1')
  assert.ok(other.ok)
  assert.equal(isCsrfOf(session, session.csrf), true)
  for (const wrong of ['', session.csrf.slice(0, -1), `${session.csrf}A`, other.value.session.csrf])
    assert.equal(isCsrfOf(session, wrong), false)
})

test('the local credential works on this machine only, is new at each start, and never prints', () => {
  const { operators } = open()
  const credential = operators.localCredential.use((bytes) => bytes.toString())
  assert.match(credential, /^[A-Za-z0-9_-]{43}$/)
  const caller = operators.local(credential, true)
  assert.equal(caller.ok && caller.value.actor.via, 'local-credential')
  assert.equal(codeOf(operators.local(credential, false)), 'access/not-local')
  assert.equal(codeOf(operators.local(`${credential}A`, true)), 'access/credential-refused')
  assert.equal(codeOf(operators.local('', true)), 'access/credential-refused')
  assert.equal(inspect(operators).includes(credential), false)
})

test('authorization denies unless a right says so', () => {
  const actor = { kind: 'operator', id: 'x', via: 'session' } as const
  const reader = mintCaller(actor, new Set(['device.read'] as const))
  const nobody = mintCaller(actor, new Set())
  for (const action of actions) {
    assert.equal(codeOf(authorize(undefined, action, 'r')), 'access/not-signed-in')
    assert.equal(codeOf(authorize(nobody, action, 'r')), 'access/denied')
    assert.equal(codeOf(authorize(reader, action, 'r')), action === 'device.read' ? 'ok' : 'access/denied')
  }
  const granted = authorize(reader, 'device.read', 'device:a')
  assert.deepEqual(granted.ok && granted.value, { actor, action: 'device.read', resource: 'device:a' })
  assert.throws(() => granted.ok && Object.assign(granted.value, { action: 'hub.administer' }), TypeError)
})
