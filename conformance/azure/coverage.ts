import { type Over, deviceTransports } from './case.ts'
import { type Row, must, othersShow, should } from './rows.ts'

/** What a test has come to. */
export type Outcome = { readonly test: string; readonly result: 'pass' | 'fail' | 'skip' }

/** All columns of the table. */
export const columns: readonly Over[] = [...deviceTransports, 'rest']

/** The cell of a row and a column that a test shows, or undefined for one that is about something else. */
export function cellOf(test: string): { readonly row: string; readonly over: string } | undefined {
  const [, row, over] = /^([MS]\d+) .* over (\S+)$/.exec(test) ?? []
  if (row !== undefined && over !== undefined) return { row, over }
  const other = othersShow.find(([begins]) => test.startsWith(begins))
  return other === undefined ? undefined : { row: other[1], over: 'rest' }
}

/** What stands in a cell: every test of it must pass. */
export function verdictOf({ id, over }: Row, column: Over, outcomes: readonly Outcome[]): string {
  if (!over.includes(column)) return '-'
  const results = outcomes
    .filter(({ test }) => {
      const cell = cellOf(test)
      return cell?.row === id && cell.over === column
    })
    .map(({ result }) => result)
  if (results.length === 0) return 'MISSING'
  if (results.includes('fail')) return 'FAILS'
  return results.includes('skip') ? 'not run' : 'pass'
}

/** The page docs/azure-compatibility.md. The same results give the same page: no dates, no durations. */
export function page(outcomes: readonly Outcome[]): string {
  const cells = [...must, ...should]
    .flatMap((row) => columns.map((column) => verdictOf(row, column, outcomes)))
    .filter((cell) => cell !== '-')
  const passing = cells.filter((cell) => cell === 'pass').length
  const later = [...must, ...should].filter((row) => row.later !== undefined).length
  return [
    introduction,
    `${cells.length} cells: ${passing} pass, ${cells.length - passing} do not. ${later} rows come later.`,
    '',
    '## Must',
    '',
    ...table(must, outcomes),
    '',
    '## Should',
    '',
    ...table(should, outcomes),
    '',
  ].join('\n')
}

const table = (rows: readonly Row[], outcomes: readonly Outcome[]): readonly string[] => [
  `| row | calls | passes when | ${columns.join(' | ')} |`,
  `|---|---|---|${columns.map(() => '---').join('|')}|`,
  ...rows.map((row) => {
    const passes = row.later === undefined ? row.passes : `later: ${row.later}`
    return `| ${row.id} | ${row.calls} | ${passes} | ${columns.map((column) => verdictOf(row, column, outcomes)).join(' | ')} |`
  }),
]

const introduction = `# Azure IoT Hub's SDKs, row by row

Stock SDKs from npm (\`azure-iot-device\` over five transports, \`azure-iothub\`, \`@azure/event-hubs\`, those for provisioning), changed in nothing but their connection
strings and whom they trust, against a hub that runs on the ports that they expect. Each cell is one or more tests of
[conformance/azure](../conformance/azure); \`rest\` is what back ends ask over HTTPS, \`-\` is what an SDK does not have there. What the hub does
otherwise than IoT Hub is in [divergences.md](divergences.md). This page is written by a run of \`node scripts/azure-conformance.ts\`.
`
