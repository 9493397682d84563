import { done, exit } from '../exit.ts'
import { isSet, position } from '../given.ts'
import { plainJson, styled } from '../line.ts'
import type { Run } from '../spec.ts'

/** `config check`: reads a settings file as `start` would and prints what counts. Starts nothing. */
export const configCheck: Run = async ({ terminal }, given) => {
  const { effectiveJson, effectiveSettings, readSettings } = await import('#server')
  const settings = readSettings(position(given, 0))
  if (!settings.ok) {
    const { code, message, detail, problems } = settings.error
    const more = problems.slice(1).map((problem) => `${problem.path} ${problem.message}.`)
    return { ok: false, error: { exit: exit.failed, what: message, why: detail, fix: 'docs/settings.md lists every setting.', code, more } }
  }
  if (isSet(given, '--json')) {
    await terminal.printJson(effectiveJson(settings.value), 2)
    return done
  }
  for (const { path, value, given: isGiven } of effectiveSettings(settings.value)) {
    const shown = value === undefined ? '-' : typeof value === 'string' ? value : plainJson(value)
    const where = isGiven ? 'file' : 'default'
    if (terminal.isPerson) await terminal.print([path.padEnd(60), styled(isGiven ? 'green' : 'dim', shown)])
    else await terminal.printCells([path, shown, where])
  }
  return done
}
