import { hubDevicesDocument, hubDevicesName } from './built-in.ts'
import type { PolicyDocument } from './model.ts'
import { type LoadedPolicies, digestOf } from './policy-rows.ts'

/** A document as operators see it. `origin`: built into the hub, applied by somebody, or broken on disk and therefore denying. */
export type ShownPolicy = {
  readonly name: string
  readonly kind: PolicyDocument['kind']
  readonly origin: 'built-in' | 'applied' | 'broken'
  readonly rules: number
  readonly tests: number
  /** The version that applied it; 0 for what is built in. */
  readonly version: number
  readonly appliedAt: number | null
  readonly actor: string | null
  readonly digest: string
  /** Why it is broken; null when it is not. */
  readonly trouble: string | null
}

/** Every document that is in force or should be, with its text. */
export function shownPolicies(
  loaded: LoadedPolicies,
  fixed: readonly PolicyDocument[],
): readonly (ShownPolicy & { readonly text: string })[] {
  const replaced = loaded.applied.has(hubDevicesName) || loaded.broken.has(hubDevicesName) || loaded.headless
  const builtIn = [...fixed, ...(replaced ? [] : [hubDevicesDocument()])].map((document) =>
    shown(document, { origin: 'built-in', version: 0, appliedAt: null, actor: null }),
  )
  const applied = [...loaded.applied.values()].map(({ document, version, appliedAt, actor }) =>
    shown(document, { origin: 'applied', version, appliedAt, actor }),
  )
  const broken = [...loaded.broken].map(([name, trouble]) => ({
    name,
    kind: 'BrokerAuthorization' as const,
    origin: 'broken' as const,
    rules: 0,
    tests: 0,
    version: 0,
    appliedAt: null,
    actor: null,
    digest: '',
    trouble,
    text: '',
  }))
  return [...builtIn, ...applied, ...broken].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function shown(
  { name, kind, rules, tests, text }: PolicyDocument,
  how: Pick<ShownPolicy, 'origin' | 'version' | 'appliedAt' | 'actor'>,
): ShownPolicy & { readonly text: string } {
  return { name, kind, ...how, rules: rules.length, tests: tests.length, digest: digestOf(text), trouble: null, text }
}
