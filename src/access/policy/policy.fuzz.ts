import { parseDeviceId } from '#base'
import { deviceSubject, explain } from './decision.ts'
import { ourApiVersion } from '../documents/fields.ts'
import type { PolicyDocument } from './model.ts'
import { parsePolicies } from './parse-policy.ts'
import { compilePolicies } from './policy-set.ts'
import { renderDocument, renderRule } from './render.ts'
import { simulate, testsOf } from './simulate.ts'

const id = parseDeviceId('pump-1')

/**
 * A text as policy documents: it is refused with problems that each have a place and a code, or it compiles, answers, and says the same when its
 * documents are read one by one again.
 */
export function target(bytes: Buffer): void {
  const text = bytes.toString('utf8')
  const read = parsePolicies(text)
  if (!read.ok) {
    if (read.error.problems.length === 0 || read.error.problems.some(({ code, message }) => code === '' || message === ''))
      throw new Error('a refusal says what is wrong')
    return
  }
  const set = compilePolicies(read.value, 1)
  simulate(set, testsOf(read.value))
  if (!id.ok) throw new Error('bug: the name of a device')
  const subject = { ...deviceSubject(id.value), attributes: { building: 'b22', role: 'sensor' } }
  for (const action of ['connect', 'publish', 'subscribe', 'receive'] as const)
    explain(set, { subject, standing: 'enabled', action, topic: 'plant/b22/x' }, 'fuzz')
  for (const document of read.value) {
    const rules = saidBy(document)
    if (textOf(document.text) !== rules) throw new Error(`the text of ${document.name} says something else when it stands alone`)
    const ours = { ...document, apiVersion: ourApiVersion }
    if (document.kind === 'BrokerAuthorization' && textOf(renderDocument(ours, document.rules)) !== rules)
      throw new Error(`${document.name} says something else when it is written anew`)
  }
}

function saidBy(document: PolicyDocument): string {
  return document.rules.map((rule) => renderRule(rule)).join('\n')
}

function textOf(text: string): string {
  const parsed = parsePolicies(text)
  return parsed.ok ? parsed.value.map(saidBy).join('---') : parsed.error.message
}
