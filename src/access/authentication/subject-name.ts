import { type Result, ok, refuse } from '#base'
import { type Name, type NameAttribute, attributeType, nameAttributes } from '#wire/x509'

/** A distinguished name as an operator wrote it: its attributes in order. */
export type SubjectName = readonly NameAttribute[]

/** Longest written name, in characters, and most attributes. */
const most = { characters: 2_048, attributes: 32 } as const

/**
 * Reads `CN = Contoso Root CA Cert, OU = Engineering, C = US` (edge.md 1.6, 7): spaces around `=` and after `,` do not count, and a backslash
 * takes the character after it literally, whether a comma or a backslash. Refuses types that nobody knows, and empty ones.
 */
export function parseSubjectName(text: string): Result<SubjectName> {
  const no = (why: string) => refuse('access/subject-malformed', `This is no distinguished name such as CN = pump-1, O = Plant: ${why}.`)
  if (text.length > most.characters) return no(`it has more than ${most.characters} characters`)
  const parts = splitAtCommas(text)
  if (parts.length > most.attributes) return no(`it has more than ${most.attributes} attributes`)
  const attributes: NameAttribute[] = []
  for (const part of parts) {
    const equals = part.indexOf('=')
    if (equals < 0) return no('an attribute has no equals sign')
    const type = attributeType(part.slice(0, equals).trim())
    if (type === undefined) return no('an attribute type is unknown')
    const value = unescape(part.slice(equals + 1).trim())
    if (value === '') return no('an attribute is empty')
    attributes.push({ type, value })
  }
  return ok(attributes)
}

/** Whether a certificate's subject is this name: the whole list, in the order in which it is encoded, to the letter. */
export function isSubject(name: Name, wanted: SubjectName): boolean {
  const read = nameAttributes(name)
  return read.ok && read.value !== undefined && isSameName(read.value, wanted)
}

/** Whether two written names are the same. */
export function isSameName(one: SubjectName, other: SubjectName): boolean {
  return one.length === other.length && one.every(({ type, value }, at) => other[at]?.type === type && other[at]?.value === value)
}

/** Pieces between commas that no backslash stands before; the backslashes stay. */
function splitAtCommas(text: string): readonly string[] {
  const parts: string[] = []
  let from = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === ',') {
      parts.push(text.slice(from, at))
      from = at + 1
    }
  }
  parts.push(text.slice(from))
  return parts
}

function unescape(text: string): string {
  let plain = ''
  for (let at = 0; at < text.length; at++) plain += text[at] === '\\' && at + 1 < text.length ? (text[++at] ?? '') : (text[at] ?? '')
  return plain
}
