import { join } from 'node:path'
import { type Result, isoTime, ok } from '#base'
import { decodePem, encodePem } from '#wire/x509'
import { devicePaths, makeDirectory, writeCertificate, writeKey } from '../device/files.io.ts'
import { type Outcome, type Problem, done, exit, stop } from '../exit.ts'
import { isSet, position, text } from '../given.ts'
import { readInput } from '../input.io.ts'
import type { Run } from '../spec.ts'
import { checkDevice } from './checks.ts'
import { labelCode, labelText } from './label.ts'
import { appendLine, openLotKey, readLot, readPassphrase, takeFolder } from './lot-files.io.ts'
import { type MadeDevice, type Station, afterMaking, fingerprintOf, makeDevice, openStation } from './station.ts'

type Order = { readonly serial: string; readonly csr: Buffer | undefined }

/** `factory make`: makes devices of a lot, without a hub. Their names, fingerprints and label texts are printed as CSV. */
export const factoryMake: Run = async (context, given) => {
  const folder = position(given, 0)
  const orders = ordersOf(text(given, '--serial'), text(given, '--from'), text(given, '--csr'))
  if (!orders.ok) return orders
  const passphrase = readPassphrase(text(given, '--passphrase-file') ?? '')
  if (!passphrase.ok) return passphrase
  using secret = passphrase.value
  const taken = takeFolder(folder)
  if (!taken.ok) return taken
  using _folder = taken.value
  const files = readLot(folder)
  if (!files.ok) return files
  const key = openLotKey(folder, files.value.manifest, secret)
  if (!key.ok) return key
  const opened = openStation(files.value.manifest, files.value.ledger)
  if (!opened.ok) return refused('Nothing was made.', opened.error)
  let station = opened.value
  const out = text(given, '--out') ?? join(folder, 'devices')
  const room = makeDirectory(out)
  if (!room.ok) return room
  await context.terminal.print('registration_id,sha256,serial,label')
  for (const order of orders.value) {
    const now = context.clock.now()
    const made = makeDevice(station, key.value, order, now)
    if (!made.ok) return refused(`Nothing was made for serial number ${order.serial}.`, made.error)
    appendLine(folder, station.ledgerBytes, made.value.line)
    station = afterMaking(station, made.value, now)
    writeDevice(out, station, made.value)
    const fingerprint = fingerprintOf(made.value.certificate)
    const label = labelText(made.value.name, station.manifest.lot, fingerprint)
    await context.terminal.print(`${made.value.name},${fingerprint},${made.value.certificate.serial},${label}`)
    if (isSet(given, '--qr')) for (const line of labelCode(label, 'term').split('\n')) context.terminal.say(line)
  }
  const left = station.manifest.claims.length - station.entries.length
  context.terminal.say(`${orders.value.length} made; ${left} left until ${isoTime(station.manifest.makeUntil)}. Files are in ${out}.`)
  return done
}

/** `factory dry-run`: says check by check whether a hub would register a device, and how to mend what is wrong. Exit 1 when it would not. */
export const factoryDryRun: Run = async (context, given): Promise<Outcome> => {
  const files = readLot(position(given, 0))
  if (!files.ok) return files
  const station = openStation(files.value.manifest, files.value.ledger)
  if (!station.ok) return refused('The lot cannot be read.', station.error)
  const path = position(given, 1)
  const bytes = readInput(path, 'certificate')
  if (!bytes.ok) return bytes
  const checks = checkDevice(station.value, derOf(bytes.value, 'CERTIFICATE'), context.clock.now())
  if (isSet(given, '--json')) await context.terminal.printJson(checks, 2)
  else
    for (const one of checks)
      await context.terminal.print(
        `${one.ok ? 'pass' : 'FAIL'}  ${one.name}: ${one.says}${one.fix === '' ? '' : `. To mend it: ${one.fix}`}`,
      )
  return ok(checks.every((one) => one.ok) ? exit.ok : exit.failed)
}

function writeDevice(out: string, { manifest }: Station, { name, certificate, privateKeyPem }: MadeDevice): void {
  const paths = devicePaths(out, name)
  // The issuer goes along: without it nobody finds the way to the root.
  const chain = [certificate, manifest.chain[0]].map(({ der }) => encodePem('CERTIFICATE', der)).join('')
  if (privateKeyPem !== undefined) writeKey(paths.key, privateKeyPem, false)
  writeCertificate(paths.cert, chain, false)
  const label = labelText(name, manifest.lot, fingerprintOf(certificate))
  writeCertificate(paths.cert.replace(/\.cert\.pem$/, '.label.svg'), labelCode(label, 'svg'), false)
}

function ordersOf(serial: string | undefined, from: string | undefined, csr: string | undefined): Result<readonly Order[], Problem> {
  const one = 'say --serial SN, or --from serials.csv.'
  if ((serial === undefined) === (from === undefined)) return stop(exit.usage, 'It is not said which devices to make.', undefined, one)
  if (serial !== undefined) {
    const request = csr === undefined ? ok(undefined) : readInput(csr, 'signing request')
    if (!request.ok) return request
    return ok([{ serial, csr: request.value && derOf(request.value, 'CERTIFICATE REQUEST') }])
  }
  if (csr !== undefined) return stop(exit.usage, 'A signing request is for one device.', undefined, 'say --csr with --serial.')
  const list = readInput(from ?? '', 'list of serial numbers')
  if (!list.ok) return list
  // The first column, whatever stands behind it.
  const serials = list.value
    .toString('utf8')
    .split(/\r?\n/)
    .map((line) => (line.split(',')[0] ?? '').trim())
  const named = serials.filter((one, at) => one !== '' && !(at === 0 && one.toLowerCase() === 'serial'))
  return ok(named.map((one) => ({ serial: one, csr: undefined })))
}

function derOf(bytes: Buffer, label: 'CERTIFICATE' | 'CERTIFICATE REQUEST'): Buffer {
  const blocks = bytes.includes('-----BEGIN') ? decodePem(label, bytes.toString('latin1')) : undefined
  return (blocks?.ok === true ? blocks.value[0] : undefined) ?? bytes
}

function refused(what: string, { code, message }: { readonly code: string; readonly message: string }): ReturnType<typeof stop> {
  return { ok: false, error: { exit: exit.denied, what, why: message, code } }
}
