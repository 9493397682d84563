import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '#base'
import { type Fact, type JournalState, decodeRecord, encodeFact, encodeTelemetry } from '#journal'
import { FakeClock } from '../../test/fake-clock.ts'
import { HeldJournal } from '../../test/held-journal.ts'
import { replayRecent, tellDamage } from './journal-followers.ts'

class HurtJournal extends HeldJournal {
  hurt: Pick<JournalState, 'damage' | 'damageFound'> = { damage: [], damageFound: 0 }
  override state(): JournalState {
    const zero = {
      segments: 0,
      bytes: 0,
      flushes: 0,
      flushP50Ms: 0,
      flushP99Ms: 0,
      failures: 0,
      refused: 0,
      droppedRecords: 0,
      droppedSegments: 0,
    }
    return { kind: 'open', ...zero, ...this.hurt }
  }
}

const kinds = (journal: HeldJournal) =>
  journal.records.map((bytes) => decodeRecord(bytes)).map((fact) => (fact.ok ? fact.value.kind : 'broken'))

test('damage of the journal becomes facts: what is there at the start, and each new one once', () => {
  const clock = new FakeClock()
  const journal = new HurtJournal()
  const one = { segment: 'a', first: 1, last: 2, reason: 'checksum' }
  journal.hurt = { damage: [one], damageFound: 1 }
  const warned: string[] = []
  tellDamage(journal, clock, (message) => void warned.push(message))
  clock.advance(60_000)
  journal.hurt = { damage: [one, { ...one, segment: 'b' }], damageFound: 2 }
  clock.advance(180_000)
  assert.deepEqual(kinds(journal), ['journal-damage', 'journal-damage'])
  assert.match(warned.join(), /segment a .*segment b/)
})

test('sessions before a restart are shown again, telemetry and later records are not', async () => {
  const journal = new HeldJournal()
  const time = instant(0)
  const telemetry = {
    kind: 'telemetry',
    time,
    device: 'd',
    auth: '',
    generation: '',
    connection: '',
    transport: '',
    topic: 't',
    qos: 0,
    retain: false,
    dup: false,
    mqttVersion: 4,
    properties: Buffer.alloc(0),
    body: Buffer.alloc(0),
  } as const
  journal.append(encodeFact({ kind: 'device-created', time, device: 'a', actor: '' }))
  journal.append(encodeTelemetry(telemetry))
  journal.append(encodeFact({ kind: 'device-deleted', time, device: 'a', actor: '' }))
  journal.flush()
  journal.append(encodeFact({ kind: 'device-created', time, device: 'later', actor: '' }))
  const seen: Fact[] = []
  await replayRecent(journal, (fact) => void seen.push(fact), new AbortController().signal)
  assert.deepEqual(
    seen.map((fact) => fact.kind),
    ['device-created', 'device-deleted'],
  )
})
