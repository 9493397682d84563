import { resolve } from 'node:path'
import type { Result } from '#base'
import { time } from '../api.ts'
import { ask } from '../ask.ts'
import { readGiven, writeCertificate, writeKey } from '../device/files.io.ts'
import { type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text } from '../given.ts'
import { styled } from '../line.ts'
import { anything, list, maybe, number, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printMembers, printTable } from '../table.ts'

const request = object({ id: textShape, role: textShape, requestPem: textShape, keySha256: textShape, madeAt: time })
const requests = object({ requests: list(request) })
const imported = object({
  role: textShape,
  serial: textShape,
  subject: textShape,
  fingerprintSha256: textShape,
  rootSha256: textShape,
  notAfter: time,
})
const authority = object({
  serial: textShape,
  role: textShape,
  origin: textShape,
  place: textShape,
  state: textShape,
  subject: textShape,
  fingerprintSha256: textShape,
  notAfter: time,
  living: number,
})
const authorities = object({
  keys: object({ title: textShape, state: textShape, message: maybe(textShape) }),
  authorities: list(authority),
})
const exported = object({ pem: textShape })
const removed = object({ serial: textShape, fingerprintSha256: textShape, subject: textShape, removedAt: time })

const requestsPath = '/api/v1/pki/issuer-requests'

/** `pki authorities`: roots and issuers, where their keys are, and how that place is. */
export const authorityLs: Run = async (context, given) => {
  const answer = await ask(
    context,
    { method: 'GET', path: '/api/v1/pki/authorities', failure: 'The authorities were not listed.' },
    authorities,
  )
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const { keys, authorities: all } = answer.value.value
    const rows = all.map((one): Row => {
      const good = one.state === 'active'
      return [
        one.role,
        one.subject,
        styled(good ? 'green' : 'yellow', one.state),
        one.origin,
        one.place,
        `${one.living}`,
        one.notAfter,
        one.serial,
      ]
    })
    await printTable(context.terminal, ['ROLE', 'SUBJECT', 'STATE', 'ORIGIN', 'KEY', 'LIVING', 'UNTIL', 'SERIAL'], rows)
    context.terminal.say(`new keys are made in ${keys.title}: ${keys.state}${keys.message === undefined ? '' : `, ${keys.message}`}`)
  }
  return done
}

/** `pki issuer request`: makes the key of an issuer and writes the request for it. */
export const issuerRequest: Run = async (context, given) => {
  const role = text(given, '--role')
  if (role === undefined)
    return stop(exit.usage, 'Nothing says what the issuer is for.', undefined, 'give --role devices or --role servers.')
  const out = text(given, '--out')
  const answer = await ask(context, { method: 'POST', path: requestsPath, body: { role }, failure: 'No request was made.' }, request)
  if (!answer.ok) return answer
  const { id, requestPem, keySha256 } = answer.value.value
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else if (out === undefined) await context.terminal.print(requestPem.trimEnd())
  else {
    const written = attempt(() => writeCertificate(resolve(out), requestPem, isSet(given, '--force')), out)
    if (!written.ok) return written
    await context.terminal.print([styled('green', 'made'), ' request ', styled('bold', id), ` in ${out}`])
  }
  context.terminal.say(`key SHA-256 ${keySha256}; have it signed, then: thingwall pki issuer import CHAIN --root FINGERPRINT`)
  return done
}

/** `pki issuer requests`: what waits for its certificate. */
export const issuerRequests: Run = async (context, given) => {
  const answer = await ask(context, { method: 'GET', path: requestsPath, failure: 'The requests were not listed.' }, requests)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const rows = answer.value.value.requests.map((one): Row => [styled('bold', one.id), one.role, one.madeAt, one.keySha256])
    await printTable(context.terminal, ['REQUEST', 'ROLE', 'MADE', 'KEY'], rows)
  }
  return done
}

/** `pki issuer forget`: forgets a request and its key. */
export const issuerForget: Run = async (context, given) => {
  const id = position(given, 0)
  const path = `${requestsPath}/${encodeURIComponent(id)}`
  const answer = await ask(context, { method: 'DELETE', path, failure: `Request ${id} was not forgotten.` }, anything)
  if (!answer.ok) return answer
  await context.terminal.print([styled('green', 'forgotten'), ' ', styled('bold', id)])
  return done
}

