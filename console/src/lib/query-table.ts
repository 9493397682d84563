import type { QueryPage } from '../api/types.ts'
import { isObject } from './json-text.ts'

/** Most columns of a table; what has more is looked at as JSON. */
const maxColumns = 24
/** What of a twin is worth a column; the rest is in its JSON. */
const twinColumns = ['deviceId', 'moduleId', 'status', 'connectionState', 'tags', 'properties.desired', 'properties.reported'] as const

/** The columns of a table of items, in the order in which they came. */
export function columnsOf(items: readonly unknown[], type: QueryPage['itemType']): readonly string[] {
  if (type === 'Twin') return twinColumns.filter((name) => items.some((item) => cellOf(item, name) !== undefined))
  const names = new Set<string>()
  for (const item of items) for (const name of isObject(item) ? Object.keys(item) : ['value']) names.add(name)
  return [...names].slice(0, maxColumns)
}

/** The value of an item in a column; undefined: it has none. Twins are looked into by a path, without what the hub says about their properties. */
export function cellOf(item: unknown, column: string): unknown {
  if (!isObject(item)) return column === 'value' ? item : undefined
  if (Object.hasOwn(item, column)) return item[column]
  const [first = '', second] = column.split('.', 2)
  const inner = second !== undefined && Object.hasOwn(item, first) ? item[first] : undefined
  const section = isObject(inner) && second !== undefined && Object.hasOwn(inner, second) ? inner[second] : undefined
  return isObject(section) ? Object.fromEntries(Object.entries(section).filter(([name]) => !name.startsWith('$'))) : section
}

/** A cell as text; nothing for what is not there. */
export function cellText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The table as CSV (RFC 4180). A text that a spreadsheet would calculate is quoted as text: devices write some of them. */
export function csvOf(columns: readonly string[], items: readonly unknown[]): string {
  const cell = (value: unknown): string => {
    const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : cellText(value)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return [columns, ...items.map((item) => columns.map((column) => cellOf(item, column)))]
    .map((row) => `${row.map(cell).join(',')}\r\n`)
    .join('')
}

/** The line and column that a refused query names: `Line 1, column 30: ...`. */
export function placeOf(message: string): { readonly line: number; readonly column: number } | undefined {
  const [, line, column] = /^Line (\d+), column (\d+)/.exec(message) ?? []
  return line === undefined || column === undefined ? undefined : { line: Number(line), column: Number(column) }
}
