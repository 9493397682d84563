import { systemGrant } from '#access'
import { openQueryScene } from '../../test/query-scene.ts'
import { openQueries } from './query-run.ts'

/** How long queries take over 10,000 twins: `node src/hub/query.bench.ts [devices]`. */
const count = Number(process.argv[2] ?? 10_000)
await using scene = await openQueryScene()
for (let from = 0; from < count; from += 5_000)
  await scene.put(
    Array.from({ length: Math.min(5_000, count - from) }, (_, i) => ({
      identity: `pump-${String(from + i).padStart(7, '0')}`,
      tags: { site: { building: (from + i) % 50, floor: i % 5 }, x: (from + i) % 100 === 0 ? 'y' : 'n', owner: 'maintenance' },
      desired: { telemetry: { intervalSeconds: 30, fields: ['temperature', 'pressure'] } },
      reported: { firmware: i % 3 === 0 ? '1.2.0' : '1.1.9', temperature: i % 60, network: { address: '10.0.0.1', signal: -60 } },
    })),
  )
const flushed = async () => undefined
const queries = openQueries({ ...scene, twins: { flushed }, presence: { flushed } })
const grant = systemGrant('twin.read', 'hub')
let longest = 0
const texts = [
  "SELECT * FROM devices WHERE tags.x = 'y'",
  "SELECT * FROM devices WHERE tags.x = 'none'",
  'SELECT * FROM devices',
  'SELECT COUNT() AS n FROM devices',
  "SELECT COUNT() AS n FROM devices WHERE tags.x = 'y' AND properties.reported.temperature > 30",
  'SELECT properties.reported.firmware AS f, COUNT() AS n, AVG(properties.reported.temperature) AS t FROM devices GROUP BY properties.reported.firmware',
  "SELECT * FROM devices WHERE deviceId = 'pump-0000007'",
]
for (const text of texts) {
  const times: number[] = []
  let items = 0
  for (let run = 0; run < 7; run++) {
    let last = performance.now()
    const started = last
    const ticking = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 0)
    const result = await queries.run(grant, { text })
    clearInterval(ticking)
    times.push(performance.now() - started)
    items = result.ok ? result.value.items.length : -1
  }
  console.log(`${times.toSorted((a, b) => a - b)[3]?.toFixed(1)} ms (first ${times[0]?.toFixed(1)})  ${text}  ${items} items`)
}
const started = performance.now()
await queries.count('devices', '*')
console.log(`${(performance.now() - started).toFixed(1)} ms  count of *; the loop waited ${longest.toFixed(1)} ms at most`)
