/** Bounds of secrets; counts and bytes that peers choose, times in milliseconds. */
export const secretLimits = {
  /** Longest value, UTF-8 (azure: 25 KB). */
  valueBytes: 25 * 1024,
  contentTypeCharacters: 255,
  tags: 15,
  tagCharacters: 256,
  secrets: 10_000,
  /** Versions of one secret; the oldest disabled ones make room for new ones. */
  versions: 500,
  accessRules: 10_000,
  principalCharacters: 640,
  pageItems: 25,
  retentionDays: 90,
  /** A whole secret with its versions, as a backup has it. */
  backupBytes: 32 * 1024 * 1024,
  /** How often expired things are looked for. */
  upkeepMs: 60_000,
  /** Longest period, overlap or lead of a rotation, in days. */
  rotationDays: 3_650,
  generatedBytes: 1_024,
} as const

/** Milliseconds of a day. */
export const dayMs = 86_400_000
