import { time } from '../api.ts'
import { ask } from '../ask.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, position, text, texts } from '../given.ts'
import { readInput } from '../input.io.ts'
import { styled } from '../line.ts'
import { anything, list, number, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { printTable } from '../table.ts'

const policies = object({
  policies: list(
    object({ name: textShape, registers: list(object({ register: number, sha256: textShape })), roots: list(textShape), createdAt: time }),
  ),
})

/** `attestation policy add`. */
export const policyAdd: Run = async (context, given) => {
  const name = position(given, 0)
  const registers: { readonly register: number; readonly sha256: string }[] = []
  for (const said of texts(given, '--register')) {
    const [, register, sha256] = /^(\d{1,2})=([0-9a-fA-F]{64})$/.exec(said) ?? []
    if (register === undefined || sha256 === undefined)
      return stop(
        exit.usage,
        `--register does not take "${said}".`,
        'it is a number, = and 64 hexadecimal digits.',
        'read them with tpm2_pcrread sha256.',
      )
    registers.push({ register: Number(register), sha256: sha256.toLowerCase() })
  }
  const file = text(given, '--root')
  const root = file === undefined ? undefined : readInput(file, 'certificates')
  if (root?.ok === false) return root
  const body = { name, registers, ...(root === undefined ? {} : { rootsPem: root.value.toString('utf8') }) }
  const request = { method: 'POST', path: '/api/v1/attestation/policies', body, failure: `Policy ${name} was not added.` } as const
  const answer = await ask(context, request, anything)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await context.terminal.print([styled('green', 'added'), ' ', styled('bold', name)])
  return done
}

/** `attestation policy ls`. */
export const policyLs: Run = async (context, given) => {
  const request = { method: 'GET', path: '/api/v1/attestation/policies', failure: 'The policies were not listed.' } as const
  const answer = await ask(context, request, policies)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const rows = answer.value.value.policies.map((one) => [
      styled('bold', one.name),
      one.registers.map(({ register }) => register).join(' ') || 'any',
      one.roots.length === 0 ? 'any' : String(one.roots.length),
      one.createdAt,
    ])
    await printTable(context.terminal, ['POLICY', 'REGISTERS', 'MAKERS', 'SINCE'], rows)
  }
  return done
}

/** `attestation policy rm`. */
export const policyRm: Run = async (context, given) => {
  const name = position(given, 0)
  const path = `/api/v1/attestation/policies/${encodeURIComponent(name)}`
  const answer = await ask(context, { method: 'DELETE', path, failure: `Policy ${name} was not removed.` }, anything)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'removed'), ' ', styled('bold', name)])
  return done
}
