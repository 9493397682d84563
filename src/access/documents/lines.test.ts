import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePolicies } from '../policy/parse-policy.ts'
import { placed } from './lines.ts'

const head = 'apiVersion: mqttbroker.thingwall/v1\nkind: BrokerAuthorization\nmetadata: {name: site-a}\n'
const linesOf = (text: string) => {
  const parsed = parsePolicies(text)
  assert.ok(!parsed.ok)
  return placed(text, parsed.error.problems).map(({ line, code }) => [line, code])
}

test('each problem of a document is placed on its line, and what is missing on the line of what should hold it', () => {
  const text = `${head}spec:
  authorizationPolicies:
    rules:
      - principals: {usernames: [a]}
        brokerResources:
          - method: Connect
          - method: Publish
            topics:
              - plant/#
              - plant/#/x
      - principals: {usernames: [b]}
`
  assert.deepEqual(linesOf(text), [
    [13, 'hash-not-last'],
    [14, 'missing-field'],
  ])
})

test('problems of the second document, and of text that is no YAML, have their lines', () => {
  const bad = `${head.replace('site-a', 'site-b')}spec:\n  authorizationPolicies:\n    rules:\n      - {principals: {}, brokerResources: [{method: Fly}]}\n`
  const good = `${head}spec:\n  authorizationPolicies: {rules: []}\n`
  assert.deepEqual(
    linesOf(`${good}---\n${bad}`).map(([line]) => line),
    [13],
  )
  assert.deepEqual(
    linesOf(`${head}spec: [\n`).map(([line]) => typeof line),
    ['number'],
  )
  assert.deepEqual(
    linesOf('').map(([line]) => line),
    [undefined],
  )
})
