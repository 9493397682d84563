import { type ExitCode, type Problem, exit } from './exit.ts'
import type { Line } from './line.ts'
import { styled } from './line.ts'
import { list, maybe, number, object, text } from './shape.ts'

/** The lines of a problem on stderr: what happened, why, fix. */
export function problemLines(problem: Problem): readonly Line[] {
  const lines: Line[] = [styled(['bold', 'red'], problem.what)]
  const why = [problem.why, problem.code === undefined ? undefined : `(${problem.code})`].filter((part) => part !== undefined).join(' ')
  if (why !== '') lines.push([styled('dim', '  why: '), why])
  if (problem.fix !== undefined) lines.push([styled('dim', '  fix: '), problem.fix])
  for (const line of problem.more ?? []) lines.push(`  ${line}`)
  return lines
}

const lineError = object({ line: maybe(number), path: maybe(text), message: text })
const shape = object({
  title: maybe(text),
  detail: maybe(text),
  code: maybe(text),
  reasons: maybe(list(text)),
  errors: maybe(list(lineError)),
})

/** Reads a problem document of the hub (RFC 9457) under the exit code that its status means. */
export function problemOf(what: string, status: number, body: unknown): Problem {
  const isDocument = typeof body === 'object' && body !== null && !Array.isArray(body)
  const { title, detail, code, reasons, errors } = shape(isDocument ? body : {}, 'the problem')
  const why = reasons?.join('; ') ?? detail ?? title ?? `the hub answered with status ${status}.`
  return {
    exit: code === 'access/policy-test-failed' ? exit.failed : exitOf(status),
    what,
    why,
    code,
    fix: fixOf(status, code),
    more: errors?.map(errorText),
  }
}

/** One of several things that are wrong: its line, its place, and what it is. */
export function errorText({
  line,
  path,
  message,
}: {
  readonly line?: number | undefined
  readonly path?: string | undefined
  readonly message: string
}): string {
  const where = [line === undefined ? '' : `line ${line}`, path ?? ''].filter((part) => part !== '').join(', ')
  // Text that is no YAML says its line itself.
  return where === '' || message.toLowerCase().startsWith(where) ? message : `${where}: ${message}`
}

function exitOf(status: number): ExitCode {
  if (status === 401 || status === 403) return exit.denied
  if (status === 404 || status === 410) return exit.notFound
  if (status === 409 || status === 412) return exit.conflict
  if (status === 400 || status === 413 || status === 415 || status === 421 || status === 422) return exit.usage
  if (status === 502 || status === 503 || status === 504) return exit.unreachable
  return exit.failed
}

const fixes: ReadonlyMap<string, string> = new Map([
  ['hub/device-exists', 'choose another name, or show the one there with "thingwall device show NAME".'],
  ['hub/device-not-found', 'list the devices with "thingwall device ls".'],
  ['hub/etag-differs', 'look at it with "thingwall device show NAME" and give its etag of now.'],
  ['hub/module-not-found', 'list the modules of the device with "thingwall module ls DEVICE".'],
  ['hub/device-offline', 'see who is connected with "thingwall connections", or wait for the device with --connect-timeout.'],
  ['hub/device-gone', 'run the command again when the device is back.'],
  ['hub/method-timeout', 'give the device more time with --timeout; whether it did what was asked is not known.'],
  ['hub/queue-full', 'look at what waits with "thingwall message ls NAME", or drop it with "thingwall message purge NAME".'],
  ['hub/query-malformed', 'docs/queries-and-jobs.md says what a query may hold.'],
  ['hub/job-not-found', 'list the jobs with "thingwall job ls".'],
  ['hub/job-ended', 'look at it with "thingwall job show ID".'],
  ['hub/configuration-not-found', 'list them with "thingwall configuration ls".'],
  ['hub/file-not-found', 'list the files with "thingwall file ls".'],
  ['access/policy-not-found', 'list the documents with "thingwall policy ls".'],
  ['access/policy-conflict', 'somebody else changed the policy; look at "thingwall policy history" and run the command again.'],
  ['access/policy-test-failed', 'correct the rules or the tests that are named.'],
  ['access/policy-invalid', 'correct what is named; docs/policies.md says what a policy may hold.'],
  ['access/policy-fixed', 'give the document another name.'],
  ['control/unknown-host', 'use the address that hub.json of the data directory names, or start the hub with --name.'],
  ['hub/sha1-thumbprint', 'give the SHA-256 thumbprint: openssl x509 -in cert.pem -noout -fingerprint -sha256'],
])

function fixOf(status: number, code: string | undefined): string {
  const known = code === undefined ? undefined : fixes.get(code)
  if (known !== undefined) return known
  if (status === 401 || status === 403)
    return 'run this command on the machine of the hub, as the user that runs it; a restarted hub has a new credential, so run it again.'
  if (status === 404 || status === 410) return 'check the name: "thingwall device ls" lists what there is.'
  if (status === 409 || status === 412) return 'look at what stands there now and run the command again.'
  if (status === 429) return 'wait a minute and run the command again.'
  if (status >= 500) return 'look at what the hub says where it runs; "thingwall doctor" looks for causes.'
  return 'see --help of this command for what it takes.'
}
