import { time } from '../api.ts'
import { ask } from '../ask.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, position, text } from '../given.ts'
import { styled } from '../line.ts'
import { anything, list, number, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printTable } from '../table.ts'

const record = object({
  id: textShape,
  devices: textShape,
  uses: number,
  used: number,
  failures: number,
  until: time,
  createdBy: textShape,
})
const made = object({ record, code: textShape })
const codes = object({ codes: list(record) })
const unitSeconds: ReadonlyMap<string, number> = new Map([
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
])

/** `pki code add`: makes a one-time code and prints it, alone on stdout, the only time. */
export const codeAdd: Run = async (context, given) => {
  const devices = position(given, 0)
  const expires = text(given, '--expires') ?? '1h'
  const [, count, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(expires) ?? []
  const seconds = Number(count) * (unitSeconds.get(unit ?? '') ?? Number.NaN)
  if (!Number.isFinite(seconds))
    return stop(
      exit.usage,
      `--expires does not take "${expires}".`,
      'it is a number of minutes, hours or days.',
      'give for example 30m, 1h or 2d.',
    )
  const uses = text(given, '--uses') ?? '1'
  if (!/^[1-9]\d{0,4}$/.test(uses))
    return stop(exit.usage, `--uses does not take "${uses}".`, 'it is a number.', 'give for example --uses 40.')
  const body = { devices, expiresInSeconds: seconds, uses: Number(uses) }
  const answer = await ask(context, { method: 'POST', path: '/api/v1/enrollment-codes', body, failure: 'No code was made.' }, made)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await context.terminal.print(answer.value.value.code)
  const { until } = answer.value.value.record
  context.terminal.say(
    `for ${devices}, good for ${uses === '1' ? 'one certificate' : `${uses} certificates`} until ${until}; it is not shown again.`,
  )
  return done
}

/** `pki code ls`: every one-time code, without its secret. */
export const codeLs: Run = async (context, given) => {
  const request = { method: 'GET', path: '/api/v1/enrollment-codes', failure: 'The codes were not listed.' } as const
  const answer = await ask(context, request, codes)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const rows = answer.value.value.codes.map((one): Row => {
      const open = Date.parse(one.until) > context.clock.now() && one.used < one.uses
      return [styled('bold', one.id), one.devices, `${one.used} of ${one.uses}`, styled(open ? 'green' : 'red', one.until), one.createdBy]
    })
    await printTable(context.terminal, ['CODE', 'DEVICES', 'USED', 'UNTIL', 'BY'], rows)
  }
  return done
}

/** `pki code rm`: ends a one-time code. */
export const codeRm: Run = async (context, given) => {
  const id = position(given, 0)
  const path = `/api/v1/enrollment-codes/${encodeURIComponent(id)}`
  const answer = await ask(context, { method: 'DELETE', path, failure: `Code ${id} was not ended.` }, anything)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'ended'), ' ', styled('bold', id)])
  return done
}
