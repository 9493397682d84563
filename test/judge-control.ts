import { fixtures } from '../src/guard/fixtures/index.ts'
import { now } from '../src/guard/fixtures/fixture.ts'
import { catalogue } from '../src/guard/catalogue.ts'
import { evaluate } from '../src/guard/evaluate.ts'
import type { Sighting } from '../src/guard/evidence.ts'
import { strictPolicy } from '../src/guard/policy.ts'
import { stamp } from '../src/guard/stamp.ts'

/** The verdict of a control on what was really measured, while everything that was not measured is well. */
export function judgeControl(
  id: string,
  measured: readonly Sighting[],
): { readonly verdict: string; readonly reason: string; readonly capped: boolean } {
  const control = catalogue.find((one) => one.id === id)
  if (control === undefined) throw new Error(`there is no control ${id}`)
  const methods = new Set(measured.map((sighting) => sighting.method))
  const rest = (fixtures[id]?.passes ?? []).filter((entry) => !methods.has(entry.method))
  const { verdict, reason, capped } = evaluate(control, [...rest, ...measured.map((sighting) => stamp(sighting, now))], strictPolicy, now)
  return { verdict, reason, capped }
}