/** `pki issuer import`: takes the certificate that was signed elsewhere, with what stands above it. */
export const issuerImport: Run = async (context, given) => {
  const issuer = readGiven(position(given, 0), 'certificate')
  if (!issuer.ok) return issuer
  const chainFile = text(given, '--chain')
  const chain = chainFile === undefined ? undefined : readGiven(chainFile, 'chain')
  if (chain?.ok === false) return chain
  const rootSha256 = text(given, '--root')
  const body = {
    chainPem: `${issuer.value.trimEnd()}\n${chain?.value ?? ''}`,
    ...(rootSha256 === undefined ? {} : { rootSha256 }),
  }
  const answer = await ask(
    context,
    { method: 'POST', path: '/api/v1/pki/issuers', body, failure: 'The issuer was not imported.' },
    imported,
  )
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const { role, subject, serial, fingerprintSha256, rootSha256: root, notAfter } = answer.value.value
    await printMembers(context.terminal, [
      ['issues for', role],
      ['subject', subject],
      ['serial', serial],
      ['fingerprint', fingerprintSha256],
      ['root', root],
      ['until', notAfter],
    ])
  }
  return done
}

/** `pki root export`: the root and its key into a file, encrypted under a passphrase. */
export const rootExport: Run = async (context, given) => {
  const out = text(given, '--out')
  if (out === undefined) return stop(exit.usage, 'Nothing says where the root goes.', undefined, 'give --out FILE.')
  const passphrase = passphraseOf(given)
  if (!passphrase.ok) return passphrase
  const file = readGiven(passphrase.value, 'passphrase')
  if (!file.ok) return file
  const body = { passphrase: file.value.replace(/[\r\n]+$/, '') }
  const answer = await ask(
    context,
    { method: 'POST', path: '/api/v1/pki/root/export', body, failure: 'The root was not exported.' },
    exported,
  )
  if (!answer.ok) return answer
  const written = attempt(() => writeKey(resolve(out), answer.value.value.pem, isSet(given, '--force')), out)
  if (!written.ok) return written
  await context.terminal.print([styled('green', 'exported'), ' ', styled('bold', out)])
  context.terminal.say(`The key is still in the hub. Remove it: thingwall pki root remove-key --from ${out} --passphrase-file FILE`)
  return done
}

/** `pki root remove-key`: removes the root's key from the hub, once its export was opened here. */
export const rootRemoveKey: Run = async (context, given) => {
  const files = filesOf(given)
  if (!files.ok) return files
  const { proofOfExport } = await import('#server')
  const proof = proofOfExport(files.value)
  if (!proof.ok)
    return stop(exit.usage, 'The key was not removed.', proof.error.message, 'use the file that was exported, and its passphrase.')
  const body = { proof: proof.value }
  const answer = await ask(
    context,
    { method: 'POST', path: '/api/v1/pki/root/remove-key', body, failure: 'The key was not removed.' },
    removed,
  )
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const { subject, serial, fingerprintSha256, removedAt } = answer.value.value
    await printMembers(context.terminal, [
      ['removed the key of', subject],
      ['serial', serial],
      ['fingerprint', fingerprintSha256],
      ['at', removedAt],
    ])
  }
  context.terminal.say('Earlier backups of this hub still hold it, sealed: keep them as you keep the root, or destroy them.')
  return done
}

/** `pki root sign`: signs the request of an issuer with an exported root. Needs no hub. */
export const rootSign: Run = async (context, given) => {
  const files = filesOf(given)
  if (!files.ok) return files
  const request = readGiven(position(given, 0), 'signing request')
  if (!request.ok) return request
  const { signWithRoot } = await import('#server')
  const signed = await signWithRoot(files.value, request.value)
  if (!signed.ok) return stop(exit.usage, 'Nothing was signed.', signed.error.message, 'docs/pki.md has the whole way.')
  const { chainPem, serial, fingerprintSha256 } = signed.value
  const out = text(given, '--out')
  if (out === undefined) await context.terminal.print(chainPem.trimEnd())
  else {
    const written = attempt(() => writeCertificate(resolve(out), chainPem, isSet(given, '--force')), out)
    if (!written.ok) return written
    await context.terminal.print([styled('green', 'signed'), ' ', styled('bold', out)])
  }
  context.terminal.say(`write down: serial ${serial}, fingerprint ${fingerprintSha256}`)
  return done
}

function passphraseOf(given: Given): Result<string, Problem> {
  const file = text(given, '--passphrase-file')
  return file === undefined
    ? stop(exit.usage, 'Nothing says under which passphrase.', undefined, 'give --passphrase-file FILE.')
    : { ok: true, value: file }
}

function filesOf(given: Given): Result<{ readonly rootFile: string; readonly passphraseFile: string }, Problem> {
  const rootFile = text(given, '--from')
  if (rootFile === undefined) return stop(exit.usage, 'Nothing says where the exported root is.', undefined, 'give --from FILE.')
  const passphrase = passphraseOf(given)
  return passphrase.ok ? { ok: true, value: { rootFile, passphraseFile: passphrase.value } } : passphrase
}

function attempt(write: () => void, path: string): Result<void, Problem> {
  try {
    write()
    return { ok: true, value: undefined }
  } catch (error) {
    return stop(
      exit.conflict,
      `${path} was not written.`,
      error instanceof Error ? error.message : 'the system says no.',
      'choose another --out, or say --force.',
    )
  }
}
