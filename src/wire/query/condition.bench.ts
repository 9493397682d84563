import { compileCondition, parseCondition, routeDialect } from './index.ts'

/** How many messages a second one route condition judges on this machine: `node src/wire/query/condition.bench.ts`. */
const conditions = [
  "level = 'hot'",
  "level = 'hot' AND NOT ($contentType = 'text/plain')",
  "AS_NUMBER(t) > 20 AND STARTS_WITH(area, 'north')",
]
const messages = Array.from(
  { length: 64 },
  (_, i) =>
    new Map<string, string>([
      ['level', i % 3 === 0 ? 'hot' : 'cold'],
      ['t', String(i)],
      ['area', 'north-1'],
    ]),
)

for (const text of conditions) {
  const condition = parseCondition(text, routeDialect)
  if (!condition.ok) throw new Error(text)
  const matches = compileCondition<ReadonlyMap<string, string>>(
    condition.value.where,
    routeDialect,
    ({ steps: [name] }) =>
      (message) =>
        message.get(String(name)),
  )
  let hits = 0
  const started = performance.now()
  const count = 2_000_000
  for (let i = 0; i < count; i++) if (matches(messages[i % 64] ?? new Map()) === true) hits++
  const seconds = (performance.now() - started) / 1_000
  console.log(`${(count / seconds / 1e6).toFixed(1)} M/s  ${text}  (${hits} hits)`)
}
