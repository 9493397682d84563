/** One of several things that are wrong: on a line of the input, from 1, or at a place in it (`spec.rules[2]`). */
export type Mistake = { readonly line?: number; readonly path?: string; readonly code: string; readonly message: string }

/** An expected no of the hub, or the network's silence. `code` is the refusal code; `status` 0 means nothing answered. */
export class Problem extends Error {
  readonly code: string
  readonly status: number
  /** What was wrong, each with its line or place, for input of many lines. */
  readonly errors: readonly Mistake[]

  constructor(code: string, status: number, sentence: string, errors: readonly Mistake[] = []) {
    super(sentence)
    this.errors = errors
    this.name = 'Problem'
    this.code = code
    this.status = status
  }
}

/** The problem document (RFC 9457) of an answer that was not a yes; a made-up one when the body is something else. */
export function problemOf(status: number, body: unknown): Problem {
  const text = (name: string): string | undefined => {
    const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  return new Problem(
    text('code') ?? `http/${status}`,
    status,
    text('detail') ?? text('title') ?? `The hub answered with status ${status}.`,
    mistakesOf(body),
  )
}

function mistakesOf(body: unknown): readonly Mistake[] {
  const errors: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'errors') : undefined
  if (!Array.isArray(errors)) return []
  return errors.flatMap((each: unknown) => {
    if (typeof each !== 'object' || each === null) return []
    const [line, path]: readonly unknown[] = [Reflect.get(each, 'line'), Reflect.get(each, 'path')]
    return [
      {
        ...(typeof line === 'number' ? { line } : {}),
        ...(typeof path === 'string' && path !== '' ? { path } : {}),
        code: String(Reflect.get(each, 'code')),
        message: String(Reflect.get(each, 'message')),
      },
    ]
  })
}

/** A mistake in one line: `Line 3: A topic has at least one character. (topic-empty)`. */
export function mistakeText({ line, path, code, message }: Mistake): string {
  const where = line === undefined ? (path ?? '') : `Line ${line}`
  return `${where === '' ? '' : `${where}: `}${message} (${code})`
}

/** The problem behind anything thrown. Network failures become `console/unreachable`. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof TypeError) return new Problem('console/unreachable', 0, 'The hub does not answer.')
  return new Problem('console/bug', 0, error instanceof Error ? error.message : String(error))
}

const fixes: Readonly<Record<string, string>> = {
  'console/unreachable': 'Is it running? Start it with "npm start" and this page goes on by itself.',
  'console/bug': 'Reload the page. If it happens again, report it with the code above.',
  'hub/device-exists': 'Choose another name, or open the device that has it.',
  'access/policy-conflict': 'Plan again: the plan then shows what your change means now.',
  'access/policy-test-failed': 'Correct the rules or the tests; nothing was changed.',
  'access/policy-fixed': 'Give the document another name: this one belongs to the hub.',
  'access/policy-not-found': 'It may have been removed meanwhile. Go back to the list.',
  'hub/device-offline': 'A connect timeout waits for it. It must be connected, and its program must listen for methods.',
  'hub/method-timeout': 'It may still have run. Look at the device, or give it a longer response timeout.',
  'hub/queue-full': 'The device takes its messages, or somebody empties its queue.',
  'hub/etag-differs': 'Somebody changed it meanwhile. Take in their change, then save again.',
  'hub/query-malformed': 'Correct the text at the place that the message names.',
  'hub/query-unsupported': 'Ask for it in another way; the message says what is not served.',
  'hub/query-too-costly': 'Make the query simpler, or ask for fewer devices.',
  'hub/continuation-refused': 'Run the query again from its beginning.',
  'control/shrink-running': 'Someone else is searching. Try again when they are done.',
  'http/404': 'It may have been deleted meanwhile. Go back to the list.',
  'http/503': 'The hub is starting or its disk is behind. Try again in a moment.',
}

/** What the operator can do about a problem, in one sentence. */
export function fixFor(problem: Problem): string {
  const known = fixes[problem.code] ?? fixes[`http/${problem.status}`]
  if (known !== undefined) return known
  if (problem.status === 403) return 'Your role does not allow this. Ask whoever runs the hub.'
  if (problem.status === 409 || problem.status === 412) return 'Someone changed it meanwhile. Reload, then try again.'
  if (problem.status >= 500) return 'Try again; if it stays, look at the log of the hub.'
  if (problem.status >= 400) return 'Correct the input and try again.'
  return 'Try again.'
}
