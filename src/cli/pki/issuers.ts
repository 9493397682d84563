import { receipt, time } from '../api.ts'
import { ask } from '../ask.ts'
import { ofReceipt, receiptText } from '../device/change.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, position, text } from '../given.ts'
import { styled } from '../line.ts'
import { number, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { printMembers } from '../table.ts'

const made = object({ role: textShape, serial: textShape, subject: textShape, fingerprintSha256: textShape, notAfter: time })
const retired = object({ certificates: number, receipt })

/** `pki issuer rotate`: a new issuer under the hub's own root, in use at once. */
export const issuerRotate: Run = async (context, given) => {
  const role = text(given, '--role')
  if (role === undefined)
    return stop(exit.usage, 'Nothing says whose issuer is followed.', undefined, 'give --role devices or --role servers.')
  const request = { method: 'POST', path: '/api/v1/pki/issuer-rotations', body: { role }, failure: 'No issuer was made.' } as const
  const answer = await ask(context, request, made)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const { subject, serial, fingerprintSha256, notAfter } = answer.value.value
    await printMembers(context.terminal, [
      ['issues for', role],
      ['subject', subject],
      ['serial', serial],
      ['fingerprint', fingerprintSha256],
      ['until', notAfter],
    ])
  }
  context.terminal.say('What the issuer before it signed stays good. Once all of it was renewed: thingwall pki issuer retire SERIAL')
  return done
}

/** `pki issuer retire`: ends an issuer that signs no more, and prints the receipt. */
export const issuerRetire: Run = async (context, given) => {
  const serial = position(given, 0).replaceAll(':', '').toLowerCase()
  const despite = text(given, '--despite')
  const reason = text(given, '--reason')
  if (despite !== undefined && (!/^[1-9]\d{0,7}$/.test(despite) || reason === undefined))
    return stop(
      exit.usage,
      'Certificates are cut off only with their number and a reason.',
      'the audit log keeps it.',
      'give for example --despite 12 --reason scrapped.',
    )
  const body = { ...(despite === undefined ? {} : { despite: Number(despite) }), ...(reason === undefined ? {} : { reason }) }
  const path = `/api/v1/pki/issuers/${encodeURIComponent(serial)}/retire`
  const answer = await ask(context, { method: 'POST', path, body, failure: `Issuer ${serial} was not retired.` }, retired)
  if (!answer.ok) return answer
  const { certificates, receipt: ended } = answer.value.value
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else
    await context.terminal.print([
      styled('green', 'retired'),
      ' ',
      styled('bold', serial),
      `: ${certificates} certificates cut off, ${receiptText(ended)}`,
    ])
  return ofReceipt(ended)
}
