import type { Grant } from '#base'

/** Writes one entry into the audit log; durable when it resolves, thrown Fault when it cannot be written. The program wires it. */
export type AppendAudit = (
  grant: Grant,
  what: {
    readonly action: string
    readonly resource: string
    readonly detail?: Readonly<Record<string, string | number | boolean | null>>
    readonly outcome?: 'done' | 'refused'
  },
) => Promise<void>
