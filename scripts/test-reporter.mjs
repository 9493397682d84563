// One line a file, every failure in full, and the sums as a line of JSON that `npm test` reads back.
import { inspect } from 'node:util'

const marker = '#sums '

export default async function* report(source) {
  const failures = []
  for await (const { type, data } of source) {
    if (type === 'test:fail' && data.details?.error?.failureType !== 'subtestsFailed') {
      failures.push(data)
      yield describe(data)
    } else if (type === 'test:stderr' || type === 'test:stdout') {
      yield data.message
    } else if (type === 'test:pass' && data.skip !== undefined) {
      yield `  skipped: ${data.name}${data.skip === true ? '' : ` (${data.skip})`}\n`
    } else if (type === 'test:summary') {
      const { counts, duration_ms: elapsedMs, file } = data
      if (file === undefined) yield `${marker}${JSON.stringify(counts)}\n`
      else yield `  ${data.success ? 'ok' : 'FAILED'} ${relative(file)} (${counts.tests} tests, ${(elapsedMs / 1000).toFixed(1)} s)\n`
    }
  }
  if (failures.length > 0) yield `\n  ${failures.length} failed:\n${failures.map((data) => `    ${place(data)} ${data.name}\n`).join('')}`
}

function describe(data) {
  const error = data.details?.error
  const cause = error?.cause ?? error
  const text = typeof cause === 'string' ? cause : (cause?.stack ?? inspect(cause))
  return `\n  FAILED ${place(data)} ${data.name}\n${String(text).replace(/^/gm, '    ')}\n\n`
}

const relative = (file) => file.replace(`${process.cwd()}/`, '')
const place = (data) => (data.file ? `${relative(data.file)}:${data.line}` : '')
