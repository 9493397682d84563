/*
 * Texts of policies that were begun and not applied. They outlive a change of page, not a reload: what the hub does not know is not worth
 * keeping on a shared machine.
 */

const drafts = new Map<string, string>()

/** The draft of a document, by its name; the empty name is a new one. */
export const draftOf = (name: string): string | undefined => drafts.get(name)

/** Keeps a draft, or drops it when `text` is undefined. */
export function keepDraft(name: string, text: string | undefined): void {
  if (text === undefined) drafts.delete(name)
  else drafts.set(name, text)
}
