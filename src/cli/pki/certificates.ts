import { time } from '../api.ts'
import { ask } from '../ask.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, position, text } from '../given.ts'
import { styled } from '../line.ts'
import { list, maybe, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printMembers, printTable } from '../table.ts'

const entry = object({ serial: textShape, kind: textShape, owner: textShape, subject: textShape, notAfter: time, revokedAt: maybe(time) })
const entryInFull = object({
  serial: textShape,
  kind: textShape,
  owner: textShape,
  subject: textShape,
  issuer: textShape,
  fingerprintSha256: textShape,
  notBefore: time,
  notAfter: time,
  revokedAt: maybe(time),
})
const inventory = object({ certificates: list(entry), next: maybe(textShape) })

/** `pki ls`: certificates, those that end first in front. */
export const certificateLs: Run = async (context, given) => {
  const expiring = text(given, '--expiring')
  const [, days] = /^([1-9]\d{0,3})d$/.exec(expiring ?? '1d') ?? []
  if (days === undefined)
    return stop(exit.usage, `--expiring does not take "${expiring ?? ''}".`, 'it is a number of days.', 'give for example --expiring 30d.')
  const device = text(given, '--device')
  const state = isSet(given, '--due') ? { state: 'due' } : isSet(given, '--all') ? {} : { state: 'valid' }
  const query = new URLSearchParams({
    limit: '1000',
    ...(expiring === undefined ? {} : { expiringDays: days }),
    ...(device === undefined ? {} : { device }),
    ...state,
  })
  const rows: Row[] = []
  const raw: unknown[] = []
  for (;;) {
    const path = `/api/v1/certificates?${query.toString()}`
    const answer = await ask(context, { method: 'GET', path, failure: 'The certificates were not listed.' }, inventory)
    if (!answer.ok) return answer
    const { certificates, next } = answer.value.value
    raw.push(...certificates)
    for (const one of certificates) {
      const state =
        one.revokedAt === undefined ? styled(isSet(given, '--due') ? 'yellow' : 'green', one.notAfter) : styled('red', 'revoked')
      rows.push([one.owner, one.kind, one.subject, state, one.serial])
    }
    if (next === undefined || next === null) break
    query.set('after', next)
  }
  if (isSet(given, '--json')) await context.terminal.printJson({ certificates: raw }, 2)
  else await printTable(context.terminal, ['OWNER', 'KIND', 'SUBJECT', 'UNTIL', 'SERIAL'], rows)
  return done
}

const whole = object({ certificate: entryInFull, pem: maybe(textShape) })

/** `pki show`: one certificate that the hub made, and its PEM. */
export const certificateShow: Run = async (context, given) => {
  const serial = position(given, 0).replaceAll(':', '').toLowerCase()
  const path = `/api/v1/certificates/${encodeURIComponent(serial)}`
  const answer = await ask(context, { method: 'GET', path, failure: `Certificate ${serial} was not found.` }, whole)
  if (!answer.ok) return answer
  const { certificate: one, pem } = answer.value.value
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else if (isSet(given, '--pem')) {
    if (pem === undefined)
      return stop(exit.conflict, 'This certificate was never handed out.', undefined, 'issue another: thingwall device renew.')
    await context.terminal.print(pem.trimEnd())
  } else
    await printMembers(context.terminal, [
      ['serial', one.serial],
      ['kind', one.kind],
      ['owner', one.owner],
      ['subject', one.subject],
      ['issuer', one.issuer],
      ['fingerprint', one.fingerprintSha256],
      ['from', one.notBefore],
      ['until', one.notAfter],
      ...(one.revokedAt === undefined ? [] : [['revoked', one.revokedAt] as const]),
    ])
  return done
}
