import { type Result, ok } from '#base'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { type Outcome, type Problem, done, exit, stop } from '../exit.ts'
import { type Given, isSet, position, text } from '../given.ts'
import type { Hub } from '../hub.ts'
import { codeOf } from '../hub-files.io.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { type LineFile, newLineFile } from './files.io.ts'
import { PlanSummary } from './plan.ts'
import { applyEnd, failure, importJob, kindOf, planEnd, planEntry, refusal, step } from './shapes.ts'
import { type Source, importFiles, sourcesIn } from './source.ts'

const batchLines = 500
const batchCharacters = 1024 * 1024

/** `import azure`: gives the hub every line, shows what each would do, and does it when told so. */
export const importAzure: Run = async (context, given) => {
  const directory = position(given, 0)
  const sources = await sourcesIn(directory)
  if (sources.length === 0)
    return stop(
      exit.usage,
      `${directory} holds nothing to import.`,
      `it has none of ${importFiles.join(', ')}.`,
      'name the directory of the export.',
    )
  const hub = context.hub()
  if (!hub.ok) return hub
  const staged = await stage(context, hub.value, sources)
  if (!staged.ok) return staged
  const path = text(given, '--plan')
  const file = path === undefined ? undefined : newLineFile(path, 0o600)
  if (file?.ok === false) return file
  const plan = await readPlan(context, hub.value, staged.value, file?.value)
  if (!plan.ok) return plan
  const summary = plan.value
  if (!isSet(given, '--json')) await summary.print(context.terminal)
  const wanted = await isWanted(context, given, summary)
  if (!wanted) {
    if (isSet(given, '--json')) await context.terminal.printJson({ plan: summary.json(), import: null }, 2)
    else if (summary.changes > 0) context.terminal.say('Nothing was changed. To do this, say --yes.')
    return summary.refused > 0 ? { ok: true, value: exit.failed } : done
  }
  return apply(context, given, hub.value, staged.value, summary)
}

/** Begins an import and gives it the lines of all files, in requests that the hub takes. */
async function stage(context: Context, hub: Hub, sources: readonly Source[]): Promise<Result<string, Problem>> {
  const begun = await ask(context, { method: 'POST', path: '/api/v1/imports', failure: 'The import was not begun.' }, importJob)
  if (!begun.ok) return begun
  const { id } = begun.value.value
  const progress = context.terminal.progress('reading')
  let count = 0
  try {
    for (const { source, path, lines } of sources) {
      let batch: { readonly line: number; readonly text: string }[] = []
      let characters = 0
      const send = async (): Promise<Result<unknown, Problem>> => {
        const body = { source, lines: batch }
        if (batch.length === 0) return ok(undefined)
        const sent = await hub.ask({ method: 'POST', path: `/api/v1/imports/${id}/lines`, body, failure: `${path} was not taken.` })
        count += batch.length
        progress.at(count, undefined)
        batch = []
        characters = 0
        return sent
      }
      for await (const line of lines()) {
        if (batch.length === batchLines || characters + line.text.length > batchCharacters) {
          const sent = await send()
          if (!sent.ok) return sent
        }
        batch.push(line)
        characters += line.text.length
      }
      const sent = await send()
      if (!sent.ok) return sent
    }
  } finally {
    progress.end()
  }
  return ok(id)
}

async function readPlan(context: Context, hub: Hub, id: string, file: LineFile | undefined): Promise<Result<PlanSummary, Problem>> {
  const path = `/api/v1/imports/${id}/plan`
  const failed = 'The import was not planned.'
  const lines = await hub.lines({ method: 'POST', path, failure: failed })
  if (!lines.ok) return lines
  const summary = new PlanSummary()
  const progress = context.terminal.progress('planning')
  try {
    for await (const line of lines.value) {
      file?.write(line)
      const { kind } = kindOf(line, 'a line')
      if (kind === 'refused') return told(failed, line)
      if (kind === 'done') {
        summary.end(planEnd(line, 'the plan'))
        return ok(summary)
      }
      summary.take(planEntry(line, 'an entry'))
      progress.at(summary.count, undefined)
    }
  } finally {
    progress.end()
    file?.close()
  }
  return stop(exit.failed, failed, 'the answer of the hub ended early.', 'try again.')
}

async function isWanted(context: Context, given: Given, summary: PlanSummary): Promise<boolean> {
  if (isSet(given, '--dry-run') || summary.changes === 0) return false
  if (isSet(given, '--yes')) return true
  return !isSet(given, '--json') && (await context.terminal.confirm('Do this?')) === true
}

async function apply(context: Context, given: Given, hub: Hub, id: string, summary: PlanSummary): Promise<Outcome> {
  const path = `/api/v1/imports/${id}/apply`
  const what = 'The import was not finished.'
  const lines = await hub.lines({ method: 'POST', path, body: { digest: summary.digest }, failure: 'Nothing was imported.' })
  if (!lines.ok) return lines
  const problems: ReturnType<typeof failure>[] = []
  const progress = context.terminal.progress('importing')
  try {
    for await (const line of lines.value)
      switch (kindOf(line, 'a line').kind) {
        case 'progress': {
          const at = step(line, 'progress')
          progress.at(at.done, at.total)
          break
        }
        case 'problem':
          problems.push(failure(line, 'a problem'))
          break
        case 'refused':
          return told('Nothing was imported.', line)
        case 'done': {
          progress.end()
          const job = applyEnd(line, 'the end').import
          if (isSet(given, '--json')) await context.terminal.printJson({ plan: summary.json(), import: job, problems }, 2)
          else {
            for (const one of problems) context.terminal.say(`  ${one.source} line ${one.line}, ${one.id}: ${one.message}`)
            const bad = job.failed > 0
            context.terminal.say([styled(bad ? 'yellow' : 'green', `done ${job.done - job.failed}`), bad ? `, ${job.failed} not` : ''])
          }
          return job.failed > 0 ? { ok: true, value: exit.failed } : done
        }
      }
  } catch (error) {
    // The hub has gone, in the middle of a line perhaps; anything else is for whoever started this.
    if (context.signal.aborted || (codeOf(error) === undefined && !(error instanceof SyntaxError))) throw error
  } finally {
    progress.end()
  }
  return stop(exit.unreachable, what, 'the answer of the hub ended early.', 'run the same command again: it plans what is missing.')
}

function told(what: string, line: unknown): { readonly ok: false; readonly error: Problem } {
  const { code, message } = refusal(line, 'a refusal')
  return { ok: false, error: { exit: exit.conflict, what, why: message, code, fix: 'run the same command again.' } }
}
