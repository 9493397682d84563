// Runs the transcripts of both versions against a hub and writes docs/mqtt-conformance.md. A test compares its shape.
import { writeFileSync } from 'node:fs'
import { page } from '../conformance/mqtt/coverage.ts'
import { openSuiteHub } from '../conformance/mqtt/suite-hub.ts'
import { playAll } from '../conformance/mqtt/suite.ts'
import { versions } from '../conformance/mqtt/versions.ts'

const runs = []
for (const version of versions) {
  await using hub = await openSuiteHub()
  const outcomes = await playAll(hub, Object.values(version.chapters), version.version)
  const failures = outcomes.filter(({ failure }) => failure !== undefined)
  for (const { statement, failure } of failures) console.log(`${version.title} [${statement}]\n  ${failure}`)
  console.log(`${version.title}: ${outcomes.length - failures.length} of ${outcomes.length} transcripts pass`)
  if (failures.length > 0) process.exitCode = 1
  runs.push({ version, outcomes })
}
writeFileSync(new URL('../docs/mqtt-conformance.md', import.meta.url), page(runs))
