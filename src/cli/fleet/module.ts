import { time, receipt } from '../api.ts'
import { ask } from '../ask.ts'
import { receiptText } from '../device/change.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, position, text, texts } from '../given.ts'
import { devicePath, identityPath } from '../hub.ts'
import { type Piece, styled } from '../line.ts'
import { anything, flag, list, maybe, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printMembers, printTable } from '../table.ts'

const module_ = object({
  device: textShape,
  id: textShape,
  etag: textShape,
  managedBy: maybe(textShape),
  authentication: object({ type: textShape, primaryThumbprint: maybe(textShape), secondaryThumbprint: maybe(textShape) }),
  connected: flag,
  createdAt: time,
  updatedAt: time,
})

const words: ReadonlyMap<string, string> = new Map([
  ['none', 'its device'],
  ['certificateAuthority', 'certificate of this hub'],
  ['selfSigned', 'own certificate (thumbprint)'],
  ['sas', 'shared keys (SAS)'],
])
const proof = (type: string) => words.get(type) ?? type
const online = (connected: boolean): Piece => (connected ? styled('green', 'yes') : 'no')

/** `module ls`: the modules of a device. */
export const moduleLs: Run = async (context, given) => {
  const device = position(given, 0)
  const request = { method: 'GET', path: devicePath(device, '/modules'), failure: `The modules of ${device} were not listed.` } as const
  const answer = await ask(context, request, object({ modules: list(module_) }))
  if (!answer.ok) return answer
  const { modules } = answer.value.value
  if (isSet(given, '--json')) await context.terminal.printJson(object({ modules: anything })(answer.value.raw, 'the answer').modules, 2)
  else {
    const row = (one: (typeof modules)[number]): Row => [
      one.id,
      online(one.connected),
      proof(one.authentication.type),
      one.managedBy ?? '-',
    ]
    await printTable(context.terminal, ['NAME', 'CONNECTED', 'PROVES ITSELF BY', 'MANAGED BY'], modules.map(row))
  }
  if (modules.length === 0 && context.terminal.isPerson)
    context.terminal.say(`No modules. Add one with: thingwall module add ${device}/camera`)
  return done
}

/** `device/module` as it was typed, or how it is written. */
function named(name: string) {
  return name.includes('/')
    ? undefined
    : stop(
        exit.usage,
        `"${name}" names no module.`,
        'a module is named by its device, a slash and itself.',
        'give for example pump-1/camera.',
      )
}

/** `module show`: one module. */
export const moduleShow: Run = async (context, given) => {
  const name = position(given, 0)
  const bad = named(name)
  if (bad !== undefined) return bad
  const answer = await ask(context, { method: 'GET', path: identityPath(name), failure: `Module ${name} was not found.` }, module_)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) {
    await context.terminal.printJson(answer.value.raw, 2)
    return done
  }
  const one = answer.value.value
  const { primaryThumbprint, secondaryThumbprint } = one.authentication
  await printMembers(context.terminal, [
    ['name', styled('bold', `${one.device}/${one.id}`)],
    ['connected', online(one.connected)],
    ['proves itself by', proof(one.authentication.type)],
    ...(primaryThumbprint === undefined ? [] : [['primary thumbprint', primaryThumbprint] as const]),
    ...(secondaryThumbprint === undefined ? [] : [['secondary thumbprint', secondaryThumbprint] as const]),
    ['managed by', one.managedBy ?? '-'],
    ['created', one.createdAt],
    ['changed', one.updatedAt],
    ['etag', one.etag],
  ])
  return done
}

const added = object({ module: module_, connectionString: maybe(textShape) })

/** `module add`: adds a module to a device. Shared keys are in the connection string that is printed, and nowhere else. */
export const moduleAdd: Run = async (context, given) => {
  const name = position(given, 0)
  const bad = named(name)
  if (bad !== undefined) return bad
  const slash = name.indexOf('/')
  const prints = texts(given, '--thumbprint')
  if (prints.length > 2 || (prints.length > 0 && text(given, '--auth') !== undefined))
    return stop(exit.usage, '--thumbprint is given once or twice, and without --auth.', undefined, 'leave one of them out.')
  const authentication =
    prints.length > 0
      ? { type: 'selfSigned', primaryThumbprint: prints[0], secondaryThumbprint: prints[1] ?? null }
      : { type: text(given, '--auth') ?? 'none' }
  const body = { id: name.slice(slash + 1), authentication, managedBy: text(given, '--managed-by') }
  const request = {
    method: 'POST',
    path: devicePath(name.slice(0, slash), '/modules'),
    body,
    failure: `Module ${name} was not added.`,
  } as const
  const answer = await ask(context, request, added)
  if (!answer.ok) return answer
  const { connectionString } = answer.value.value
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    context.terminal.say([styled('green', 'added'), ' module ', styled('bold', name)])
    if (connectionString !== undefined) await context.terminal.print(connectionString)
  }
  return done
}

/** `module rm`: deletes a module and ends its sessions. */
export const moduleRemove: Run = async (context, given) => {
  const name = position(given, 0)
  const bad = named(name)
  if (bad !== undefined) return bad
  const ifMatch = text(given, '--if-match')
  const request = { method: 'DELETE', path: identityPath(name), ifMatch, failure: `Module ${name} was not deleted.` } as const
  const answer = await ask(context, request, object({ receipt }))
  if (!answer.ok) return answer
  const closed = answer.value.value.receipt
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else await context.terminal.print([styled('green', 'deleted'), ' module ', styled('bold', name), `, ${receiptText(closed)}`])
  return closed.closed < closed.of ? { ok: true, value: exit.failed } : done
}
