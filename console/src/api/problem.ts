/** An expected no of the hub, or the network's silence. `code` is the refusal code; `status` 0 means nothing answered. */
export class Problem extends Error {
  readonly code: string
  readonly status: number
  /** What was wrong line by line, for input of many lines. */
  readonly lines: readonly string[]

  constructor(code: string, status: number, sentence: string, lines: readonly string[] = []) {
    super(sentence)
    this.lines = lines
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
    linesOf(body),
  )
}

function linesOf(body: unknown): readonly string[] {
  const errors: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'errors') : undefined
  if (!Array.isArray(errors)) return []
  return errors.flatMap((each: unknown) => {
    if (typeof each !== 'object' || each === null) return []
    return [`Line ${String(Reflect.get(each, 'line'))}: ${String(Reflect.get(each, 'message'))} (${String(Reflect.get(each, 'code'))})`]
  })
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
