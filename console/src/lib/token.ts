/** The token of a sign-in link, or of a token pasted alone; undefined when there is none. */
export function tokenOf(text: string): string | undefined {
  return /(?:#token=|^)([A-Za-z0-9_-]{16,256})$/.exec(text.trim())?.[1]
}
