import { type Result, ok } from '#base'
import { time } from '../api.ts'
import { ask } from '../ask.ts'
import { pairsOf } from '../assignments.ts'
import { type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text, texts, wholeNumber } from '../given.ts'
import { identityPath } from '../hub.ts'
import { readInput } from '../input.io.ts'
import { styled } from '../line.ts'
import { anything, entries, flag, list, maybe, number, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printTable } from '../table.ts'

const sent = object({ sequenceNumber: number })

/** Two days, which is the longest that a message waits. */
const maxExpirySeconds = 172_800

/** `message send`: puts a message in the queue of a device or module. */
export const messageSend: Run = async (context, given) => {
  const name = position(given, 0)
  const body = messageOf(given)
  if (!body.ok) return body
  const request = { method: 'POST', path: identityPath(name, '/messages'), body: body.value, failure: `${name} gets no message.` } as const
  const answer = await ask(context, request, sent)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else
    await context.terminal.print([
      styled('green', 'queued'),
      ' for ',
      styled('bold', name),
      `, number ${answer.value.value.sequenceNumber}`,
    ])
  return done
}

function messageOf(given: Given): Result<Readonly<Record<string, unknown>>, Problem> {
  const body = bodyOf(position(given, 1), text(given, '--file'))
  if (!body.ok) return body
  const properties = pairsOf(texts(given, '--property'), '--property')
  if (!properties.ok) return properties
  const expiry = wholeNumber(given, '--expires', 1, maxExpirySeconds)
  if (!expiry.ok) return expiry
  const said = {
    messageId: text(given, '--message-id'),
    correlationId: text(given, '--correlation-id'),
    contentType: text(given, '--content-type'),
    ack: text(given, '--ack'),
    expirySeconds: expiry.value,
  }
  return ok({ ...body.value, properties: properties.value, ...said })
}

function bodyOf(word: string, file: string | undefined): Result<Readonly<Record<string, string>>, Problem> {
  if (file === undefined) return ok({ body: word })
  if (word !== '') return stop(exit.usage, 'A text and --file do not go together.', undefined, 'give one of them.')
  const bytes = readInput(file, 'message')
  return bytes.ok ? ok({ bodyBase64: bytes.value.toString('base64') }) : bytes
}

const queue = object({
  messages: list(
    object({
      sequenceNumber: number,
      messageId: maybe(textShape),
      bytes: number,
      enqueuedAt: time,
      expiresAt: maybe(time),
      deliveryCount: number,
      isLocked: flag,
      properties: entries(anything),
    }),
  ),
})

/** `message ls`: what waits for a device or module. */
export const messageLs: Run = async (context, given) => {
  const name = position(given, 0)
  const request = { method: 'GET', path: identityPath(name, '/messages'), failure: `The queue of ${name} was not read.` } as const
  const answer = await ask(context, request, queue)
  if (!answer.ok) return answer
  const { messages } = answer.value.value
  if (isSet(given, '--json')) await context.terminal.printJson(object({ messages: anything })(answer.value.raw, 'the answer').messages, 2)
  else {
    const rows = messages.map((one): Row => [
      String(one.sequenceNumber),
      one.messageId ?? '-',
      `${one.bytes}`,
      one.enqueuedAt,
      one.expiresAt ?? '-',
      String(one.deliveryCount),
      one.isLocked ? styled('yellow', 'with the device') : 'waits',
    ])
    await printTable(context.terminal, ['NUMBER', 'MESSAGE ID', 'BYTES', 'QUEUED', 'UNTIL', 'TRIED', 'STATE'], rows)
  }
  if (messages.length === 0 && context.terminal.isPerson) context.terminal.say(`Nothing waits for ${name}.`)
  return done
}

const purged = object({ purged: number })

/** `message purge`: drops what waits. */
export const messagePurge: Run = async (context, given) => {
  const name = position(given, 0)
  const request = { method: 'DELETE', path: identityPath(name, '/messages'), failure: `The queue of ${name} was not emptied.` } as const
  const answer = await ask(context, request, purged)
  if (!answer.ok) return answer
  const count = answer.value.value.purged
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await context.terminal.print([styled('green', `dropped ${count} message${count === 1 ? '' : 's'}`), ' of ', styled('bold', name)])
  return done
}
