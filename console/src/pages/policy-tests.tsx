import type { PolicyTestResult, PolicyTestResults } from '../api/types.ts'
import { plural } from '../lib/format.ts'
import { Badge } from '../ui/parts.tsx'
import { RuleLink } from './decision.tsx'

function whoText({ method, username, clientId, attributes }: PolicyTestResult['as']): string {
  const pairs = Object.entries(attributes).map(([name, value]) => `${name} ${value}`)
  const client = clientId === username ? [] : [`client ${clientId}`]
  return [method === 'device' ? `device ${username}` : `${username} (${method})`, ...client, ...pairs].join(', ')
}

function TestRow({ test }: { readonly test: PolicyTestResult }) {
  return (
    <li className="test" data-passed={test.passed}>
      <p className="test-line">
        <Badge tone={test.passed ? 'ok' : 'bad'}>{test.passed ? 'passes' : 'fails'}</Badge>
        <b>{test.name}</b>
        <code className="quiet">{test.id}</code>
      </p>
      <p className="quiet">
        Expects to {test.expect} {whoText(test.as)} to {test.action} {test.topic === '' ? null : <code>{test.topic}</code>}
      </p>
      {test.passed ? null : (
        <p>
          {test.reason} {test.rule === null ? (test.change ?? '') : <RuleLink rule={test.rule} />}
        </p>
      )}
    </li>
  )
}

/** `All 3 tests pass`, `1 test passes`. */
export function passText(passing: number, all: boolean): string {
  if (passing === 1) return all ? 'The one test passes' : '1 test passes'
  return `${all ? 'All ' : ''}${plural(passing, 'test')} pass`
}

/** How tests came out: failing ones open, the others on demand. */
export function TestsView({ results }: { readonly results: PolicyTestResults }) {
  const failing = results.tests.filter((test) => !test.passed)
  const passing = results.tests.filter((test) => test.passed)
  if (results.tests.length === 0) return <p className="quiet">No document has tests.</p>
  return (
    <div className="gaps" data-tests={results.failed === 0 ? 'pass' : 'fail'}>
      {failing.length === 0 ? null : (
        <>
          <p className="ink-bad">
            {plural(failing.length, 'test')} of {results.tests.length} {failing.length === 1 ? 'fails' : 'fail'}: no policy is applied until
            it passes.
          </p>
          <ul className="tests">
            {failing.map((test) => (
              <TestRow key={test.id} test={test} />
            ))}
          </ul>
        </>
      )}
      {passing.length === 0 ? null : (
        <details className="more">
          <summary>{failing.length === 0 ? passText(passing.length, true) : passText(passing.length, false)}</summary>
          <ul className="tests">
            {passing.map((test) => (
              <TestRow key={test.id} test={test} />
            ))}
          </ul>
        </details>
      )}
    </div>
  )
}
