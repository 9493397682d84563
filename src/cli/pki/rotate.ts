import { time } from '../api.ts'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { done, exit, stop } from '../exit.ts'
import { type Given, isSet, text } from '../given.ts'
import { styled } from '../line.ts'
import { flag, list, maybe, number, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { printTable } from '../table.ts'

const group = object({ group: textShape, devices: number, proven: number, moved: number })
const campaign = object({
  id: textShape,
  stage: textShape,
  isBridged: flag,
  held: maybe(object({ by: textShape, reason: textShape })),
  failures: number,
  failureLimit: number,
  startedAt: time,
  devices: number,
  proven: number,
  issued: number,
  moved: number,
  groups: list(group),
  laggards: list(textShape),
  excepted: list(object({ device: textShape, reason: textShape })),
})
const plan = object({ devices: number, issued: number, isBridged: flag, failureLimit: number })
const path = '/api/v1/pki/campaign'

/** `pki rotate plan`: what a campaign would find. */
export const rotatePlan: Run = async (context, given) => {
  const answer = await ask(context, { method: 'GET', path: `${path}-plan`, failure: 'There is no plan.' }, plan)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) {
    await context.terminal.printJson(answer.value.raw, 2)
    return done
  }
  const { devices, issued, isBridged, failureLimit } = answer.value.value
  await context.terminal.print(
    `${devices} devices must prove that they trust the new root, ${issued} of them then renew their certificates under it.`,
  )
  await context.terminal.print(`${failureLimit} failed probes hold the campaign.`)
  await context.terminal.print(
    isBridged
      ? 'After the cut-over devices that know only the old root are still served, by a cross-certificate.'
      : 'The root of this hub leaves no room for a cross-certificate: the cut-over waits for every device that is not named.',
  )
  return done
}

/** `pki rotate status`: how far it is, by group. */
export const rotateStatus: Run = (context, given) => show(context, given, { method: 'GET', path, failure: 'There is nothing to show.' })

/** `pki rotate start`, `hold`, `resume`, `rollback`, `cut-over`, `retire`: one step, and its receipt. */
export const rotateStep: (step: string) => Run = (step) => async (context, given) => {
  const body = bodyOf(step, given)
  if (body === undefined)
    return stop(
      exit.usage,
      step === 'hold' ? 'A hold needs a reason.' : 'Devices are left behind only with a reason, and a limit is a number.',
      'the audit log keeps it.',
      step === 'hold' ? 'give for example --reason harvest.' : 'give for example --except pump-9 --reason scrapped.',
    )
  return await show(context, given, { method: 'POST', path: `${path}/${step}`, body, failure: 'Nothing was changed.' })
}

function bodyOf(step: string, given: Given): object | undefined {
  const reason = text(given, '--reason')
  if (step === 'hold') return reason === undefined ? undefined : { reason }
  if (step === 'start') {
    const limit = text(given, '--failure-limit')
    if (limit === undefined) return {}
    return /^[1-9]\d{0,5}$/.test(limit) ? { failureLimit: Number(limit) } : undefined
  }
  if (step !== 'cut-over' && step !== 'retire') return {}
  const except = (text(given, '--except') ?? '').split(',').filter((device) => device !== '')
  if (except.length > 0 && reason === undefined) return undefined
  return { except: except.map((device) => ({ device, reason })) }
}

async function show(context: Context, given: Given, request: Parameters<typeof ask>[1]): ReturnType<Run> {
  const answer = await ask(context, request, campaign)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) {
    await context.terminal.printJson(answer.value.raw, 2)
    return done
  }
  const { terminal } = context
  const { id, stage, held, devices, proven, issued, moved, groups, laggards, excepted, failures } = answer.value.value
  await terminal.print([styled('bold', stage), ` campaign ${id}`])
  if (held !== undefined) await terminal.print([styled('red', 'held'), ` ${held.reason} (by ${held.by})`])
  await terminal.print(`proven ${proven} of ${devices} devices; under the new root ${moved} of ${issued}; failed probes ${failures}`)
  const rows = groups.map((one) => [one.group, `${one.proven} of ${one.devices}`, `${one.moved} of ${one.devices}`])
  await printTable(terminal, ['GROUP', 'PROVEN', 'MOVED'], rows)
  if (laggards.length > 0 && (stage === 'distributing' || stage === 'cut-over'))
    await terminal.print(`behind: ${laggards.slice(0, 20).join(', ')}`)
  if (excepted.length > 0) await terminal.print(`left behind by name: ${excepted.map((one) => `${one.device} (${one.reason})`).join(', ')}`)
  return done
}
