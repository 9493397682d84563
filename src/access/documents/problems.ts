import { type Refusal, fail } from '#base'
import type { Problem } from './read.ts'

/** A refusal that names everything that is wrong, not only the first thing. */
export type Problems = Refusal & { readonly problems: readonly Problem[] }

/** Builds the refusal that carries `problems`; the sentence is the first of them and says how many more there are. */
export function refuseWith(code: string, problems: readonly Problem[]): { readonly ok: false; readonly error: Problems } {
  const [first] = problems
  const more = problems.length > 1 ? ` And ${problems.length - 1} more.` : ''
  const said = first === undefined ? 'This is refused.' : first.path === '' ? first.message : `${first.path}: ${first.message}`
  return fail({ code, message: `${said}${more}`, problems })
}
