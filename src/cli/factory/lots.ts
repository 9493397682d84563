import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import { Secret } from '#base'
import { encodeCertificate, encodeExtensions, encodeName, encodeRequestInfo, keyIdentifier, parsePublicKey } from '#wire/x509'
import { ask } from '../ask.ts'
import { time } from '../api.ts'
import { done, exit, stop } from '../exit.ts'
import { isSet, position, text, wholeNumber } from '../given.ts'
import { styled } from '../line.ts'
import { list, maybe, number, object, text as textShape } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printTable } from '../table.ts'
import { readLot, readPassphrase, writeLot } from './lot-files.io.ts'

const lot = object({
  lot: textShape,
  group: textShape,
  state: textShape,
  count: number,
  known: number,
  reported: number,
  registered: number,
  makeUntil: time,
})
const lots = object({ lots: list(lot) })
const exported = object({ manifest: textShape })
const report = object({
  merged: number,
  known: number,
  refused: list(object({ number, serial: textShape, registration: textShape, reason: textShape })),
  broken: maybe(object({ line: number, reason: textShape })),
})

const pathOf = (name: string, rest = '') => `/api/v1/lots/${encodeURIComponent(name)}${rest}`

function secondsOf(span: string): number | undefined {
  const [, count, unit] = /^([1-9]\d{0,4})([hd])$/.exec(span) ?? []
  return unit === undefined ? undefined : Number(count) * (unit === 'h' ? 3_600 : 86_400)
}

/** `factory lot add`: makes a lot at the hub. */
export const lotAdd: Run = async (context, given) => {
  const name = position(given, 0)
  const count = wholeNumber(given, '--count', 1, 5_000)
  if (!count.ok) return count
  const expires = secondsOf(text(given, '--expires') ?? '30d')
  const shelf = secondsOf(text(given, '--shelf') ?? '180d')
  const group = text(given, '--group') ?? name
  if (count.value === undefined) return stop(exit.usage, 'It is not said how many devices.', undefined, 'say for example --count 500.')
  if (expires === undefined || shelf === undefined)
    return stop(exit.usage, 'A time cannot be read.', 'it is a number of hours or days.', 'give for example --expires 30d.')
  const pattern = text(given, '--names') ?? `${name}-{serial}`
  const rest = { expiresInSeconds: expires, shelfSeconds: shelf, strict: isSet(given, '--strict') }
  const body = { lot: name, group, pattern, count: count.value, ...rest }
  const answer = await ask(context, { method: 'POST', path: '/api/v1/lots', body, failure: 'No lot was made.' }, lot)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else
    await context.terminal.print([
      styled('green', 'made'),
      ' ',
      styled('bold', name),
      ` ${body.count} devices of group ${group}, to be made until ${answer.value.value.makeUntil}`,
    ])
  return done
}

/** `factory lot ls`: every lot and how far it is. */
export const lotLs: Run = async (context, given) => {
  const answer = await ask(context, { method: 'GET', path: '/api/v1/lots', failure: 'The lots were not listed.' }, lots)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    const rows = answer.value.value.lots.map((one): Row => [
      styled('bold', one.lot),
      one.group,
      one.state,
      `${one.count}`,
      `${one.reported}`,
      `${one.registered}`,
      one.makeUntil,
    ])
    await printTable(context.terminal, ['LOT', 'GROUP', 'STATE', 'DEVICES', 'REPORTED', 'REGISTERED', 'UNTIL'], rows)
  }
  return done
}

/** `factory lot revoke`: nothing of a lot registers or connects any more. */
export const lotRevoke: Run = async (context, given) => {
  const name = position(given, 0)
  const answer = await ask(context, { method: 'POST', path: pathOf(name, '/revoke'), failure: `Lot ${name} was not revoked.` }, lot)
  if (!answer.ok) return answer
  await context.terminal.print([
    styled('green', 'revoked'),
    ' ',
    styled('bold', name),
    ` and the ${answer.value.value.known} devices known of it`,
  ])
  return done
}

/** `factory export`: makes the key of a lot here, lets the hub vouch for it, and writes the folder for the station. The hub never has the key. */
export const factoryExport: Run = async (context, given) => {
  const name = position(given, 0)
  const folder = text(given, '--out') ?? name
  const passphrase = readPassphrase(text(given, '--passphrase-file') ?? '')
  if (!passphrase.ok) return passphrase
  using secret = passphrase.value
  if (readLot(folder).ok) return stop(exit.conflict, `${folder} holds a lot already.`, 'its key would be lost.', 'choose another --out.')
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { format: 'der', type: 'spki' },
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
  })
  using key = new Secret(pair.privateKey)
  const publicKey = parsePublicKey(pair.publicKey)
  if (!publicKey.ok) throw new Error('bug: a fresh key cannot be read')
  const subjectKeyId = keyIdentifier(publicKey.value)
  const extensions = encodeExtensions({ keyUsage: ['keyCertSign'], extendedKeyUsage: [], subjectKeyId })
  const info = encodeRequestInfo({ subject: encodeName({ commonName: name }), publicKey: pair.publicKey, extensions })
  const proof = key.use((der) => sign('sha256', info, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })))
  // A signing request is put together as a certificate is: what is signed, by what, the signature.
  const csr = encodeCertificate(info, 'ecdsa-sha256', proof).toString('base64')
  const request = { method: 'POST', path: pathOf(name, '/export'), body: { csr }, failure: `Lot ${name} was not exported.` } as const
  const answer = await ask(context, request, exported)
  if (!answer.ok) return answer
  const written = writeLot(folder, answer.value.value.manifest, key, secret)
  if (!written.ok) return written
  await context.terminal.print([styled('green', 'exported'), ' ', styled('bold', name), ` to ${folder}`])
  context.terminal.say('Take the folder to the station, and the passphrase by another way. It cannot be exported again.')
  return done
}

/** `factory report`: takes a station's ledger back to the hub. Exit 1 when something in it should not have been made. */
export const factoryReport: Run = async (context, given) => {
  const files = readLot(position(given, 0))
  if (!files.ok) return files
  const name = text(given, '--lot') ?? lotNameIn(files.value.manifest)
  const body = { ledger: files.value.ledger }
  const answer = await ask(context, { method: 'POST', path: pathOf(name, '/report'), body, failure: 'The ledger was not taken.' }, report)
  if (!answer.ok) return answer
  const { merged, known, refused, broken } = answer.value.value
  if (isSet(given, '--json')) await context.terminal.printJson(answer.value.raw, 2)
  else {
    await context.terminal.print([styled('green', 'reported'), ` ${merged} new, ${known} known before, ${refused.length} refused`])
    for (const one of refused)
      await context.terminal.print([styled('red', 'refused'), ` line ${one.number} ${one.registration} (${one.serial}): ${one.reason}`])
    if (broken !== undefined) await context.terminal.print([styled('red', 'broken'), ` from line ${broken.line} on: ${broken.reason}`])
  }
  return { ok: true, value: refused.length === 0 && broken === undefined ? exit.ok : exit.failed }
}

function lotNameIn(manifest: string): string {
  return /"lot": ?"([a-z0-9-]{1,32})"/.exec(manifest)?.[1] ?? ''
}
