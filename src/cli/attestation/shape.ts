import { time } from '../api.ts'
import type { Piece } from '../line.ts'
import { maybe, number, object, text } from '../shape.ts'

/** A device with a TPM, as the API shows it. */
export const attested = object({
  device: text,
  state: text,
  endorsementKey: text,
  policy: maybe(text),
  cloneSuspectedAt: maybe(time),
  evidence: maybe(
    object({
      attestationKey: text,
      key: text,
      clock: object({ clockMs: text, resetCount: number, restartCount: number }),
      firmware: text,
      provenAt: time,
      quotedAt: time,
    }),
  ),
})

/** One such device. */
export type Attested = ReturnType<typeof attested>

/** What `device show` says of a TPM: nothing where none is expected. */
export function attestationMembers(one: Attested | undefined): readonly (readonly [string, Piece])[] {
  if (one === undefined) return []
  const { state, policy, evidence, endorsementKey } = one
  const proven: readonly (readonly [string, Piece])[] =
    evidence === undefined
      ? []
      : [
          ['key in the TPM', evidence.key],
          ['proven', evidence.provenAt],
          [
            'last quote',
            `${evidence.quotedAt}, start ${evidence.clock.resetCount}.${evidence.clock.restartCount}, firmware ${evidence.firmware}`,
          ],
        ]
  return [
    ['TPM', policy === undefined ? state : `${state}, held to ${policy}`],
    ['endorsement key', endorsementKey],
    ...(one.cloneSuspectedAt === undefined ? [] : [['copy suspected', one.cloneSuspectedAt] as const]),
    ...proven,
  ]
}
