import type { Instant } from '#base'

/**
 * What the operator has decided and the controls judge against. Missing settings are the strict ones.
 * A policy file that cannot be read must stop the program that reads it; it never becomes this default.
 */
export type Policy = {
  /** The dated permission to be reachable from the public internet, with the person who answers for it. */
  readonly publicIngress: { readonly owner: string; readonly until: Instant } | null
}

/** Nothing is excused. */
export const strictPolicy: Policy = { publicIngress: null }
