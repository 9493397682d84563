import type { Chapter, Outcome, Statement } from './suite.ts'

/** One version of MQTT: its statements, what shows them, and why the others are not shown. */
export type Version = {
  readonly title: string
  /** Protocol version of CONNECT: 4 is MQTT 3.1.1. */
  readonly version: 4 | 5
  readonly statements: readonly Statement[]
  /** Under the path of the file that they stand in. */
  readonly chapters: Readonly<Record<string, Chapter>>
  /** Why a statement has no transcript; docs/divergences.md has the same. */
  readonly reasons: Readonly<Record<string, string>>
}

/** One row of the table: a statement, and where it is shown or why it is not. */
export type Row = Statement & { readonly shownBy: readonly string[]; readonly result: string }

/** Rows of a version in the order of its statements. Without outcomes of a run every transcript counts as run and good. */
export function rowsOf(version: Version, outcomes: readonly Outcome[] = []): readonly Row[] {
  const failed = new Set(outcomes.filter(({ failure }) => failure !== undefined).map(({ statement }) => statement))
  return version.statements.map((statement) => {
    const found = Object.entries(version.chapters).flatMap(([path, chapter]) =>
      Object.keys(chapter)
        .filter((key) => statementsOf(key).includes(statement.id))
        .map((key) => ({ path, key })),
    )
    const shownBy = [...new Set(found.map(({ path }) => path))]
    const result = found.some(({ key }) => failed.has(key)) ? 'FAILS' : 'pass'
    return { ...statement, shownBy, result: found.length > 0 ? result : (version.reasons[statement.id] ?? 'MISSING') }
  })
}

/** The statements that a transcript shows, by its key: `MQTT-3.1.3-6 MQTT-3.1.3-7 word`. */
export function statementsOf(key: string): readonly string[] {
  return key.split(' ').filter((word) => word.startsWith('MQTT-'))
}

/** The page docs/mqtt-conformance.md. The same run gives the same page: no dates, no durations. */
export function page(runs: readonly { readonly version: Version; readonly outcomes: readonly Outcome[] }[]): string {
  const parts = runs.map(({ version, outcomes }) => {
    const rows = rowsOf(version, outcomes)
    const transcripts = Object.values(version.chapters).reduce((sum, chapter) => sum + Object.keys(chapter).length, 0)
    const shown = rows.filter(({ shownBy }) => shownBy.length > 0)
    const failing = shown.filter(({ result }) => result !== 'pass').length
    return [
      `## ${version.title}`,
      '',
      `${rows.length} statements: ${shown.length - failing} pass, ${failing} fail, ${rows.length - shown.length} not shown. ${transcripts} transcripts.`,
      '',
      '| statement | who | says | shown by | result |',
      '|---|---|---|---|---|',
      ...rows.map(({ id, who, says, shownBy, result }) => `| ${id} | ${who} | ${cell(says)} | ${links(shownBy)} | ${cell(result)} |`),
      '',
    ].join('\n')
  })
  return `${introduction}\n${parts.join('\n')}`
}

const introduction = `# MQTT, statement by statement

Every normative statement of both specifications, in our own short words, and the transcript that shows it: a conversation with a
hub that runs, over TLS, in [conformance/mqtt](../conformance/mqtt). A transcript stands in the named file under the number of its statement.
What is not shown has a reason, which [divergences.md](divergences.md) has too. This page is written by a run of \`node scripts/mqtt-conformance.ts\`.
`

const links = (paths: readonly string[]): string => paths.map((path) => `[${path}](../conformance/mqtt/${path})`).join(', ') || '-'

const cell = (text: string): string => text.replaceAll('|', '\\|')
