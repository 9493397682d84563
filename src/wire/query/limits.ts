/** What one query or condition may ask of us. */
export const queryLimits = {
  /** Text, in bytes of UTF-8 (azure-wire 5.4). */
  textBytes: 8 * 1024,
  /** Parentheses, calls and operators inside one another. */
  depth: 32,
  /** Operators, constants, attributes and calls together. */
  nodes: 1_000,
  /** Items of a select list, and attributes of a GROUP BY. */
  selected: 50,
  /** Steps of one attribute: `tags.a.b[0]` has four. */
  pathSteps: 16,
  /** UTF-16 units of a text that a function makes. */
  madeText: 256 * 1024,
} as const
