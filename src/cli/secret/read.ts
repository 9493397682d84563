import { ask } from '../ask.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, position, text } from '../given.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { type Row, printMembers, printTable } from '../table.ts'
import { writeValue } from './value.io.ts'
import { type ApiSecret, secret, secretValue, secrets } from './shapes.ts'

/** The path of one secret. */
export function secretPath(name: string): string {
  return `/api/v1/secrets/${encodeURIComponent(name)}`
}

/** `secret ls`: the secrets that a rule lets the caller list; with --deleted those that can be recovered. */
export const secretLs: Run = async (context, given) => {
  const base = isSet(given, '--deleted') ? '/api/v1/deleted-secrets' : '/api/v1/secrets'
  const found: ApiSecret[] = []
  const raw: unknown[] = []
  let after: string | undefined
  do {
    const query = after === undefined ? '' : `&after=${encodeURIComponent(after)}`
    const request = { method: 'GET', path: `${base}?limit=500${query}`, failure: 'The secrets were not listed.' } as const
    const answer = await ask(context, request, secrets)
    if (!answer.ok) return answer
    found.push(...answer.value.value.secrets)
    raw.push(answer.value.raw)
    after = answer.value.value.next
  } while (after !== undefined)
  if (isSet(given, '--json')) {
    for (const page of raw) await context.terminal.printJson(page, 2)
    return done
  }
  const row = (one: ApiSecret): Row => [
    styled('bold', one.name),
    one.enabled ? styled('green', 'enabled') : styled('red', 'disabled'),
    one.expiresAt ?? '-',
    one.purgesAt ?? one.updatedAt,
    one.version,
  ]
  await printTable(
    context.terminal,
    ['NAME', 'STATE', 'EXPIRES', isSet(given, '--deleted') ? 'ENDS' : 'UPDATED', 'VERSION'],
    found.map(row),
  )
  return done
}

/** `secret show`: what there is to say of a secret besides its value. */
export const secretShow: Run = async (context, given) => {
  const name = position(given, 0)
  const answer = await ask(context, { method: 'GET', path: secretPath(name), failure: `Secret ${name} was not found.` }, secret)
  if (!answer.ok) return answer
  const { terminal } = context
  if (isSet(given, '--json')) {
    await terminal.printJson(answer.value.raw, 2)
    return done
  }
  const one = answer.value.value
  await printMembers(terminal, [
    ['name', styled('bold', one.name)],
    ['version', one.version],
    ['enabled', String(one.enabled)],
    ['content type', one.contentType ?? '-'],
    ['tags', one.tags.map(({ name: tag, value }) => `${tag}=${value}`).join(', ')],
    ['not before', one.notBefore ?? '-'],
    ['expires', one.expiresAt ?? '-'],
    ['created', one.createdAt],
    ['updated', one.updatedAt],
    ['rotation', one.rotation === undefined ? '-' : JSON.stringify(one.rotation)],
  ])
  return done
}

/** `secret get`: the value, as it is, and nothing else. A terminal keeps what it shows, so there it must be asked for. */
export const secretGet: Run = async (context, given) => {
  const name = position(given, 0)
  if (context.terminal.isPerson && !isSet(given, '--reveal'))
    return stop(
      exit.usage,
      `The value of ${name} was not read.`,
      'a terminal keeps what it shows.',
      `send it where it belongs, or ask for it: thingwall secret get ${name} --reveal.`,
    )
  const version = text(given, '--at')
  const request = {
    method: 'POST',
    path: `${secretPath(name)}/read`,
    body: version === undefined ? {} : { version },
    failure: `The value of ${name} was not read.`,
  } as const
  const answer = await ask(context, request, secretValue)
  if (!answer.ok) return answer
  writeValue(Buffer.from(answer.value.value.value, 'base64'))
  return done
}
