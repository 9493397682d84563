import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Facts, judge } from './judge.ts'

const sound: Facts = {
  nodeVersion: 'v26.10.0',
  directory: { path: '/data', exists: true, mode: 0o700 },
  credential: { path: '/data/cli.credential', exists: true, mode: 0o600 },
  disk: { freeBytes: 5e9, totalBytes: 9e9, syncP50Ms: 0.6, syncMaxMs: 4 },
  hub: { url: 'https://localhost:9443', pid: 7, alive: true },
  health: { healthy: true, reasons: [] },
  clockSkewMs: 400,
  clockSynchronised: true,
  ports: [{ name: 'MQTT', host: '127.0.0.1', port: 8883, answers: true, owner: 7 }],
  names: [{ name: 'localhost', addresses: ['127.0.0.1'], covered: true }],
  tpm: 'usable',
  keyReason: { verdict: 'pass', reason: 'the key file is outside the data directory' },
  engine: '/usr/bin/podman',
  issuing: { title: 'pkcs11 token thingwall', state: 'ready', message: undefined },
}

test('a sound machine has nothing to mend', () => {
  assert.deepEqual(
    judge(sound).filter((entry) => entry.verdict !== 'ok'),
    [],
  )
})

// One row a line of the doctor: how it breaks, and which line must say so.
const broken: readonly (readonly [string, Partial<Facts>, string])[] = [
  ['an old Node', { nodeVersion: 'v20.1.0' }, 'node'],
  ['no data directory', { directory: { path: '/x', exists: false, mode: undefined } }, 'data directory'],
  ['a data directory open to others', { directory: { path: '/x', exists: true, mode: 0o755 } }, 'data directory'],
  ['no credential', { credential: { path: '/x', exists: false, mode: undefined } }, 'credential'],
  ['a credential that the group can read', { credential: { path: '/x', exists: true, mode: 0o640 } }, 'credential'],
  ['a disk almost full', { disk: { freeBytes: 1e6, totalBytes: 9e9, syncP50Ms: 1, syncMaxMs: 1 } }, 'disk space'],
  ['no hub', { hub: undefined, health: undefined }, 'hub'],
  ['a hub that cannot be reached', { health: { problem: 'nobody listens', fix: 'start it' } }, 'hub'],
  ['a hub that says it is not ready', { health: { healthy: false, reasons: ['disk full'] } }, 'hub'],
  ['clocks that differ', { clockSkewMs: -60_000 }, 'clock'],
  [
    'a port that does not answer',
    { ports: [{ name: 'MQTT', host: '127.0.0.1', port: 8883, answers: false, owner: undefined }] },
    'port 8883',
  ],
  ['a port that another process owns', { ports: [{ name: 'MQTT', host: '127.0.0.1', port: 8883, answers: true, owner: 99 }] }, 'port 8883'],
  ['a name that does not resolve', { names: [{ name: 'hub.example', addresses: [], covered: true }] }, 'name hub.example'],
  ['a name that the certificate lacks', { names: [{ name: 'hub.example', addresses: ['192.0.2.1'], covered: false }] }, 'name hub.example'],
  ['a token that was pulled', { issuing: { title: 'pkcs11 token thingwall', state: 'away', message: 'no token' } }, 'keys of authorities'],
  ['a key that the check found wanting', { keyReason: { verdict: 'fail', reason: 'the key lies beside the data' } }, 'key at rest'],
]

for (const [what, change, name] of broken)
  test(`finds ${what}, and says why it matters and how to mend it`, () => {
    const failed = judge({ ...sound, ...change }).filter((entry) => entry.verdict === 'fail')
    assert.deepEqual(
      failed.map((entry) => entry.name),
      [name],
    )
    assert.ok(failed.every((entry) => entry.why !== undefined && entry.fix !== undefined))
  })

test('what one can live with is a note', () => {
  const change: Partial<Facts> = {
    disk: { freeBytes: 5e9, totalBytes: 9e9, syncP50Ms: 80, syncMaxMs: 300 },
    clockSynchronised: false,
    tpm: 'absent',
    engine: undefined,
  }
  const notes = judge({ ...sound, ...change }).filter((entry) => entry.verdict !== 'ok')
  assert.deepEqual(
    notes.map((entry) => [entry.name, entry.verdict]),
    [
      ['disk speed', 'note'],
      ['clock source', 'note'],
      ['tpm', 'note'],
      ['container engine', 'note'],
    ],
  )
})
