import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate of its own for a name, with its key, both PEM. */
export type OwnCertificate = { readonly cert: string; readonly key: string }

/** Makes it, as somebody does who records a conversation between two others. */
export function certificateFor(name: string): OwnCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-tape-'))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  try {
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
    execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', cert], { stdio: ['ignore', 'ignore', 'pipe'] })
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A conversation, line by line: who speaks (`C` the client, `S` the server) and what is said. */
export type Line = string

/** What differs from run to run, or is the client's own affair, by the same word everywhere. */
export function normal(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '{uuid}')
    .replaceAll(/\$rid=[0-9a-f]{1,8}(?=")/g, '$rid={n}')
    .replaceAll(/\d{4}-\d{2}-\d{2}T\d{2}(?::|%3A)\d{2}(?::|%3A)\d{2}(?:\.\d+)?Z/g, '{time}')
    .replaceAll(/sig=[^&\s"]+/g, 'sig={sig}')
    .replaceAll(/se=\d+/g, 'se={se}')
    .replaceAll(/DeviceClientType=[^&"\s]+/g, 'DeviceClientType={agent}')
}

/**
 * What each side says otherwise than in the transcript, in its order. How the two interleave is not compared: a client that asks twice before it
 * waits may be answered in between or after.
 */
export function conversationDifferences(transcript: readonly Line[], hub: readonly Line[]): readonly string[] {
  const of = (lines: readonly Line[], side: string) => lines.filter((line) => line.startsWith(side))
  return ['C ', 'S '].flatMap((side) => differences(of(transcript, side), of(hub, side)))
}

/** Lines that one side has and the other has not, in their order: `-` the transcript alone, `+` the hub alone. */
export function differences(transcript: readonly Line[], hub: readonly Line[]): readonly string[] {
  // The longest common sequence, by the table that everybody draws.
  const lengths = Array.from({ length: transcript.length + 1 }, () => Array.from(hub, () => 0))
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0
  for (let i = transcript.length - 1; i >= 0; i--)
    for (let j = hub.length - 1; j >= 0; j--) {
      const row = lengths[i]
      if (row !== undefined) row[j] = transcript[i] === hub[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  const found: string[] = []
  let [i, j] = [0, 0]
  while (i < transcript.length || j < hub.length) {
    if (i < transcript.length && j < hub.length && transcript[i] === hub[j]) [i, j] = [i + 1, j + 1]
    else if (j >= hub.length || (i < transcript.length && at(i + 1, j) >= at(i, j + 1))) found.push(`- ${transcript[i++]}`)
    else found.push(`+ ${hub[j++]}`)
  }
  return found
}
