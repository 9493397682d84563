import type { FunctionName } from './functions.ts'
import { functions } from './functions.ts'

/** What the one language may say in one place: its functions, how names are written, and which attributes are times. */
export type Dialect = {
  readonly functions: ReadonlySet<FunctionName>
  /** Names of message properties may hold hyphens. */
  readonly hyphens: boolean
  /** `{$name}` is a message property. */
  readonly braces: boolean
  /** Attributes whose text is a time in ISO 8601: compared with a constant that is one too, they compare as times. */
  readonly times: ReadonlySet<string>
  /** What to say of a function that belongs to the other place. */
  readonly functionHint: string
}

/** Queries over devices, modules and jobs, and the conditions of jobs and configurations (azure-wire 5.4). */
export const deviceDialect: Dialect = {
  functions: new Set<FunctionName>(['IS_DEFINED']),
  hyphens: false,
  braces: false,
  times: new Set([
    'lastActivityTime',
    'connectionStateUpdatedTime',
    'statusUpdateTime',
    'statusUpdatedTime',
    'startTimeUtc',
    'endTimeUtc',
    'createdDateTimeUtc',
    'lastUpdatedDateTimeUtc',
  ]),
  functionHint: 'A query over devices knows IS_DEFINED; other functions belong to the conditions of routes.',
}

/** Conditions of routes (azure-wire 9.2, 9.3). */
export const routeDialect: Dialect = {
  functions: new Set([...functions.values()].map(({ name }) => name)),
  hyphens: true,
  braces: true,
  times: new Set(['$enqueuedTime']),
  functionHint: `The functions are ${[...functions.keys()].join(', ')}.`,
}
