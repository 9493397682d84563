import { limits } from '#base'
import type { StateStoreResource } from './model.ts'
import { piecesOf } from './client-id-pattern.ts'
import { isKnownToken } from './principal-view.ts'
import { isToken } from './topic-pattern.ts'

/** What is wrong with one text of a document, if anything: a stable code and a sentence. */
export type Wrong = { readonly code: string; readonly message: string }

/** Most characters of one topic, client identifier or key of a policy. */
export const maxPatternLength = 1024

// Each star of a client identifier is a search through what a client sent.
const maxStars = 8

/** Judges a topic pattern: `#` last and alone, `+` alone, tokens alone in their level and known (edge.md 1.11, 1.18). */
export function topicProblem(topic: string): Wrong | undefined {
  if (topic === '') return { code: 'topic-empty', message: 'A topic has at least one character.' }
  const bad = textProblem(topic, 'A topic')
  if (bad !== undefined) return bad
  const levels = topic.split('/')
  if (levels.length > limits.topicLevels) return { code: 'topic-too-deep', message: `A topic has at most ${limits.topicLevels} levels.` }
  for (const [index, level] of levels.entries()) {
    if (level === '#' && index < levels.length - 1) return { code: 'hash-not-last', message: 'The wildcard # stands at the end.' }
    const wild = level.includes('#') ? '#' : level.includes('+') ? '+' : undefined
    if (wild !== undefined && level.length > 1)
      return { code: 'wildcard-not-alone', message: `The wildcard ${wild} stands alone between two slashes.` }
    const wrong = tokensOf(level).some(() => !isToken(level) || tokensOf(level).length > 1)
      ? { code: 'token-not-alone', message: `A token is the whole text between two slashes; ${JSON.stringify(level)} is not.` }
      : unknownToken(level)
    if (wrong !== undefined) return wrong
  }
  if (topic.startsWith('$share/') || topic.startsWith('$shared/'))
    return { code: 'topic-shared', message: 'Shared subscriptions are judged by the filter behind the group; leave the group out.' }
  return undefined
}

/** Judges a client identifier pattern of Connect. */
export function clientIdProblem(pattern: string): Wrong | undefined {
  if (pattern === '') return { code: 'client-id-empty', message: 'A client identifier pattern has at least one character.' }
  if (piecesOf(pattern).filter(({ is }) => is === 'star').length > maxStars)
    return { code: 'too-many-stars', message: `A client identifier pattern has at most ${maxStars} stars.` }
  return textProblem(pattern, 'A client identifier pattern') ?? unknownToken(pattern)
}

/** Judges a key of the state store: base64 for Binary, tokens known elsewhere. */
export function keyProblem(key: string, keyType: StateStoreResource['keyType']): Wrong | undefined {
  if (key === '') return { code: 'key-empty', message: 'A key has at least one character.' }
  if (keyType === 'Binary')
    return Buffer.from(key, 'base64').toString('base64') === key
      ? undefined
      : { code: 'key-not-base64', message: 'A binary key is given in base64.' }
  return textProblem(key, 'A key') ?? unknownToken(key)
}

/** Judges a text that is compared for equality: a user name, a client identifier, an attribute. */
export function nameProblem(name: string): Wrong | undefined {
  if (name === '') return { code: 'name-empty', message: 'This has at least one character.' }
  return textProblem(name, 'A name')
}

function textProblem(text: string, what: string): Wrong | undefined {
  if (text.length > maxPatternLength) return { code: 'too-long', message: `${what} has at most ${maxPatternLength} characters.` }
  // A lone surrogate cannot be sent as UTF-8, so nothing could ever match it.
  if (text.includes('\0') || !text.isWellFormed()) return { code: 'bad-text', message: `${what} is text without NUL.` }
  return undefined
}

function tokensOf(text: string): readonly string[] {
  return piecesOf(text).flatMap((piece) => (piece.is === 'token' ? [piece.text] : []))
}

function unknownToken(text: string): Wrong | undefined {
  const unknown = tokensOf(text).find((token) => !isKnownToken(token))
  if (unknown === undefined) return undefined
  return {
    code: 'token-unknown',
    message: `{${unknown.slice(0, 64)}} is none of {principal.username}, {principal.clientId}, {principal.attributes.NAME}.`,
  }
}
