import { done, exit } from '../exit.ts'
import { isSet, positions, text } from '../given.ts'
import { styled } from '../line.ts'
import type { Run } from '../spec.ts'
import { collect } from './collect.io.ts'
import { judge } from './judge.ts'
import { collectTpm } from './tpm.io.ts'
import { judgeTpm } from './tpm.ts'

/** `doctor`: looks at this machine and the hub, and says what is wrong, why it matters and how to mend it. `doctor tpm` looks at a TPM alone. Exit 1 on any failure. */
export const doctor: Run = async (context, given) => {
  const { terminal } = context
  const ofTpm = positions(given, 0).includes('tpm')
  const findings = ofTpm ? judgeTpm(await collectTpm(text(given, '--tcti'))) : judge(await collect(context))
  if (isSet(given, '--json')) await terminal.printJson(findings, 2)
  else
    for (const { name, verdict, what, why, fix } of findings) {
      if (!terminal.isPerson) {
        await terminal.printCells([verdict, name, what, why ?? '', fix ?? ''])
        continue
      }
      const style = verdict === 'ok' ? 'green' : verdict === 'note' ? 'yellow' : 'red'
      await terminal.print([styled(style, verdict.padEnd(5)), styled('bold', name.padEnd(18)), what])
      if (why !== undefined) await terminal.print([styled('dim', '       why: '), why])
      if (fix !== undefined) await terminal.print([styled('dim', '       fix: '), fix])
    }
  const failed = findings.filter((entry) => entry.verdict === 'fail').length
  if (terminal.isPerson) terminal.say(failed === 0 ? styled('green', 'Nothing stands in the way.') : styled('red', `${failed} to mend.`))
  return failed === 0 ? done : { ok: true, value: exit.failed }
}
