import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FactKind } from '#journal'
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
  [
    {
      kind: 'twin-changed',
      actor: 'operator:owner',
      replaces: false,
      desired: { interval: 5 },
      desiredVersion: 2,
      twinVersion: 4,
      etag: 'x',
      generation: 'g',
    },
    / set {2}desired \{"interval":5\} {2}version 2 {2}by operator:owner$/,
  ],
  [
    { kind: 'twin-changed', actor: 'system:hub', replaces: false, tags: { a: 1 }, desiredVersion: 2, cause: { kind: 'job', id: 'night' } },
    / set {2}tags \{"a":1\} {2}version 2 {2}by job night$/,
  ],
  [{ kind: 'twin-reported', patch: { t: 1 }, version: 3 }, / reported \{"t":1\} {2}version 3$/],
  [
    { kind: 'method-called', actor: 'operator:owner', method: 'reboot', status: 200, code: null, durationMs: 12 },
    / reboot {2}answered 200 {2}in 12 ms {2}by operator:owner$/,
  ],
  [
    { kind: 'method-called', actor: 'service:b', method: 'reboot', status: null, code: 'hub/device-offline', durationMs: 0 },
    / reboot {2}no answer \(hub\/device-offline\) {2}in 0 ms {2}by service:b$/,
  ],
  [{ kind: 'c2d-completed', messageId: 'm-1', sequenceNumber: 7, deliveryCount: 1 }, / message m-1 taken {2}after 1 try in vain$/],
  [
    { kind: 'c2d-dead-lettered', messageId: null, sequenceNumber: 7, deliveryCount: 0, reason: 'expired' },
    / message number 7 given up {2}expired$/,
  ],
  [
    { kind: 'job-ended', device: undefined, job: 'j', jobType: 'x', status: 'completed', devices: 3, succeeded: 2, failed: 1, canceled: 0 },
    / j completed {2}2 of 3 succeeded {2}1 failed$/,
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

// A kind that is missing here does not compile, and one without words of its own fails.
const kinds: Readonly<Record<Exclude<FactKind, 'telemetry'>, true>> = {
  connected: true,
  'device-attested': true,
  'attestation-refused': true,
  'tpm-clone-suspected': true,
  'attestation-changed': true,
  disconnected: true,
  'connection-settled': true,
  denied: true,
  refused: true,
  'device-created': true,
  'device-changed': true,
  'device-deleted': true,
  'certificate-issued': true,
  revoked: true,
  'session-closed': true,
  'journal-damage': true,
  finding: true,
  subscribed: true,
  unsubscribed: true,
  'messages-dropped': true,
  reconnected: true,
  'clone-suspected': true,
  'theft-suspected': true,
  overloaded: true,
  recovered: true,
  'policy-changed': true,
  'hub-started': true,
  'twin-reported': true,
  'twin-changed': true,
  'model-announced': true,
  'configuration-changed': true,
  'configurations-evaluated': true,
  'configuration-content-applied': true,
  'module-created': true,
  'module-changed': true,
  'module-deleted': true,
  'c2d-enqueued': true,
  'c2d-completed': true,
  'c2d-dead-lettered': true,
  'c2d-purged': true,
  'method-called': true,
  'file-upload-started': true,
  'file-uploaded': true,
  'service-messages-dropped': true,
  'job-started': true,
  'job-device-ended': true,
  'job-ended': true,
  'import-started': true,
  'import-ended': true,
  'routes-changed': true,
  'endpoint-changed': true,
  'egress-failed': true,
  'egress-recovered': true,
  'egress-lost': true,
  'egress-dead-lettered': true,
  'enrollment-code-added': true,
  'enrollment-code-removed': true,
  'est-enrolled': true,
  'acme-account-changed': true,
  'acme-name-proven': true,
  'acme-issued': true,
  'campaign-started': true,
  'campaign-held': true,
  'campaign-resumed': true,
  'campaign-cut-over': true,
  'campaign-ended': true,
  'trust-proven': true,
  'device-registered': true,
  'registration-failed': true,
  'registration-refused': true,
  'enrollment-changed': true,
  'registration-deleted': true,
  'lot-changed': true,
  'lot-reported': true,
  'lot-device-refused': true,
  'service-added': true,
  'service-removed': true,
  'key-store-away': true,
  'key-store-back': true,
  'secret-changed': true,
  'secret-rotated': true,
  'secret-due': true,
  'secret-access-changed': true,
  'certificates-revoked': true,
  'revocation-list-ageing': true,
  'revocation-lists-stuck': true,
  'responder-renewed': true,
}
for (const kind of Object.keys(kinds))
  test(`${kind} is told in words, not as its members`, () => assert.doesNotMatch(line({ kind, unheard: 'of' }), /unheard/))
