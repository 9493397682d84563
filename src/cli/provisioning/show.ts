import { ask } from '../ask.ts'
import { done } from '../exit.ts'
import { isSet } from '../given.ts'
import { styled } from '../line.ts'
import { object, text } from '../shape.ts'
import type { Run } from '../spec.ts'

const provisioning = object({ idScope: text })

/** `provisioning show`: what a device has to know to register. */
export const provisioningShow: Run = async (context, given) => {
  const request = { method: 'GET', path: '/api/v1/provisioning', failure: 'The id scope was not read.' } as const
  const answer = await ask(context, request, provisioning)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await context.terminal.print(['id scope  ', styled('bold', answer.value.value.idScope)])
  return done
}
