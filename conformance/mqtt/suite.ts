import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Lane, type Transcript, openLanes, play } from './runner.ts'
import { type SuiteHub, openSuiteHub } from './suite-hub.ts'

/**
 * Transcripts of one chapter, each under the statement that it shows, or the regression that it keeps away. Several statements
 * shown at once stand side by side, and a word behind them tells two transcripts of one statement apart:
 * `MQTT-3.1.3-6 MQTT-3.1.3-7`, `MQTT-3.3.1-9 retain-handling`.
 */
export type Chapter = Readonly<Record<string, Transcript>>

/** One normative statement: `who` has the duty, `says` it in our own short words. */
export type Statement = { readonly id: string; readonly who: 'server' | 'client' | 'both'; readonly says: string }

/** How a transcript ended: undefined is well. */
export type Outcome = { readonly statement: string; readonly failure: string | undefined }

/** Lanes that work at the same time: most of a transcript is waiting. */
const laneCount = 8

/** Runs every transcript of the chapters against one hub, several at a time, and says how each ended, in order. */
export async function playAll({ hub, issuer }: SuiteHub, chapters: readonly Chapter[], version: 4 | 5): Promise<readonly Outcome[]> {
  const all = chapters.flatMap((chapter) => Object.entries(chapter))
  const lanes = await openLanes(hub, laneCount)
  const outcomes: Outcome[] = []
  let next = 0
  const work = async (lane: Lane): Promise<void> => {
    for (let index = next++; index < all.length; index = next++) {
      const [statement = '', transcript = ''] = all[index] ?? []
      const failure = await play(transcript, { hub, issuer, lane, serial: index + 1, version }).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      )
      outcomes[index] = { statement, failure }
    }
  }
  await Promise.all(lanes.map(work))
  return outcomes
}

/** One test for each transcript, all against one hub that is opened for them. */
export function testAll(title: string, chapters: readonly Chapter[], version: 4 | 5): void {
  describe(title, () => {
    let outcomes: ReadonlyMap<string, Outcome> = new Map()
    let hub: SuiteHub | undefined
    before(async () => {
      hub = await openSuiteHub()
      outcomes = new Map((await playAll(hub, chapters, version)).map((outcome) => [outcome.statement, outcome]))
    })
    after(() => hub?.[Symbol.asyncDispose]())

    for (const chapter of chapters)
      for (const [statement, transcript] of Object.entries(chapter))
        test(`[${statement}] ${titleOf(transcript)}`, () => {
          const failure = outcomes.get(statement)?.failure
          assert.ok(failure === undefined, `${title} [${statement}] ${titleOf(transcript)}\n  ${failure}`)
        })
  })
}

/** A transcript's first comment is its title. */
export function titleOf(transcript: Transcript): string {
  return /^\s*#\s+(.*)$/m.exec(transcript)?.[1]?.trim() ?? ''
}
