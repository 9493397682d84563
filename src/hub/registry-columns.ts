import { type DeviceId, type Instant, instant, parseDeviceId } from '#base'
import type { Row } from '#store'

/** The text of a column. Throws, as all of these do, on a row that this room cannot have written. */
export function textOf(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new Error(`bug: column ${column} of the registry is not text`)
  return value
}

/** The text of a column that may be NULL. */
export function optionalTextOf(row: Row, column: string): string | null {
  return row[column] === null || row[column] === undefined ? null : textOf(row, column)
}

/** The texts of a column that holds a JSON list, or NULL for none. */
export function textsOf(row: Row, column: string): string[] {
  const written = optionalTextOf(row, column)
  if (written === null) return []
  const list: unknown = JSON.parse(written)
  if (!Array.isArray(list)) throw new Error(`bug: column ${column} of the registry is no list`)
  return list.map(String)
}

/** The time of a column: milliseconds since the epoch. */
export function instantOf(row: Row, column: string): Instant {
  const value = row[column]
  if (typeof value !== 'number') throw new Error(`bug: column ${column} of the registry is not a time`)
  return instant(value)
}

/** The time of a column that may be NULL. */
export function optionalInstantOf(row: Row, column: string): Instant | null {
  return row[column] === null || row[column] === undefined ? null : instantOf(row, column)
}

/** The device id of a column. */
export function idOfRow(row: Row, column: string): DeviceId {
  const id = parseDeviceId(textOf(row, column))
  if (!id.ok) throw new Error(`bug: the registry holds a device id that is none: ${id.error.message}`)
  return id.value
}
