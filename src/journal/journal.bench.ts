import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type Result, Secret, instant, ok, systemClock, systemRandom } from '#base'
import { crc32c, viewOf } from './crc32c.ts'
import { type Journal, encodeStamp, openJournal, systemDisk, telemetryFlags, telemetrySize, writeTelemetry } from './index.ts'

/*
 * node --conditions=source src/journal/journal.bench.ts [seconds] [directory]
 * Appends telemetry records of about 200 bytes as fast as the disk takes them: `burst` sources fill the memory bound, `windowed` ones have so many
 * messages in flight and wait for durability, as MQTT clients do.
 */

const seconds = Number(process.argv[2] ?? 3)
const parent = process.argv[3] ?? '.'

const stamp = encodeStamp({
  device: 'pump-0001',
  auth: '{"scope":"device","type":"x509CertificateAuthority","issuer":"external"}',
  generation: '638000000000',
  connection: 'c-000001',
  transport: 'mqtts',
})
const topic = Buffer.from('devices/pump-0001/messages/events/')
const none = Buffer.alloc(0)
const body = Buffer.alloc(32, 'x')
const size = telemetrySize(stamp, topic, none, body)
const flags = telemetryFlags(1, false, false, 4)

await bench('burst', Infinity)
await bench('3200 in flight', 3_200)
await bench('200 in flight', 200)
benchChecks()

async function bench(name: string, inFlight: number): Promise<void> {
  const directory = mkdtempSync(join(parent, 'journal-bench-'))
  const ports = { disk: systemDisk, clock: systemClock, random: systemRandom, wrapKey: copyOf, unwrapKey: secretOf }
  try {
    await using journal = await openJournal(
      { directory, retentionBytes: 512 * 1024 * 1024, retentionMs: Infinity },
      ports,
      new AbortController().signal,
    )
    const began = performance.now()
    const cpu = process.cpuUsage()
    let end = 0
    await new Promise<void>((resolve) => {
      const fill = () => {
        const now = instant(Date.now())
        while (!journal.paused && journal.end - journal.durableEnd < inFlight) {
          const at = journal.reserve(size)
          writeTelemetry(journal.buffer, at, flags, now, stamp, topic, none, body)
        }
      }
      journal.onDurable((durable) => {
        end = durable
        if (performance.now() - began > seconds * 1_000) resolve()
        else fill()
      })
      fill()
    })
    const elapsed = (performance.now() - began) / 1_000
    const used = process.cpuUsage(cpu)
    const state = journal.state()
    console.log(
      `${name}: ${Math.round(end / elapsed)} records/s of ${size} bytes, ${Math.round(state.flushes / elapsed)} flushes/s, ` +
        `p50 ${state.flushP50Ms.toFixed(2)} ms, p99 ${state.flushP99Ms.toFixed(2)} ms, ` +
        `${((used.user + used.system) / 1_000 / end).toFixed(4)} ms CPU a record`,
    )
    await benchReading(journal)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Reads back from the files in steps, as a consumer that has fallen behind does. */
async function benchReading(journal: Journal): Promise<void> {
  const began = performance.now()
  let count = 0
  for (let at = journal.start; at < journal.durableEnd && performance.now() - began < 1_000;) {
    const { records, next } = await journal.read(at, { records: 500, bytes: 1024 * 1024 })
    count += records.length
    at = next
  }
  console.log(`  read back: ${Math.round((count / (performance.now() - began)) * 1_000)} records/s`)
}

function benchChecks(): void {
  const bytes = systemRandom.bytes(1024 * 1024)
  const view = viewOf(bytes)
  for (const length of [64, 200, 400, 1_000])
    for (const [name, check] of [
      ['crc32c', (start: number, end: number) => crc32c(view, start, end)],
      ['zlib crc32', (start: number, end: number) => crc32(bytes.subarray(start, end))],
    ] as const) {
      let rounds = 0
      let sum = 0
      const began = performance.now()
      for (; performance.now() - began < 200; rounds += 1_000) for (let k = 0; k < 1_000; k++) sum ^= check(k * 977, k * 977 + length)
      console.log(`${name} of ${length} bytes: ${(((performance.now() - began) / rounds) * 1e6).toFixed(0)} ns ${sum === 0 ? '' : ''}`)
    }
}

// The bench measures the journal, not a vault: keys are wrapped once a segment.
function copyOf(key: Secret): Buffer {
  return key.use((bytes) => Buffer.from(bytes))
}

function secretOf(wrapped: Buffer): Result<Secret> {
  return ok(new Secret(Buffer.from(wrapped)))
}
