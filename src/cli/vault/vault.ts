import { resolve } from 'node:path'
import type { Context } from '../context.ts'
import { ask } from '../ask.ts'
import { type Outcome, done, exit, stop } from '../exit.ts'
import { type Given, isSet, text } from '../given.ts'
import { styled } from '../line.ts'
import { flag, list, maybe, number, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { printMembers } from '../table.ts'
import { pauseBetween } from '../watch/pause.io.ts'

const path = '/api/v1/vault'
const state = object({
  protection: textShape,
  place: list(object({ name: textShape, value: textShape })),
  path: textShape,
  insideDataDirectory: flag,
  keyId: textShape,
  oldKeyIds: list(textShape),
  rotation: object({ kind: textShape, resealed: maybe(number), left: maybe(list(object({ place: textShape, count: number }))) }),
})
type State = ReturnType<typeof state>

/** `vault show`: who guards the root key, and how far a change of it is. */
export const vaultShow: Run = async (context, given) => {
  const answer = await ask(context, { method: 'GET', path, failure: 'The vault was not shown.' }, state)
  return answer.ok ? await print(context, given, answer.value) : answer
}

/** `vault protect`: puts the root key under another guard. Paths become absolute here, for the hub has another directory. */
export const vaultProtect: Run = async (context, given) => {
  const file = (value: string | undefined) => (value === undefined ? undefined : resolve(value))
  const body = {
    with: text(given, '--with'),
    file: file(text(given, '--file')),
    module: file(text(given, '--module')),
    token: text(given, '--label'),
    pinFile: file(text(given, '--pin-file')),
    tcti: text(given, '--tcti'),
  }
  if (body.with === undefined)
    return stop(
      exit.usage,
      'Nothing says what is to guard the root key.',
      undefined,
      'give --with passphrase-file, pkcs11, tpm, keyring or plain-file.',
    )
  const answer = await ask(context, { method: 'POST', path: `${path}/protect`, body, failure: 'The root key is guarded as before.' }, state)
  return answer.ok ? await print(context, given, answer.value) : answer
}

/** `vault rotate`: a new root key; waits until everything is sealed under it. */
export const vaultRotate: Run = async (context, given) => {
  const failure = 'The root key was not changed.'
  const begun = await ask(context, { method: 'POST', path: `${path}/rotate`, failure }, state)
  if (!begun.ok) return begun
  const progress = context.terminal.progress('sealing anew')
  let now = begun.value
  try {
    while (now.value.rotation.kind === 'running' && !context.signal.aborted) {
      progress.at(now.value.rotation.resealed ?? 0, undefined)
      if (!(await pauseBetween(1, context.signal))) break
      const next = await ask(
        context,
        { method: 'GET', path, failure: 'The change of the root key goes on; thingwall vault show tells how far.' },
        state,
      )
      if (!next.ok) return next
      now = next.value
    }
  } finally {
    progress.end()
  }
  return await print(context, given, now)
}

async function print(context: Context, given: Given, { value, raw }: { readonly value: State; readonly raw: unknown }): Promise<Outcome> {
  if (isSet(given, '--json')) {
    await context.terminal.printJson(raw, 2)
    return done
  }
  const { rotation, oldKeyIds } = value
  const left = (rotation.left ?? []).map(({ place, count }) => `${place} ${count}`).join(', ')
  await printMembers(context.terminal, [
    ['guard', styled('bold', value.protection)],
    ...value.place.map(({ name, value: what }): [string, string] => [name, what]),
    ['key file', value.path],
    ['root key', value.keyId],
    ['old keys', oldKeyIds.length === 0 ? '-' : oldKeyIds.join(', ')],
    ['change', rotation.kind === 'none' ? '-' : `${rotation.kind}, ${rotation.resealed ?? 0} sealed anew`],
    ...(left === '' ? [] : [['left under old keys', left] satisfies [string, string]]),
  ])
  if (oldKeyIds.length > 0 && rotation.kind === 'resealed' && left === '')
    context.terminal.say('The old key leaves the key file when the hub starts next. Back up the key file then.')
  return done
}
