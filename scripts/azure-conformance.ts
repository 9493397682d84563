// Runs the suite of Azure's SDKs and writes its results and docs/azure-compatibility.md. A test compares.
import { writeFileSync } from 'node:fs'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Outcome, cellOf, page } from '../conformance/azure/coverage.ts'

const root = new URL('..', import.meta.url)
const files = ['azure', 'service-rest', 'provisioning-service'].map((name) =>
  fileURLToPath(new URL(`conformance/azure/${name}.test.ts`, root)),
)
const outcomes: Outcome[] = []
const take = (name: string, result: Outcome['result']): void => {
  if (cellOf(name) !== undefined) outcomes.push({ test: name, result })
}
for await (const { type, data } of run({ files, concurrency: 1 })) {
  if (type === 'test:pass') take(data.name, data.skip === undefined || data.skip === false ? 'pass' : 'skip')
  if (type !== 'test:fail') continue
  take(data.name, 'fail')
  console.log(`FAILS: ${data.name}\n  ${String(data.details.error.cause ?? data.details.error)}`)
  process.exitCode = 1
}
const sorted = outcomes.toSorted((a, b) => a.test.localeCompare(b.test, 'en', { numeric: true }))
writeFileSync(new URL('conformance/azure/results.json', root), `${JSON.stringify(sorted, undefined, 2)}\n`)
writeFileSync(new URL('docs/azure-compatibility.md', root), page(sorted))
console.log(`${outcomes.filter(({ result }) => result === 'pass').length} of ${outcomes.length} pass`)
