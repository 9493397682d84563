import { device, receipt } from '../api.ts'
import type { ApiReceipt } from '../api.ts'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Outcome, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, positions, text, texts } from '../given.ts'
import { devicePath } from '../hub.ts'
import { styled } from '../line.ts'
import { maybe, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { checkRoom, devicePaths, makeDirectory, readGiven, writeCertificate, writeKey, writeRoot } from './files.io.ts'

const changed = object({ device, receipt: maybe(receipt) })

/** "closed 3 of 3 sessions in 41 ms", with the transports when there are several. */
export function receiptText(given: ApiReceipt): string {
  const sessions = `closed ${given.closed} of ${given.of} session${given.of === 1 ? '' : 's'} in ${Math.round(given.elapsedMs)} ms`
  const transports = [...(given.transports ?? new Map<string, number>())].filter(([, count]) => count > 0)
  return transports.length === 0 ? sessions : `${sessions} (${transports.map(([name, count]) => `${count} ${name}`).join(', ')})`
}

/** A receipt that left a session open is a failure, whatever else went well. */
/** What the command comes to: a session that is left is a failure. */
export function ofReceipt(given: ApiReceipt | undefined): Outcome {
  return given !== undefined && given.closed < given.of ? { ok: true, value: exit.failed } : done
}

async function patch(
  context: Context,
  given: Given,
  name: string,
  body: Readonly<Record<string, unknown>>,
  verb: string,
): Promise<Outcome> {
  const request = {
    method: 'PATCH',
    path: devicePath(name),
    body,
    ifMatch: text(given, '--if-match'),
    failure: `Device ${name} was not ${verb}.`,
  } as const
  const answer = await ask(context, request, changed)
  if (!answer.ok) return answer
  const closed = answer.value.value.receipt
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else
    await context.terminal.print([styled('green', verb), ' ', styled('bold', name), closed === undefined ? '' : `, ${receiptText(closed)}`])
  return ofReceipt(closed)
}

/** `device enable`: lets it connect again. */
export const deviceEnable: Run = async (context, given) =>
  patch(context, given, position(given, 0), { status: 'enabled', statusReason: null }, 'enabled')

/** `device disable`: refuses it, and ends its sessions now. */
export const deviceDisable: Run = async (context, given) =>
  patch(context, given, position(given, 0), { status: 'disabled', statusReason: text(given, '--reason') ?? null }, 'disabled')

/** `device set`: status, its reason, and how the device proves itself. */
export const deviceSet: Run = async (context, given) => {
  const [status, reason, thumbprints, ofHub] = [
    text(given, '--status'),
    text(given, '--reason'),
    texts(given, '--thumbprint'),
    isSet(given, '--issued'),
  ]
  if (ofHub && thumbprints.length > 0)
    return stop(exit.usage, '--issued and --thumbprint do not go together.', undefined, 'give one of them.')
  if (thumbprints.length > 2)
    return stop(exit.usage, 'A device has at most two thumbprints.', undefined, 'give --thumbprint once or twice.')
  const own = { type: 'selfSigned', primaryThumbprint: thumbprints[0], secondaryThumbprint: thumbprints[1] ?? null }
  const authentication = ofHub ? { type: 'certificateAuthority' } : thumbprints.length > 0 ? own : undefined
  const body = {
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { statusReason: reason }),
    ...(authentication === undefined ? {} : { authentication }),
  }
  if (Object.keys(body).length === 0)
    return stop(exit.usage, 'Nothing to set was given.', undefined, 'give --status, --reason, --thumbprint or --issued.')
  return patch(context, given, position(given, 0), body, 'changed')
}

const removed = object({ receipt })

/** `device rm`: one or many; stops at the first that cannot be deleted. */
export const deviceRemove: Run = async (context, given) => {
  let outcome: Outcome = done
  for (const name of positions(given, 0)) {
    const request = {
      method: 'DELETE',
      path: devicePath(name),
      ifMatch: text(given, '--if-match'),
      failure: `Device ${name} was not deleted.`,
    } as const
    const answer = await ask(context, request, removed)
    if (!answer.ok) return answer
    const { receipt: closed } = answer.value.value
    if (isSet(given, '--json')) await context.terminal.printJson({ device: name, receipt: closedJson(closed) })
    else await context.terminal.print([styled('green', 'deleted'), ' ', styled('bold', name), `, ${receiptText(closed)}`])
    const ended = ofReceipt(closed)
    if (ended.ok && ended.value !== exit.ok) outcome = ended
  }
  return outcome
}

function closedJson(given: ApiReceipt) {
  return { ...given, transports: Object.fromEntries(given.transports ?? []) }
}

const renewed = object({ certificatePem: textShape, privateKeyPem: maybe(textShape) })

/** `device renew`: a fresh certificate, for a new key of the hub's making or for the key behind --csr. */
export const deviceRenew: Run = async (context, given) => {
  const name = position(given, 0)
  const csr = text(given, '--csr')
  const pem = csr === undefined ? undefined : readGiven(csr, 'certificate signing request')
  if (pem?.ok === false) return pem
  const out = text(given, '--out') ?? '.'
  const force = isSet(given, '--force')
  const paths = devicePaths(out, name)
  const room = checkRoom(csr === undefined ? [paths.key, paths.cert] : [paths.cert], force)
  if (!room.ok) return room
  const hub = context.hub()
  if (!hub.ok) return hub
  const request = {
    method: 'POST',
    path: devicePath(name, '/certificates'),
    body: pem?.ok ? { csr: pem.value } : {},
    failure: `${name} got no new certificate.`,
  } as const
  const answer = await ask(context, request, renewed)
  if (!answer.ok) return answer
  const made = makeDirectory(out)
  if (!made.ok) return made
  const { certificatePem, privateKeyPem } = answer.value.value
  if (privateKeyPem !== undefined) writeKey(paths.key, privateKeyPem, force)
  writeCertificate(paths.cert, certificatePem, force)
  const root = writeRoot(paths.root, hub.value.rootPem, force)
  if (!root.ok) return root
  if (isSet(given, '--json'))
    await context.terminal.printJson(
      { device: name, files: { certificate: paths.cert, privateKey: privateKeyPem && paths.key, root: paths.root } },
      2,
    )
  else
    context.terminal.say([
      styled('green', 'renewed'),
      ' ',
      styled('bold', name),
      `: ${paths.cert}${privateKeyPem === undefined ? '' : `, ${paths.key}`}`,
    ])
  return done
}
