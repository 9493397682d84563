import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runCommand } from '../../../test/run-command.ts'
import { render } from '../line.ts'
import { planLines, receiptLine } from './lines.ts'

const folder = mkdtempSync(join(tmpdir(), 'thingwall-policy-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const document = (method: string, tests: string) => `apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthorization
metadata: {name: site-rules}
spec:
  authorizationPolicies:
    rules:
      - principals: {usernames: [historian]}
        brokerResources: [{method: Connect}, {method: ${method}, topics: ["plant/#"]}]
tests: [${tests}]
`
const reads = '{name: it reads, as: {username: historian}, allow: subscribe, topic: "plant/#"}'
const own = '{name: a device keeps its own, as: {device: pump-1}, allow: publish, topic: devices/pump-1/x}'

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const nowhere = ['--data', join(folder, 'no-hub')]

test('policy test needs no hub: 0 when all pass, 1 when one fails and 2 for what is no policy, each problem on its line', async () => {
  const good = await runCommand([...nowhere, 'policy', 'test', file('good.yaml', document('Subscribe', `${reads}, ${own}`))])
  assert.equal(good.code, 0, good.stderr)
  assert.match(good.stdout, /^passes\tsite-rules\/tests\[0\]\tit reads\t/)
  const bad = await runCommand([...nowhere, 'policy', 'test', file('bad.yaml', document('Publish', reads)), '--json'])
  assert.deepEqual([bad.code, JSON.parse(bad.stdout).failed], [1, 1])
  const wrong = await runCommand([...nowhere, 'policy', 'test', file('wrong.yaml', document('Fly', reads))])
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /access\/policy-invalid[\s\S]*line 8, spec\.authorizationPolicies\.rules\[0\]\.brokerResources\[1\]\.method: /)
  assert.equal((await runCommand([...nowhere, 'policy', 'test', join(folder, 'absent.yaml')])).code, 2)
})

test('simulate and explain say what is missing on the line, before any hub is asked', async () => {
  for (const words of [
    ['policy', 'simulate', 'connect'],
    ['policy', 'simulate', 'connect', '--device', 'a', '--username', 'b'],
    ['policy', 'simulate', 'connect', '--username', 'b', '--attribute', 'building'],
    ['policy', 'simulate', 'fly', '--device', 'a'],
    ['policy', 'shrink', '--days', '0'],
    ['explain'],
    ['explain', 'pump-1'],
    ['explain', 'pump-1', 'connect', '--decision', 'ab'],
  ]) {
    const { code, stdout } = await runCommand([...nowhere, ...words])
    assert.deepEqual([code, stdout], [2, ''], words.join(' '))
  }
})

const plan = {
  from: 3,
  documents: [{ name: 'site-rules', change: 'changed' }],
  diff: ['site-rules', '- principals: a\u001b[2J', '+ principals: b'],
  sessions: { judged: 2, closed: 1, losing: 1, gaining: 0 },
  subscriptionsLost: 1,
  publishesLost: 0,
  retainedHidden: 0,
  queuedAtRisk: 5,
  affected: [
    {
      identity: 'pump-1',
      clientId: 'x',
      connected: false,
      closed: true,
      subscriptionsLost: ['plant/#'],
      publishesLost: [],
      rightsLost: ['subscribe plant/#'],
      rightsGained: [],
    },
  ],
  tests: { passed: 1, failed: 0, tests: [] },
}

test('a plan and a receipt read well, and obey no terminal control of a document', () => {
  const text = planLines(plan)
    .map((line) => render(line, false))
    .join('\n')
  assert.match(text, /^site-rules {2}changed$/m)
  assert.match(text, /2 sessions judged: 1 may not connect any more, 1 lose rights, 0 gain rights/)
  assert.match(text, /ends {4}pump-1 \(x\), not connected\n +- subscribe plant\/#\n +subscription ends: plant\/#/)
  assert.match(text, /1 test passed, 0 failed$/)
  assert.ok(!text.includes('\u001b'))
  const effect = { sessionsClosed: 1, subscriptionsRemoved: 2, messagesDropped: 0, retainedHidden: 1 }
  assert.equal(
    render(receiptLine({ version: 4, documents: [], tests: 1, effect, elapsedMs: 41.2 }), false),
    'policy version 4 is in force: closed 1 session, removed 2 subscriptions, dropped 0 messages, hid 1 retained message, in 41 ms',
  )
})
