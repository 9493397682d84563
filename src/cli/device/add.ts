import { type Result, ok, parseDeviceId } from '#base'
import { added } from '../api.ts'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text, texts } from '../given.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { addMany } from './bulk.ts'
import { type DevicePaths, checkRoom, devicePaths, makeDirectory, readGiven, writeCertificate, writeKey, writeRoot } from './files.io.ts'
import { snippet } from './snippets.ts'

/** `device add`: one device with its files and a snippet, or many (see bulk.ts). */
export const deviceAdd: Run = async (context, given) => {
  const name = position(given, 0)
  const many = text(given, '--count') !== undefined || text(given, '--csv') !== undefined
  if (many && name !== '')
    return stop(
      exit.usage,
      'A name and --count or --csv do not go together.',
      undefined,
      'name one device, or give --count with --prefix, or --csv.',
    )
  if (many && text(given, '--auth') === 'sas')
    return stop(exit.usage, '--auth sas adds one device at a time.', 'its connection string is printed once.', 'name one device.')
  if (many) return addMany(context, given)
  if (name === '') return stop(exit.usage, 'No device was named.', undefined, 'for example: thingwall device add pump-1')
  const id = parseDeviceId(name)
  if (!id.ok)
    return stop(exit.usage, `"${name}" cannot be the name of a device.`, id.error.message, 'choose another name, for example pump-1.')
  return addOne(context, given, id.value)
}

async function addOne(context: Context, given: Given, name: string) {
  const proof = readProof(given)
  if (!proof.ok) return proof
  const out = text(given, '--out') ?? '.'
  const force = isSet(given, '--force')
  const paths = devicePaths(out, name)
  const room = checkRoom(proof.value.writes(paths), force)
  if (!room.ok) return room
  const answer = await ask(
    context,
    { method: 'POST', path: '/api/v1/devices', body: { id: name, ...proof.value.body }, failure: `Device ${name} was not added.` },
    added,
  )
  if (!answer.ok) return answer
  const { device, certificatePem, privateKeyPem, rootPem, connection } = answer.value.value
  const made = makeDirectory(out)
  if (!made.ok) return made
  // The key first: of all that could fail to be written, only it cannot be had again.
  if (privateKeyPem !== undefined) writeKey(paths.key, privateKeyPem, force)
  if (certificatePem !== undefined) writeCertificate(paths.cert, certificatePem, force)
  const root = writeRoot(paths.root, rootPem, force)
  if (!root.ok) return root
  const files = { certificate: certificatePem && paths.cert, privateKey: privateKeyPem && paths.key, root: paths.root }
  if (isSet(given, '--json')) {
    await context.terminal.printJson({ device, files, connection }, 2)
    return done
  }
  context.terminal.say([styled('green', 'added '), styled('bold', name)])
  if (text(given, '--auth') === 'sas') {
    context.terminal.say('  This connection string holds the key of the device. It is shown now and never again.')
    context.terminal.say('  Shared keys are for a migration: give the device a certificate before the end date in the settings of the hub.')
    context.terminal.say('')
    await context.terminal.print(connection.connectionString ?? '')
    return done
  }
  for (const [what, path] of Object.entries(files)) if (path !== undefined) context.terminal.say(`  ${what.padEnd(12)} ${path}`)
  const wanted = texts(given, '--sdk')
  const shown = wanted.length > 0 ? wanted : ['node', 'mosquitto']
  if (privateKeyPem === undefined) context.terminal.say('The key stays with the device: put its path where the programs below name one.')
  for (const sdk of shown) {
    const found = snippet(sdk, { device: name, endpoint: connection, ...paths })
    if (!found) continue
    context.terminal.say('')
    context.terminal.say(styled('dim', found.title))
    for (const line of found.text.split('\n')) await context.terminal.print(line)
  }
  context.terminal.say('')
  context.terminal.say([styled('dim', 'see it arrive:  '), `thingwall watch --device ${name}`])
  return done
}

type Proof = { readonly body: Readonly<Record<string, unknown>>; readonly writes: (paths: DevicePaths) => readonly string[] }

/** How the device will prove who it is: a certificate of ours (default), one for its own key, or a self-signed one by thumbprint. */
function readProof(given: Given): Result<Proof, Problem> {
  const csr = text(given, '--csr')
  const thumbprints = texts(given, '--thumbprint')
  if (text(given, '--auth') === 'sas') {
    if (csr !== undefined || thumbprints.length > 0)
      return stop(
        exit.usage,
        '--auth sas goes with neither --csr nor --thumbprint.',
        'such a device has shared keys and no certificate.',
        'leave them out, or leave out --auth sas.',
      )
    return ok({ body: { authentication: { type: 'sas' }, issue: false }, writes: () => [] })
  }
  if (csr !== undefined && thumbprints.length > 0)
    return stop(
      exit.usage,
      '--csr and --thumbprint do not go together.',
      'a device has a certificate of the hub, or its own.',
      'give one of them.',
    )
  if (thumbprints.length > 2)
    return stop(
      exit.usage,
      'A device has at most two thumbprints.',
      'a primary and a secondary, to change certificates without a gap.',
      'give --thumbprint once or twice.',
    )
  if (thumbprints.length > 0) {
    const [primaryThumbprint, secondaryThumbprint] = thumbprints
    const authentication = { type: 'selfSigned', primaryThumbprint, ...(secondaryThumbprint === undefined ? {} : { secondaryThumbprint }) }
    return ok({ body: { authentication, issue: false }, writes: () => [] })
  }
  if (csr !== undefined) {
    const pem = readGiven(csr, 'certificate signing request')
    if (!pem.ok) return pem
    if (pem.value.includes('PRIVATE KEY'))
      return stop(
        exit.usage,
        `${csr} holds a private key.`,
        'a private key never leaves its device.',
        'give the certificate signing request alone.',
      )
    return ok({ body: { csr: pem.value }, writes: (paths) => [paths.cert] })
  }
  return ok({ body: {}, writes: (paths) => [paths.key, paths.cert] })
}
