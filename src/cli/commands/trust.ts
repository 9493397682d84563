import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { done, exit, stop } from '../exit.ts'
import { isSet, text } from '../given.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { readGiven } from '../device/files.io.ts'

type Way = { readonly title: string; readonly lines: (file: string) => readonly string[] }

// Single quotes keep a shell from reading anything in the path.
const quoted = (file: string) => (/^[A-Za-z0-9._/-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`)

const ways: ReadonlyMap<string, Way> = new Map([
  [
    'debian',
    {
      title: 'Debian, Ubuntu',
      lines: (file) => [`sudo cp ${quoted(file)} /usr/local/share/ca-certificates/thingwall.crt`, 'sudo update-ca-certificates'],
    },
  ],
  [
    'fedora',
    {
      title: 'Fedora, RHEL',
      lines: (file) => [`sudo cp ${quoted(file)} /etc/pki/ca-trust/source/anchors/thingwall.pem`, 'sudo update-ca-trust'],
    },
  ],
  [
    'macos',
    {
      title: 'macOS',
      lines: (file) => [`sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ${quoted(file)}`],
    },
  ],
  ['windows', { title: 'Windows (as administrator)', lines: (file) => [`certutil -addstore -f Root "${file}"`] }],
  [
    'chrome',
    {
      title: 'Chrome on Linux (package libnss3-tools)',
      lines: (file) => [`certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n thingwall -i ${quoted(file)}`],
    },
  ],
  ['firefox', { title: 'Firefox', lines: (file) => [`Settings, Certificates, View Certificates, Authorities, Import: ${file}`] }],
  ['node', { title: 'Node.js programs', lines: (file) => [`export NODE_EXTRA_CA_CERTS=${quoted(file)}`] }],
])

/** `trust`: the root's fingerprint, and how each system is made to trust it. Changes nothing itself. */
export const trust: Run = async (context, given) => {
  const file = join(context.data, 'root.pem')
  const pem = readGiven(file, 'root certificate')
  if (!pem.ok)
    return stop(
      exit.unreachable,
      'The root certificate was not found.',
      `${file} cannot be read.`,
      'start the hub once, or name its directory with --data.',
    )
  const root = new X509Certificate(pem.value)
  if (isSet(given, '--json')) {
    await context.terminal.printJson(
      { file, fingerprintSha256: root.fingerprint256, subject: root.subject, notAfter: root.validToDate.toISOString() },
      2,
    )
    return done
  }
  const { terminal } = context
  await terminal.print([styled('dim', 'root         '), file])
  // As the hub prints it at its start, then as browsers and openssl do.
  const hex = root.fingerprint256.replaceAll(':', '').toLowerCase()
  await terminal.print([styled('dim', 'SHA-256      '), styled('bold', hex.match(/.{1,4}/g)?.join(' ') ?? hex)])
  await terminal.print([styled('dim', '             '), root.fingerprint256])
  await terminal.print([styled('dim', 'valid until  '), root.validToDate.toISOString()])
  const only = text(given, '--system')
  for (const [name, way] of ways) {
    if (only !== undefined && only !== name) continue
    await terminal.print('')
    await terminal.print(styled('bold', way.title))
    for (const line of way.lines(file)) await terminal.print(`  ${line}`)
  }
  terminal.say('')
  terminal.say('Compare the fingerprint with the one that the hub prints when it starts, before you trust it.')
  return done
}
