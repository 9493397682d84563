/** A JSON object whose members are not known. */
export type JsonObject = { readonly [key: string]: unknown }

/** What a text is as JSON; `line` from 1 where the browser says which. */
export type JsonText<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'wrong'; readonly message: string; readonly line: number | undefined }

/** Whether a value is an object with members: no list, no null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads any JSON value. */
export function readJson(text: string): JsonText<unknown> {
  try {
    return { kind: 'value', value: JSON.parse(text) }
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    const [, line] = /\(?(?:at )?line (\d+) column \d+/.exec(said) ?? []
    // Without a place in it the text ends too soon, or the browser does not say.
    const end = /end of/i.test(said) ? text.split('\n').length : undefined
    return { kind: 'wrong', message: `This is no JSON: ${said}.`, line: line === undefined ? end : Number(line) }
  }
}

/** Reads a JSON object. */
export function readObject(text: string): JsonText<JsonObject> {
  const read = readJson(text)
  if (read.kind === 'wrong') return read
  return isObject(read.value) ? { kind: 'value', value: read.value } : { kind: 'wrong', message: 'This is no JSON object.', line: 1 }
}

/** A value as one reads it: JSON with two spaces. */
export const jsonText = (value: unknown): string => JSON.stringify(value, undefined, 2) ?? ''
