import assert from 'node:assert/strict'
import { test } from 'node:test'
import { render } from '../line.ts'
import { widthOf } from '../table.ts'
import { factCells, factLine } from './fact-line.ts'

const fact = (members: object) =>
  new Map<string, unknown>(Object.entries({ offset: 7, time: '2026-01-01T10:00:00.000Z', device: 'pump-1', ...members }))
const line = (members: object, columns = 200) => render(factLine(fact(members), columns), false)

const rows: readonly (readonly [object, RegExp])[] = [
  [
    { kind: 'telemetry', topic: 't', properties: { alert: 'hot' }, system: {}, body: '{"t":1}' },
    /^10:00:00.000 telemetry {6}pump-1 {11}\{"t":1\} {2}alert=hot$/,
  ],
  [{ kind: 'telemetry', topic: 't', properties: {}, system: {}, bodyBase64: 'AAECAw==' }, / 4 bytes$/],
  [
    { kind: 'connected', clientId: 'pump-1', transport: 'mqtts', mqttVersion: 4, tls: { version: 'TLSv1.3' }, address: '192.0.2.1' },
    / mqtts MQTT 3.1.1 {2}TLSv1.3 {2}from 192.0.2.1$/,
  ],
  [
    { kind: 'connected', clientId: 'other', transport: 'wss', mqttVersion: 5, tls: { version: 'TLSv1.2' }, address: '::1' },
    / wss MQTT 5 {2}TLSv1.2 {2}from ::1 {2}client other$/,
  ],
  [{ kind: 'disconnected', clientId: 'pump-1', reason: 'revoked', durationMs: 2500 }, / revoked {2}after 2.5 s$/],
  [{ kind: 'denied', action: 'publish', topic: 'a/b', rule: null, code: 'x', count: 3 }, / publish a\/b {2}no rule allows it {2}3 times$/],
  [{ kind: 'denied', action: 'connect', topic: '', rule: null, decision: 'ab-1' }, / connect +no rule allows it {2}decision ab-1$/],
  [
    { kind: 'subscribed', clientId: 'pump-1', filters: ['a/#', 'b'], options: [1, 1], identifiers: [0, 0] },
    / subscribed +pump-1 +a\/#, b$/,
  ],
  [{ kind: 'unsubscribed', clientId: 'c', filters: ['b'] }, / b {2}client c$/],
  [{ kind: 'messages-dropped', clientId: 'pump-1', reason: 'queue-full', count: 4 }, / 4 messages {2}queue-full$/],
  [
    {
      kind: 'policy-changed',
      device: undefined,
      actor: 'operator:local',
      action: 'apply',
      names: ['site-rules'],
      version: 3,
      digest: 'x',
      effect: { sessionsClosed: 2, subscriptionsRemoved: 0, messagesDropped: 1, retainedHidden: 0 },
    },
    / applied site-rules {2}version 3 {2}2 sessions closed {2}1 messages dropped {2}by operator:local$/,
  ],
  [
    { kind: 'refused', device: undefined, code: 'gateway/x', message: 'No.', address: '::1', listener: 'mqtt' },
    / - {16}No. {2}\(gateway\/x\) {2}from ::1 {2}on mqtt$/,
  ],
  [
    { kind: 'session-closed', closed: 3, sessions: 3, durationMs: 40.7, reason: 'revoked', actor: 'operator:owner' },
    / closed 3 of 3 in 41 ms {2}revoked {2}by operator:owner$/,
  ],
  [{ kind: 'new-in-a-later-release', some: 'thing', many: [1] }, / some=thing {2}many=\[1\]$/],
]
for (const [members, wanted] of rows)
  test(`a person reads ${JSON.stringify(members).slice(0, 60)} as one short line`, () => assert.match(line(members), wanted))

test('a line never takes more than the terminal has', () => {
  assert.ok(widthOf(line({ kind: 'telemetry', body: '温'.repeat(500) }, 90)) < 90)
})

test('a program gets everything, one cell each, the columns always the same', () => {
  const cells = factCells(fact({ kind: 'denied', topic: 'a/b', rule: null, code: 'access/x', clientId: 'c' }))
  assert.deepEqual(cells, ['7', '2026-01-01T10:00:00.000Z', 'denied', 'pump-1', 'a/b', 'code=access/x  clientId=c'])
})
